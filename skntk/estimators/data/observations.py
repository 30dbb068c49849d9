"""The observations that tell how much noise there is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from skntk.estimators.data.distinct_rows import DistinctRows
from skntk.estimators.data.rows import TrainingRows


@dataclass(frozen=True, eq=False)
class Observations:
    """Rows that stand for observations, some of them for others that are their copies.

    Attributes
    ----------
    rows : ndarray of shape (n_standing,)
        Indices of training rows.
    sample_weight : ndarray of shape (n_standing,)
        With that of their copies.
    repetitions : ndarray of shape (n_standing,)
        How many observations, of which one is left out, a row stands for.
    """

    rows: np.ndarray
    sample_weight: np.ndarray
    repetitions: np.ndarray

    @classmethod
    def all_of(cls, rows: TrainingRows) -> Self:
        """Return every training row with its repetitions."""
        return cls(np.arange(len(rows.targets)), rows.sample_weight, rows.repetitions)

    @classmethod
    def without_copies(cls, X: np.ndarray, rows: TrainingRows) -> Self:
        """Return the training rows, with inputs X, as one where they are copies of one another.

        Repeated measurements of a number differ by their noise. Where those at equal inputs agree
        exactly without exception, each is one observation, as precise as its copies together: a row
        of a bootstrap sample, or a mean whose weight counts what went into it. As independent
        measurements they would be proof that there is no noise. Where any two at equal inputs
        differ, numbers are rounded or categories, and all are repeated measurements.
        """
        once = len(np.unique(rows.targets.reshape(len(X), -1)[:, 0])) == len(X)
        if once and rows.repetitions.max() == 1:
            return cls.all_of(rows)
        if len(DistinctRows.of(X, rows.targets).first) > len(DistinctRows.of(X).first):
            return cls.all_of(rows)
        distinct = DistinctRows.of(X, rows.targets, rows.alpha)
        weight = distinct.total(rows.sample_weight)
        return cls(distinct.first, weight, np.ones(len(weight)))
