"""Ridge regression on features, from sums over rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

__all__ = ["LinearModel", "RidgePath", "RidgeSums"]


@dataclass(frozen=True)
class LinearModel:
    """A linear function of features."""

    coef: np.ndarray
    intercept: np.ndarray | float

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Return the values of rows."""
        return np.asarray(features @ self.coef + self.intercept)


@dataclass(frozen=True)
class RidgeSums:
    """Sums over rows of everything that ridge regression needs; those of blocks are added."""

    weight: float
    features: np.ndarray
    target: float
    moments: np.ndarray
    correlations: np.ndarray

    @classmethod
    def over(cls, features: np.ndarray, y: np.ndarray, weight: np.ndarray) -> RidgeSums:
        """Return the sums over some rows."""
        weighted = features * weight[:, np.newaxis]
        return cls(
            weight.sum(),
            weighted.sum(axis=0),
            weight @ y,
            weighted.T @ features,
            weighted.T @ y,
        )

    def __add__(self, other: RidgeSums) -> RidgeSums:
        return RidgeSums(
            self.weight + other.weight,
            self.features + other.features,
            self.target + other.target,
            self.moments + other.moments,
            self.correlations + other.correlations,
        )

    def __sub__(self, other: RidgeSums) -> RidgeSums:
        return RidgeSums(
            self.weight - other.weight,
            self.features - other.features,
            self.target - other.target,
            self.moments - other.moments,
            self.correlations - other.correlations,
        )


class RidgePath:
    """Ridge regressions with an intercept that has no penalty, from sums over rows."""

    def __init__(self, sums: RidgeSums) -> None:
        self._mean, self._target = sums.features / sums.weight, sums.target / sums.weight
        self._moments = sums.moments - sums.weight * np.outer(self._mean, self._mean)
        self._correlations = sums.correlations - sums.weight * self._mean * self._target

    def advance(self, penalty: float) -> LinearModel:
        """Return the regression of a penalty."""
        factor = cho_factor(self.precision(penalty), overwrite_a=True)
        coef = cho_solve(factor, self._correlations)
        return LinearModel(coef, self._target - self._mean @ coef)

    def precision(self, penalty: float) -> np.ndarray:
        """Return the inverse covariance of the coefficients, in units of the noise."""
        return np.asarray(self._moments + penalty * np.eye(len(self._mean)))
