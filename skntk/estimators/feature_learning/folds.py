"""Folds of observations that cross-fitting holds out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from skntk.estimators.data.distinct_rows import DistinctRows, deal_observations
from skntk.estimators.feature_learning.rounds import WeightedRows

# Fewer observations say nothing about rounds.
_LEAST_OBSERVATIONS = 4


@dataclass(frozen=True, eq=False)
class HeldOutFold:
    """Rows to train on and rows that are held out, with their weights.

    A row that stands for many observations may be among both.
    """

    train: np.ndarray
    train_weight: np.ndarray
    test: np.ndarray
    test_weight: np.ndarray


def merged(X: np.ndarray, y: np.ndarray, weight: np.ndarray) -> WeightedRows:
    """Return the distinct rows of positive weight, with the sum of the weights of equal ones."""
    kept = np.flatnonzero(weight)
    X, y, weight = X[kept], y[kept], weight[kept]
    numbers = np.unique(y, return_inverse=True)[1] if y.dtype.kind not in "fiu" else y
    distinct = DistinctRows.of(X, numbers.astype(np.float64))
    return WeightedRows(X[distinct.first], y[distinct.first], distinct.total(weight))


def dealt_folds(
    rows: WeightedRows,
    labels: np.ndarray,
    n_folds: int,
    random_state: int | np.random.RandomState | None,
) -> list[HeldOutFold]:
    """Deal observations to folds, those of one label evenly.

    How depends on the rows and on ``random_state`` alone, not on the order of the rows. Weights
    that are not all whole do not count observations.
    """
    whole = np.array_equal(rows.weight, np.rint(rows.weight))
    repetitions = rows.weight if whole else np.ones(len(rows.weight))
    if repetitions.sum() < _LEAST_OBSERVATIONS:
        return []
    values = np.column_stack([rows.X.reshape(len(rows.X), -1), _as_columns(rows.y)])
    seed = check_random_state(random_state).randint(2**31)
    shares = deal_observations(values, labels, repetitions, n_folds, seed=seed)
    return [
        HeldOutFold(
            np.flatnonzero(share < 1),
            _without_rounding((1 - share) * rows.weight)[share < 1],
            np.flatnonzero(share),
            _without_rounding(share * rows.weight)[share > 0],
        )
        for share in shares
    ]


def _without_rounding(weight: np.ndarray) -> np.ndarray:
    """Return weights that are whole up to rounding as whole: they count observations."""
    return np.where(np.isclose(weight, np.rint(weight), rtol=1e-9), np.rint(weight), weight)


def given_folds(splitter: Any, rows: WeightedRows) -> list[HeldOutFold]:
    """Return the folds of a splitter, or of pairs of indices."""
    folds = []
    for train, test in splitter.split(rows.X, rows.y):
        train, test = (np.arange(len(rows.X))[part] for part in (train, test))
        folds.append(HeldOutFold(train, rows.weight[train], test, rows.weight[test]))
    return folds


def _as_columns(y: ArrayLike) -> np.ndarray:
    y = np.asarray(y)
    if y.dtype.kind not in "fiu":
        y = np.unique(y, return_inverse=True)[1]
    return y.reshape(len(y), -1).astype(np.float64)
