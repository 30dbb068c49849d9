"""Ridge regression on features, from sums over rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from skntk.inference.inducing.sums import RowSums

__all__ = ["LinearModel", "RidgePath", "sums_over"]


@dataclass(frozen=True)
class LinearModel:
    """A linear function of features."""

    coef: np.ndarray
    intercept: np.ndarray | float

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Return the values of rows."""
        return np.asarray(features @ self.coef + self.intercept)


def sums_over(features: np.ndarray, y: np.ndarray, weight: np.ndarray) -> RowSums:
    """Return the sums over rows with features of shape (n_samples, n_features)."""
    sums = RowSums.zero(features.shape[1], n_outputs=1)
    ones = np.ones(len(y))
    # The sums overwrite features, and no density is asked of them: rows count once.
    sums.add(features.T.copy(order="K"), y[:, np.newaxis], weight, ones, np.zeros_like(ones))
    return sums


class RidgePath:
    """Ridge regressions with an intercept that has no penalty, from sums over rows."""

    def __init__(self, sums: RowSums) -> None:
        self._mean, self._target = sums.by_one / sums.weight, sums.targets[0] / sums.weight
        self._moments = sums.gram - sums.weight * np.outer(self._mean, self._mean)
        self._correlations = sums.by_target[:, 0] - sums.weight * self._mean * self._target

    def advance(self, penalty: float) -> LinearModel:
        """Return the regression of a penalty."""
        factor = cho_factor(self.precision(penalty), lower=True, overwrite_a=True)
        coef = cho_solve(factor, self._correlations)
        return LinearModel(coef, self._target - self._mean @ coef)

    def precision(self, penalty: float) -> np.ndarray:
        """Return the lower triangle of the coefficients' inverse covariance, in units of noise."""
        return np.asarray(self._moments + penalty * np.eye(len(self._mean)))
