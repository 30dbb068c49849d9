"""`NNGPRegressor` beside `GaussianProcessRegressor`, and what a first fit and memory cost.

Run ``python -m benchmarks.compare_with_gaussian_process``. Both regressors solve the same dense
system, so the difference is the kernel and the care around it. Compilation, import and memory are
measured in new processes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF

from benchmarks.timing import best_of_rounds, machine, markdown_table
from skntk import NNGPRegressor
from skntk.architecture import FullyConnected

ESTIMATORS = ("NNGPRegressor", "NTKRegressor")
N_FEATURES = 64

# Prints the seconds of the first fit and of the same fit again.
FIRST_FIT = """
import json, time
import numpy as np
from skntk import {estimator}
from skntk.architecture import FullyConnected
random = np.random.default_rng(0)
X, y = random.standard_normal(({n}, 64)), random.standard_normal({n})
model = {estimator}(FullyConnected(depth=3))
times = []
for _ in range(2):
    start = time.perf_counter()
    model.fit(X, y)
    times.append(time.perf_counter() - start)
print(json.dumps(times))
"""

# Prints the seconds of the imports that a user has anyway, and of ours after them.
IMPORT = """
import json, time
start = time.perf_counter()
import jax, sklearn
middle = time.perf_counter()
import skntk
print(json.dumps([middle - start, time.perf_counter() - middle]))
"""

# Prints the peak of fit above what was there before: NumPy's arrays, and the whole process (Linux:
# writing 5 resets the peak). A fit of other rows comes before, so that compiling does not count.
MEMORY = """
import gc, json, re, tracemalloc
from pathlib import Path
import numpy as np
from skntk import {estimator}
from skntk.architecture import FullyConnected

def resident(name):
    return 1024 * int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

random = np.random.default_rng(0)
X, y = random.standard_normal(({n}, 64)), random.standard_normal({n})
{estimator}(FullyConnected(depth=3)).fit(X, y)
gc.collect()
Path("/proc/self/clear_refs").write_text("5")
before = resident("VmRSS")
{start}
model = {estimator}(FullyConnected(depth=3)).fit(X, y)
traced = tracemalloc.get_traced_memory()[1]
unit = 8 * {n} ** 2
print(json.dumps([traced / unit, (resident("VmHWM") - before) / unit]))
"""


def in_new_process(program: str, **names: object) -> list[float]:
    """Run a program and return the numbers that it prints."""
    command = [sys.executable, "-c", program.format(**names)]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return list(map(float, json.loads(printed)))


def fit_and_predict(n: int, n_test: int, rounds: int) -> list[list[str]]:
    """Return rows with the seconds of both regressors."""
    random = np.random.default_rng(0)
    X, X_test = np.split(random.standard_normal((n + n_test, N_FEATURES)), [n])
    y = np.sin(X[:, 0]) + 0.1 * random.standard_normal(n)
    ours = NNGPRegressor(FullyConnected(depth=3), alpha=1e-2).fit(X, y)
    theirs = GaussianProcessRegressor(RBF(), alpha=1e-2, optimizer=None).fit(X, y)
    rows = []
    for what, calls in {
        "fit": {"ours": lambda: ours.fit(X, y), "theirs": lambda: theirs.fit(X, y)},
        "predict(return_std=True)": {
            "ours": lambda: ours.predict(X_test, return_std=True),
            "theirs": lambda: theirs.predict(X_test, return_std=True),
        },
    }.items():
        times = best_of_rounds(calls, rounds)
        ratio = times["theirs"] / times["ours"]
        rows.append([what, f"{times['ours']:.3f}", f"{times['theirs']:.3f}", f"{ratio:.2f}", "1"])
    return rows


def first_fit(estimator: str, n: int, rounds: int) -> list[str]:
    """Return the row with the seconds of the first fit, compilation included."""
    times = [in_new_process(FIRST_FIT, estimator=estimator, n=n) for _ in range(rounds)]
    first, second = np.min(times, axis=0)
    what = f"first {estimator}.fit, n = {n}, depth 3"
    return [what, f"{first:.2f} s (again: {second:.2f} s)", "2 s"]


def import_time(rounds: int) -> list[str]:
    """Return the row with the seconds that the import adds."""
    others, ours = np.min([in_new_process(IMPORT) for _ in range(rounds)], axis=0)
    return ["import skntk, above jax and sklearn", f"{ours:.2f} s (those: {others:.2f} s)", "0.3 s"]


def memory(estimator: str, n: int) -> list[str]:
    """Return the row with the peak memory of fit, in units of a matrix in double precision."""
    process = in_new_process(MEMORY, estimator=estimator, n=n, start="")[1]
    arrays = in_new_process(MEMORY, estimator=estimator, n=n, start="tracemalloc.start()")[0]
    found = f"{arrays:.2f} in NumPy arrays, {process:.2f} in the process"
    return [f"peak of {estimator}.fit in n x n matrices, n = {n}", found, "3"]


def main() -> None:
    """Run the comparison and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--test-rows", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()

    print(machine(), end="\n\n")
    rows = fit_and_predict(arguments.rows, arguments.test_rows, arguments.rounds)
    header = ["call", "skntk s", "scikit-learn s", "times faster", "goal"]
    print(markdown_table(header, rows), end="\n\n")
    rows = [first_fit(estimator, 1000, arguments.rounds) for estimator in ESTIMATORS]
    rows.append(import_time(arguments.rounds))
    rows += [memory(estimator, arguments.rows) for estimator in ESTIMATORS]
    print(markdown_table(["in a new process", "found", "limit"], rows), end="\n\n")
    print(machine())


if __name__ == "__main__":
    main()
