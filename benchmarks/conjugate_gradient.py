"""Conjugate gradients beside a Cholesky factorization, for rows that the latter cannot take.

Run ``python -m benchmarks.conjugate_gradient``. Every fit runs in a process of its own, whose peak
of memory is that of the fit. Cholesky is measured for some numbers of rows, and extrapolated to
more: seconds as a n^2 + b n^3, memory beside that of the libraries with n^2.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.timing import machine, markdown_table
from skntk import NTKRegressor
from skntk.architecture import FullyConnected
from skntk.solvers import Cholesky, ConjugateGradient

RESULTS = Path(__file__).parent / "results" / "conjugate_gradient.md"
N_FEATURES, N_TEST = 26, 2000
# Compiles the programs for blocks of all sizes, and loads the libraries.
N_WARM = 2100
ALPHA = 1e-3


def data(n_train: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return training and test data: 26 correlated features, a smooth function and noise."""
    random = np.random.default_rng(0)
    n_rows = n_train + N_TEST
    causes = random.normal(size=(n_rows, 8))
    X = causes @ random.normal(size=(8, N_FEATURES)) / np.sqrt(8)
    X += 0.2 * random.normal(size=X.shape)
    y = np.tanh(causes @ random.normal(size=8)) + np.sin(2 * causes[:, 0])
    y += 0.1 * random.normal(size=n_rows)
    X /= X.std(axis=0)
    return X[:n_train], y[:n_train], X[n_train:], y[n_train:]


def fit(name: str, n_train: int, options: dict[str, Any]) -> dict[str, Any]:
    """Fit in this process, and return what it took."""
    X, y, X_test, y_test = data(n_train)
    iterates = name != "cholesky"
    solver = ConjugateGradient(random_state=0, **options) if iterates else Cholesky()
    # Single precision, which Cholesky makes no use of.
    dtype = "float32" if iterates else "float64"
    model = NTKRegressor(FullyConnected(depth=3), alpha=ALPHA, dtype=dtype, solver=solver)
    model.fit(X[:N_WARM], y[:N_WARM])
    before = peak_of_process()
    start = perf_counter()
    model.fit(X, y)
    seconds = perf_counter() - start
    peak = peak_of_process()
    error = np.sqrt(np.mean(np.square(model.predict(X_test) - y_test))) / y_test.std()
    return {
        "seconds": seconds,
        "GiB": peak,
        "GiB before": before,
        "error": float(error),
        "steps": getattr(model, "n_iter_", None),
        "residual": float(model.residual_) if iterates else None,
    }


def peak_of_process() -> float:
    """Return the most memory, in GiB, that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def in_a_process(name: str, n_train: int, options: dict[str, Any]) -> dict[str, Any]:
    """Fit in a new process."""
    case = json.dumps([name, n_train, options])
    command = [sys.executable, "-m", "benchmarks.conjugate_gradient", "--case", case]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    print(name, n_train, found, file=sys.stderr, flush=True)
    return found


def extrapolated(measured: dict[int, dict[str, Any]], n_train: int) -> dict[str, Any]:
    """Return what Cholesky would take for more rows."""
    sizes = sorted(measured)[-2:]
    last = measured[sizes[-1]]
    growth = n_train / sizes[-1]
    seconds = last["seconds"] * growth**3
    if len(sizes) == 2:
        powers = np.array([[float(size) ** 2, float(size) ** 3] for size in sizes])
        by_square, by_cube = np.linalg.solve(powers, [measured[s]["seconds"] for s in sizes])
        # Without noise of the measurement, both are positive.
        if by_square > 0 and by_cube > 0:
            seconds = by_square * n_train**2 + by_cube * n_train**3
    before = last["GiB before"]
    return {"seconds": float(seconds), "GiB": before + (last["GiB"] - before) * growth**2}


def row(solver: str, n_train: int, found: dict[str, Any], exact: dict[str, Any]) -> list[str]:
    """Return a line of the table, with the ratios to Cholesky at the same number of rows."""
    steps = "" if found.get("steps") is None else f"{found['steps']}"
    residual = "" if found.get("residual") is None else f"{found['residual']:.1e}"
    error = f"{found['error']:.4f}" if "error" in found else ""
    return [
        solver,
        f"{n_train}",
        f"{found['seconds']:.1f}",
        f"{found['seconds'] / exact['seconds']:.2f}",
        f"{found['GiB']:.2f}",
        f"{found['GiB'] / exact['GiB']:.2f}",
        steps,
        residual,
        error,
    ]


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cholesky", type=int, nargs="+", default=[10_000, 20_000])
    parser.add_argument("--iterative", type=int, nargs="+", default=[20_000, 50_000])
    parser.add_argument("--rank", type=int, default=1000)
    parser.add_argument("--tol", type=float, default=1e-6)
    parser.add_argument("--storage", default="memory", choices=["memory", "file", "none"])
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case is not None:
        print(json.dumps(fit(*json.loads(options.case))))
        return
    exact = {n: in_a_process("cholesky", n, {}) for n in options.cholesky}
    parameters = {"rank": options.rank, "tol": options.tol, "storage": options.storage}
    iterative = {n: in_a_process("cg", n, parameters) for n in options.iterative}
    rows = [row("Cholesky", n, found, found) for n, found in exact.items()]
    for n_train, found in iterative.items():
        of_cholesky = exact.get(n_train)
        if of_cholesky is None:
            of_cholesky = extrapolated(exact, n_train)
            rows.append(row("Cholesky, extrapolated", n_train, of_cholesky, of_cholesky))
        rows.append(row("conjugate gradients", n_train, found, of_cholesky))
    header = ["solver", "rows", "fit, s", "ratio", "peak, GiB", "ratio", "steps", "residual"]
    table = markdown_table([*header, "test RMSE / std"], rows)
    how = (
        f"NTKRegressor(FullyConnected(depth=3), alpha={ALPHA:g}), {N_FEATURES} features, "
        f"ConjugateGradient(rank={options.rank}, tol={options.tol:g}, "
        f"storage={options.storage!r}) with dtype='float32'"
    )
    options.output.write_text(f"{table}\n\n{how}; {machine()}\n")
    print(options.output.read_text())


if __name__ == "__main__":
    main()
