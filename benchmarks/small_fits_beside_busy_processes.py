"""135 small fits on a quiet machine and beside two busy processes, in one table.

Run ``python -m benchmarks.small_fits_beside_busy_processes``; further folders given as arguments
hold other states of the package to measure beside this one.

A grid of 27 candidates in 5 folds of the diabetes data. Every search runs in a process of its own,
with as many threads as a user gets; quiet and busy ones of all states take turns. The busy
processes multiply numbers without end, and are ended after each search.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.timing import machine, markdown_table

ROOT = Path(__file__).parents[1]
N_BUSY = 2

SEARCH = """
import time
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler
from skntk import NTKRegressor
from skntk.architecture import FullyConnected

X, y = load_diabetes(return_X_y=True)
X = StandardScaler().fit_transform(X)
grid = {
    "architecture__weight_std": [1.0, 1.4, 2.0],
    "architecture__bias_std": [0.0, 0.1, 0.5],
    "alpha": [1e-2, 1e-1, 1.0],
}
search = GridSearchCV(NTKRegressor(FullyConnected(2)), grid, cv=5, refit=False)
search.fit(X, y)  # compiles
start = time.perf_counter()
search.fit(X, y)
assert np.isfinite(search.cv_results_["mean_test_score"]).all()
print(time.perf_counter() - start)
"""

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


def seconds_of_search(state: Path) -> float:
    """Return the seconds of a search in a new process, with the package in a folder."""
    environment = {
        name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")
    }
    environment["PYTHONPATH"] = str(state)
    command = [sys.executable, "-c", SEARCH]
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
    arguments = parser.parse_args()

    states = [state.resolve() for state in (ROOT, *arguments.states)]
    seconds: dict[tuple[Path, int], list[float]] = {}
    print(machine(), end="\n\n")
    for _ in range(arguments.rounds):
        for state in states:
            for number in (0, N_BUSY):
                with busy_processes(number):
                    found = seconds_of_search(state)
                seconds.setdefault((state, number), []).append(found)
    rows = []
    for state in states:
        quiet, busy = (sorted(seconds[state, number]) for number in (0, N_BUSY))
        middle = len(quiet) // 2
        rows.append(
            [
                state.name,
                f"{quiet[0]:.2f}",
                f"{quiet[middle]:.2f}",
                f"{busy[0]:.2f}",
                f"{busy[middle]:.2f}",
                f"{busy[0] / quiet[0]:.1f}",
                f"{busy[middle] / quiet[middle]:.1f}",
            ]
        )
    columns = ["quiet: least s", "median s", "busy: least s", "median s", "ratio", "of medians"]
    print(markdown_table(["state", *columns], rows))


if __name__ == "__main__":
    main()
