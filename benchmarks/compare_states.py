"""Time two states of the package beside each other: kernels, fits, predictions and searches.

Run ``python -m benchmarks.compare_states BEFORE AFTER`` with the folders of two states. Processes
of both take turns, each compiles everything and then times it; the shortest time of all processes
and the median are printed. Nothing but the public interface is used.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.timing import machine, markdown_table

CASES = """
import json, sys, time
import numpy as np
from sklearn.model_selection import GridSearchCV
from skntk import ClosedFormSearchCV, NTKRegressor, gram_matrix
from skntk.architecture import ConvNet, FullyConnected, Myrtle

random = np.random.default_rng(0)
X, X_test = random.normal(size=(4000, 64)), random.normal(size=(200, 64))
y = np.sin(X[:, 0])
images = random.normal(size=(64, 16, 16, 3))
grid = {"alpha": [1e-2, 1e-1, 1.0], "architecture__weight_std": [1.0, 1.5]}
cases = {}

for n in (1000, 4000):
    for dtype in ("float32", "float64"):
        cases[f"gram_matrix, FullyConnected, n = {n}, {dtype}"] = (
            lambda n=n, dtype=dtype: gram_matrix(FullyConnected(3), X[:n], dtype=dtype)
        )
for network in (ConvNet(2, pooling="global"), Myrtle(5)):
    cases[f"gram_matrix, {type(network).__name__}, 64 images"] = (
        lambda network=network: gram_matrix(network, images, dtype="float32")
    )
for n in (60, 500, 2000):
    cases[f"NTKRegressor.fit, n = {n}"] = lambda n=n: NTKRegressor(alpha=0.1).fit(X[:n], y[:n])
    model = NTKRegressor(alpha=0.1).fit(X[:n], y[:n])
    cases[f"NTKRegressor.predict(return_std=True), n = {n}"] = (
        lambda model=model: model.predict(X_test, return_std=True)
    )
for search in (ClosedFormSearchCV, GridSearchCV):
    cases[f"{search.__name__}, 6 candidates, n = 200"] = (
        lambda search=search: search(NTKRegressor(FullyConnected()), grid, cv=3).fit(
            X[:200], y[:200]
        )
    )

chosen = sys.argv[2]
found = {}
for name, call in cases.items():
    if chosen not in name:
        continue
    call()
    found[name] = []
    for _ in range(int(sys.argv[1])):
        start = time.perf_counter()
        call()
        found[name].append(time.perf_counter() - start)
print(json.dumps(found))
"""

Times = dict[str, list[float]]


def times_of(state: Path, repetitions: int, chosen: str) -> Times:
    """Return the seconds of each case in a new process, with the package in a folder."""
    command = [sys.executable, "-c", CASES, str(repetitions), chosen]
    environment = {**os.environ, "PYTHONPATH": str(state)}
    # In the folder, since Python looks for the package in the working directory first.
    finished = subprocess.run(
        command, env=environment, cwd=state, check=True, stdout=subprocess.PIPE, text=True
    )
    found: Times = json.loads(finished.stdout)
    return found


def row(name: str, before: list[float], after: list[float]) -> list[str]:
    """Return the row of one case: least and median times, and their ratios."""
    cells = [name]
    for statistic in (np.min, np.median):
        old, new = 1e3 * statistic(before), 1e3 * statistic(after)
        cells += [f"{old:.3g}", f"{new:.3g}", f"{new / old:.2f}"]
    return cells


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--rounds", type=int, default=5, help="processes of each state")
    parser.add_argument("--repetitions", type=int, default=3, help="of each case in a process")
    parser.add_argument("--only", default="", help="cases with this in their names")
    arguments = parser.parse_args()

    states = [arguments.before.resolve(), arguments.after.resolve()]
    found: list[Times] = [{}, {}]
    print(machine(), end="\n\n")
    for number in range(arguments.rounds):
        # Which state comes first alternates as well.
        for position in (0, 1) if number % 2 == 0 else (1, 0):
            times = times_of(states[position], arguments.repetitions, arguments.only)
            for name, seconds in times.items():
                found[position].setdefault(name, []).extend(seconds)
    columns = ["before: least ms", "after", "ratio", "before: median ms", "after", "ratio"]
    rows = [row(name, found[0][name], found[1][name]) for name in found[0]]
    print(markdown_table(["case", *columns], rows))


if __name__ == "__main__":
    main()
