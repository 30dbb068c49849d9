"""Small fits on a quiet machine and beside two busy processes, in one table.

Run ``python -m benchmarks.small_fits_beside_busy_processes``; further folders given as arguments
hold other states of the package to measure beside this one.

The search has a grid of 27 candidates in 5 folds of the diabetes data. Every case runs in a process
of its own, with as many threads as a user gets; quiet and busy ones of all states take turns. The
busy processes multiply numbers without end, and are ended after each case.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

from benchmarks.timing import machine, markdown_table

ROOT = Path(__file__).parents[1]
N_BUSY = 2

HEAD = """
import time
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler
from skntk import NNGPRegressor, NTKRegressor
from skntk.architecture import FullyConnected

def seconds(work):
    work()  # compiles
    start = time.perf_counter()
    work()
    return time.perf_counter() - start

def fits(model, n, times):
    X = np.random.default_rng(0).normal(size=(n, 10))
    y = np.sin(X[:, 0])
    return lambda: [model.fit(X, y) for _ in range(times)]
"""

SEARCH = """
X, y = load_diabetes(return_X_y=True)
X = StandardScaler().fit_transform(X)
grid = {
    "architecture__weight_std": [1.0, 1.4, 2.0],
    "architecture__bias_std": [0.0, 0.1, 0.5],
    "alpha": [1e-2, 1e-1, 1.0],
}
search = GridSearchCV(NTKRegressor(FullyConnected(2)), grid, cv=5, refit=False)
print(seconds(lambda: search.fit(X, y)))
"""

CASES = {
    "135 fits of a search": SEARCH,
    "50 fits of NNGPRegressor, n = 350": "print(seconds(fits(NNGPRegressor(alpha=0.1), 350, 50)))",
    "50 fits of NTKRegressor, n = 350": "print(seconds(fits(NTKRegressor(alpha=0.1), 350, 50)))",
    "5 fits of NTKRegressor, n = 2000": "print(seconds(fits(NTKRegressor(alpha=0.1), 2000, 5)))",
}

# It ends by itself if the process that started it has died.
BUSY = """
import os
parent = os.getppid()
print("busy", flush=True)
while os.getppid() == parent:
    sum(i * i for i in range(100_000))
"""


@contextmanager
def busy_processes(number: int) -> Iterator[None]:
    """Start processes that compute without end, and end them."""
    command = [sys.executable, "-c", BUSY]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(number)]
    try:
        for process in started:
            assert process.stdout is not None
            process.stdout.readline()
        yield
    finally:
        for process in started:
            process.kill()
        for process in started:
            process.communicate()


def seconds_of_case(state: Path, case: str) -> float:
    """Return the seconds of a case in a new process, with the package in a folder."""
    environment = {
        name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")
    }
    environment["PYTHONPATH"] = str(state)
    command = [sys.executable, "-c", HEAD + CASES[case]]
    # In the folder, since Python looks for the package in the working directory first.
    finished = subprocess.run(
        command, env=environment, cwd=state, check=True, stdout=subprocess.PIPE, text=True
    )
    return float(finished.stdout)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("states", nargs="*", type=Path, help="folders of other states")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="cases with this in their names")
    arguments = parser.parse_args()

    states = [state.resolve() for state in (ROOT, *arguments.states)]
    cases = [case for case in CASES if arguments.only in case]
    seconds: dict[tuple[str, Path, int], list[float]] = {}
    print(machine(), end="\n\n")
    for _, case, state, number in product(range(arguments.rounds), cases, states, (0, N_BUSY)):
        with busy_processes(number):
            found = seconds_of_case(state, case)
        seconds.setdefault((case, state, number), []).append(found)
    rows = []
    for case, state in product(cases, states):
        quiet, busy = (sorted(seconds[case, state, number]) for number in (0, N_BUSY))
        middle = len(quiet) // 2
        times = quiet[0], quiet[middle], busy[0], busy[middle]
        ratios = busy[0] / quiet[0], busy[middle] / quiet[middle]
        cells = [*(f"{value:.2f}" for value in times), *(f"{value:.1f}" for value in ratios)]
        rows.append([case, state.name, *cells])
    columns = ["quiet: least s", "median s", "busy: least s", "median s", "ratio", "of medians"]
    print(markdown_table(["case", "state", *columns], rows))


if __name__ == "__main__":
    main()
