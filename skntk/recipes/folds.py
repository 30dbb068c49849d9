"""Folds of tables of any size."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold

__all__ = ["shuffled_folds", "stratified_folds"]

_MOST_FOLDS = 5


def shuffled_folds(
    n_samples: int, random_state: np.random.RandomState
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return five folds, or one for every row of fewer."""
    folds = KFold(min(_MOST_FOLDS, n_samples), shuffle=True, random_state=random_state)
    return list(folds.split(np.zeros(n_samples)))


def stratified_folds(
    y: np.ndarray, random_state: np.random.RandomState
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return five stratified folds, or as many as the largest class has rows.

    A class with fewer rows than folds is missing in some of them, and one with a single row in the
    rows that are trained on when it is held out: the loss counts that it was not foreseen.
    """
    n_folds = min(_MOST_FOLDS, np.bincount(y).max())
    if n_folds < 2:
        raise ValueError(
            f"The classes of {len(y)} rows are too small to hold any row out: add rows, or use an "
            "estimator that needs no search, such as NNGPClassifier."
        )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        folds = StratifiedKFold(n_folds, shuffle=True, random_state=random_state)
        return list(folds.split(np.zeros(len(y)), y))
