"""The time of ``fit`` with ``alpha="auto"`` in units of that with a number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.timing import markdown_table, seconds
from skntk import NNGPClassifier, NNGPRegressor, NTKClassifier, NTKRegressor

ESTIMATORS = (NNGPRegressor, NTKRegressor, NNGPClassifier, NTKClassifier)
SIZES = (300, 1000, 5000)


def rounds_of(n: int, rounds: int) -> int:
    """Return how often fits of n rows are timed: small ones more often."""
    return max(2, min(10 * rounds, rounds * 5000 // n))


def times(n: int, rounds: int) -> dict[str, tuple[list[float], list[float]]]:
    """Return the seconds of fits with a number and with "auto", which take turns."""
    random = np.random.default_rng(0)
    X = random.normal(size=(n, 8))
    signal = np.sin(X[:, 0]) + X[:, 1] * X[:, 2]
    y = signal + 0.5 * random.normal(size=n)
    classes = (y > 0) * 1 + (X[:, 3] > 0)
    found = {}
    for estimator in ESTIMATORS:
        targets = classes if estimator.__name__.endswith("Classifier") else y
        number, auto = estimator(alpha=0.1), estimator()
        measured = [
            (seconds(lambda: number.fit(X, targets)), seconds(lambda: auto.fit(X, targets)))  # noqa: B023
            # The first compiles.
            for _ in range(rounds_of(n, rounds) + 1)
        ][1:]
        before, after = zip(*measured, strict=True)
        found[estimator.__name__] = (list(before), list(after))
    return found


def report(rounds: int, sizes: Sequence[int]) -> str:
    """Return the table of least and median times."""
    rows = []
    for n in sizes:
        for name, (before, after) in times(n, rounds).items():
            cells = []
            for statistic in (np.min, np.median):
                number, auto = 1e3 * statistic(before), 1e3 * statistic(after)
                cells += [f"{number:.1f}", f"{auto:.1f}", f"{auto / number:.2f}"]
            rows.append([f"{n}", name, *cells])
    header = ["rows", "estimator", "0.1: least ms", "auto", "ratio"]
    return "Fits of eight features with either value take turns.\n\n" + markdown_table(
        [*header, "0.1: median ms", "auto", "ratio"], rows
    )
