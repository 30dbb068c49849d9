"""Observations that folds hold out, from whose scores a temperature is found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from skntk.estimators.classification.temperature import fit_temperature
from skntk.estimators.data.distinct_rows import deal_observations
from skntk.estimators.data.rows import ClassifiedRows
from skntk.inference import Fold

# The networks of a fold train on two thirds of the observations. More folds would need more memory
# beside the kernels.
_N_FOLDS = 3


@dataclass(frozen=True, eq=False)
class HeldOutObservations:
    """Folds, and what they hold out, one fold after the other.

    Of a row that stands for many observations each fold holds out a part: a new row may well equal
    one of training.

    Attributes
    ----------
    folds : list of Fold
    labels : ndarray of shape (n_held_out,)
        Index of the class.
    weight : ndarray of shape (n_held_out,)
        Of all observations of a row that a fold holds out; 0 for a class that it does not train on.
    """

    folds: list[Fold]
    labels: np.ndarray
    weight: np.ndarray

    @classmethod
    def of(cls, rows: ClassifiedRows, n_folds: int = _N_FOLDS, n_used: int | None = None) -> Self:
        """Deal the observations of rows to folds, and keep the first ones; None keeps all."""
        shares = deal_observations(rows.X, rows.labels, rows.repetitions, n_folds)[:n_used]
        folds = [
            Fold(
                np.flatnonzero(share < 1),
                ((1 - share) * rows.sample_weight)[share < 1],
                np.flatnonzero(share),
            )
            for share in shares
        ]
        known = [np.isin(rows.labels[test], rows.labels[train]) for train, _, test in folds]
        weight = (shares * rows.sample_weight)[shares > 0]
        labels = np.concatenate([rows.labels[fold.test] for fold in folds])
        return cls(folds, labels, np.where(np.concatenate(known), weight, 0.0))

    def temperature(self, scores: np.ndarray) -> float:
        """Return the temperature of scores of shape (n_held_out, n_classes)."""
        return fit_temperature(scores, self.labels, self.weight)
