"""What many training times cost beside one.

Run ``python -m benchmarks.measure_training_over_time``. All times come from one eigendecomposition;
the calls take turns in one process.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import best_of_rounds, machine, markdown_table
from skntk import NNGPRegressor, NTKRegressor
from skntk.architecture import FullyConnected

RESULTS = Path(__file__).parent / "results" / "training_over_time.md"
N_OUTPUTS = 10
N_TIMES = (50, 200)


def calls(n_train: int, n_test: int) -> dict[str, Callable[[], Any]]:
    """Return what is timed, by the cells of its row."""
    random = np.random.default_rng(0)
    X, X_test = random.normal(size=(n_train, 20)), random.normal(size=(n_test, 20))
    y = np.tanh(X @ random.normal(size=(20, N_OUTPUTS)))
    timed = {}
    for cls in (NTKRegressor, NNGPRegressor):
        for spread in (False, True):
            model = cls(FullyConnected(depth=3), alpha=0.1, training_time=10.0)
            name = f"{cls.__name__} | {'mean and std' if spread else 'mean'}"

            def one(model: Any = model, spread: bool = spread) -> Any:
                return model.fit(X, y).predict(X_test, return_std=spread)

            timed[f"{name} | 1"] = one
            for n_times in N_TIMES:
                times = np.logspace(-2, 5, n_times)

                def many(
                    model: Any = model, times: np.ndarray = times, spread: bool = spread
                ) -> Any:
                    model.fit(X, y)
                    return list(model.staged_predict(X_test, times, return_std=spread))

                timed[f"{name} | {n_times}"] = many
    return timed


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=2000, help="training rows")
    parser.add_argument("--n-test", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    found = best_of_rounds(calls(options.n, options.n_test), options.rounds)
    rows = []
    for name, taken in found.items():
        single = found[name.rpartition(" | ")[0] + " | 1"]
        rows.append([*name.split(" | "), f"{taken:.2f}", f"{taken / single:.2f}"])
    header = ["estimator", "predicted", "times", "fit and predict, s", "ratio to one time"]
    table = markdown_table(header, rows)
    size = f"n = {options.n}, {options.n_test} test points, {N_OUTPUTS} outputs"
    RESULTS.write_text(f"{table}\n\n{size}; {machine()}\n")
    print(RESULTS.read_text())


if __name__ == "__main__":
    main()
