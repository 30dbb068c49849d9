"""Errors and coverage on tables, with ``alpha="auto"`` and with ``alpha=0.1``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.automatic_alpha.data import N_TEST, N_TRAIN, Split, table_splits
from benchmarks.automatic_alpha.scores import coverage, geometric_mean, log_loss, relative_rmse
from benchmarks.timing import markdown_table
from skntk import NNGPClassifier, NNGPRegressor, NTKClassifier, NTKRegressor

LEVELS = (0.5, 0.8, 0.95)
ESTIMATORS = {"NNGP": (NNGPRegressor, NNGPClassifier), "NTK": (NTKRegressor, NTKClassifier)}
ALPHAS = (0.1, "auto")


@dataclass(frozen=True)
class Result:
    """Of one kernel on one split: errors with both values of alpha, and what the second found.

    Attributes
    ----------
    errors : tuple of float
        RMSE in units of the targets' deviation, or log-loss.
    coverage : list of list of float
        Of each level, for either value of alpha; empty for classifications.
    alpha : float
        Found by "auto".
    """

    table: str
    is_classification: bool
    kernel: str
    errors: tuple[float, float]
    coverage: list[list[float]]
    alpha: float

    @property
    def ratio(self) -> float:
        return self.errors[1] / self.errors[0]


def result(split: Split, kernel: str) -> Result:
    """Fit a kernel with both values of alpha."""
    errors, covered = [], []
    estimator = ESTIMATORS[kernel][split.is_classification]
    for alpha in ALPHAS:
        model: Any = estimator(alpha=alpha).fit(split.X, split.y)
        if split.is_classification:
            probabilities = model.predict_proba(split.X_test)
            errors.append(log_loss(probabilities, model.classes_, split.y_test))
        else:
            mean, std = model.predict(split.X_test, return_std=True, observation_noise=True)
            errors.append(relative_rmse(mean, split.y_test))
            covered.append([coverage(mean, std, split.y_test, level) for level in LEVELS])
    found = model.hyperparameters_["alpha"]
    return Result(
        split.name, split.is_classification, kernel, (errors[0], errors[1]), covered, found
    )


def results(folder: Path, n_splits: int) -> Iterator[Result]:
    for seed in range(n_splits):
        for split, kernel in product(table_splits(folder, seed), ESTIMATORS):
            yield result(split, kernel)


def summary_row(kernel: str, found: list[Result], n_splits: int) -> list[str]:
    """Return goals and figures of one kernel."""
    names = dict.fromkeys(one.table for one in found)
    ratios = np.array([[one.ratio for one in found if one.table == name] for name in names])
    of_tables = np.array([geometric_mean(row) for row in ratios])
    kinds = np.array(
        [next(one.is_classification for one in found if one.table == name) for name in names]
    )
    of_splits = ", ".join(f"{geometric_mean(column):.3f}" for column in ratios.T)
    covered = np.mean([one.coverage for one in found if one.coverage], axis=0)
    return [
        kernel,
        f"{geometric_mean(of_tables):.3f}",
        of_splits,
        f"{geometric_mean(of_tables[~kinds]):.3f}",
        f"{geometric_mean(of_tables[kinds]):.3f}",
        f"{np.sum(of_tables < 1)} of {len(of_tables)}",
        *(" / ".join(f"{100 * share:.1f}" for share in shares) for shares in covered[::-1]),
    ]


def table_rows(found: list[Result]) -> Iterator[list[str]]:
    """Yield errors, coverage and alpha of every table, as means over the splits."""
    for name in dict.fromkeys(one.table for one in found):
        row = [name]
        for kernel in ESTIMATORS:
            same = [one for one in found if (one.table, one.kernel) == (name, kernel)]
            before, after = np.mean([one.errors for one in same], axis=0)
            ratio = geometric_mean(np.array([one.ratio for one in same]))
            covered = ""
            if same[0].coverage:
                shares = np.mean([one.coverage[1] for one in same], axis=0)
                covered = " / ".join(f"{100 * share:.0f}" for share in shares)
            alphas = ", ".join(f"{one.alpha:.2g}" for one in same)
            row += [f"{before:.3f}", f"{after:.3f}", f"{ratio:.3f}", covered, alphas]
        yield row


def report(folder: Path, n_splits: int) -> str:
    """Return the summary, and the figures of every table."""
    found = list(results(folder, n_splits))
    summary = [
        summary_row(kernel, [one for one in found if one.kernel == kernel], n_splits)
        for kernel in ESTIMATORS
    ]
    header = [
        "kernel",
        "error, auto : 0.1",
        "of each split",
        "regression",
        "classification",
        "tables improved",
        "coverage of 50 / 80 / 95 %, auto",
        "the same, 0.1",
    ]
    columns = ("error, 0.1", "error, auto", "ratio", "coverage, auto", "alpha")
    names = [f"{kernel}: {column}" for kernel, column in product(ESTIMATORS, columns)]
    return (
        f"Errors are the RMSE, in units of the targets' standard deviation, and the log-loss; "
        f"ratios are geometric means. {n_splits} splits with {N_TRAIN} training rows and at most "
        f"{N_TEST} test rows.\n\n"
        + markdown_table(header, summary)
        + "\n\n"
        + markdown_table(["table", *names], table_rows(found))
    )
