"""What it costs to find `alpha` from a part of the rows, where the criterion is leave-one-out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from benchmarks.automatic_alpha.data import Split
from benchmarks.automatic_alpha.scores import geometric_mean, log_loss, relative_rmse
from benchmarks.timing import markdown_table
from skntk import NNGPClassifier, NTKClassifier, NTKRegressor, gram_matrix
from skntk.architecture import FullyConnected
from skntk.estimators.data.defaults import ALPHA_CENTER, ALPHA_RANGE
from skntk.estimators.data.row_order import order_by_value
from skntk.inference.noise_level.leave_one_out import (
    EnsembleVariance,
    LeaveOneOutDensity,
    LeaveOneOutError,
)
from skntk.inference.noise_level.problem import LevelCriterion, NoiseProblem
from skntk.inference.noise_level.search import best_level, evenly_spaced

LEVELS_PER_DECADE = 4
PARTS = (200, 400)
ALL = "all rows"


def alphas_of(split: Split, kernel: str) -> dict[str, float]:
    """Return alpha from a part of the rows, and from all of them."""
    ntk, nngp = gram_matrix(FullyConnected(), split.X, kind=("ntk", "nngp"))
    matrix = ntk if kernel == "NTK" else nngp
    criterion: LevelCriterion
    if split.is_classification:
        targets = (split.y[:, np.newaxis] == np.unique(split.y)).astype(float)
        criterion = LeaveOneOutError()
    else:
        targets = (split.y / np.std(split.y))[:, np.newaxis]
        criterion = LeaveOneOutDensity(EnsembleVariance(nngp))
    targets = targets - targets.mean(axis=0)
    unit = float(np.mean(np.diag(matrix)))
    ones = np.ones(len(matrix))
    problem = NoiseProblem(matrix, unit, ones, ones, targets, is_centered=True)
    order = order_by_value(split.X)
    parts = {f"{n_rows} rows": evenly_spaced(order, n_rows) for n_rows in PARTS}
    return {
        name: best_level(
            criterion.on(rows).scores(problem.subset(rows)),
            ALPHA_RANGE["float64"],
            ALPHA_CENTER,
            LEVELS_PER_DECADE,
        )
        for name, rows in (parts | {ALL: np.arange(len(matrix))}).items()
    }


def errors_of(split: Split, kernel: str) -> dict[str, tuple[float, float]]:
    """Return alpha and test error: of parts of the rows, of all, and of `fit`."""
    estimator: Any
    if split.is_classification:
        estimator = NTKClassifier if kernel == "NTK" else NNGPClassifier
    else:
        estimator = NTKRegressor
    alphas = alphas_of(split, kernel)
    models = {name: estimator(alpha=alpha).fit(split.X, split.y) for name, alpha in alphas.items()}
    models["fit"] = estimator().fit(split.X, split.y)
    alphas["fit"] = models["fit"].hyperparameters_["alpha"]
    return {name: (alphas[name], _error(model, split)) for name, model in models.items()}


def _error(model: Any, split: Split) -> float:
    if split.is_classification:
        return log_loss(model.predict_proba(split.X_test), model.classes_, split.y_test)
    return relative_rmse(model.predict(split.X_test), split.y_test)


def report(splits: Iterable[Split]) -> str:
    """Return errors relative to those with the alpha of all rows."""
    found: dict[tuple[str, str], dict[str, list[tuple[float, float]]]] = {}
    for split in splits:
        task = "classification" if split.is_classification else "regression"
        for kernel in ("NTK", "NNGP") if split.is_classification else ("NTK",):
            for name, figures in errors_of(split, kernel).items():
                found.setdefault((task, kernel), {}).setdefault(name, []).append(figures)
    rows = []
    for (task, kernel), by_name in found.items():
        alphas, errors = np.moveaxis(np.array(by_name[ALL]), -1, 0)
        for name, figures in by_name.items():
            own_alphas, own_errors = np.moveaxis(np.array(figures), -1, 0)
            ratios = own_errors / errors
            distance = np.abs(np.log10(own_alphas / alphas))
            rows.append(
                [
                    f"{task}, {len(figures)}",
                    kernel,
                    name,
                    f"{geometric_mean(ratios):.4f}",
                    f"{ratios.min():.3f} to {ratios.max():.3f}",
                    f"{np.median(distance):.2f}",
                ]
            )
    header = ["task, tables", "kernel", "alpha from", "ratio to all rows", "range", "decades apart"]
    return markdown_table(header, rows)
