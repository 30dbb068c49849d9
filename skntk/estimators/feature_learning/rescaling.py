"""Linear maps of inputs, found from an average gradient outer product."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.linalg import eigh


@dataclass(frozen=True, eq=False)
class Rescaling:
    """A symmetric map of samples, flattened: the power of a matrix, or of its diagonal.

    Attributes
    ----------
    factors : ndarray of shape (d,) or (d, d)
        One scale for each feature, or a matrix.
    """

    factors: np.ndarray

    @classmethod
    def identity(cls, n_features: int) -> Self:
        """Return the map that changes nothing."""
        return cls(np.ones(n_features))

    @classmethod
    def of(
        cls, outer_product: np.ndarray, power: float, X: np.ndarray, sample_weight: np.ndarray
    ) -> Self:
        """Return the power of a matrix, or of a diagonal, that keeps the mean square of rows.

        Without gradients, as those of a constant function, nothing is changed.
        """
        rows = X.reshape(len(X), -1)
        largest = np.abs(outer_product).max()
        if not largest > 0:
            return cls.identity(rows.shape[1])
        relative = outer_product / largest
        factors = relative**power if relative.ndim == 1 else _power(relative, power)
        before, after = (
            np.average(np.square(samples).sum(axis=1), weights=sample_weight)
            for samples in (rows, _mapped(rows, factors))
        )
        return cls(factors * np.sqrt(before / after)) if after > 0 else cls.identity(rows.shape[1])

    @property
    def has_one_scale_each(self) -> bool:
        """Whether features are not mixed."""
        return self.factors.ndim == 1

    @property
    def matrix(self) -> np.ndarray:
        """The map as a matrix, shape (d, d)."""
        return np.diag(self.factors) if self.has_one_scale_each else self.factors.copy()

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """Return mapped samples, of the shape of X."""
        return _mapped(X.reshape(len(X), -1), self.factors).reshape(X.shape)

    def outer_product_by_inputs(self, outer_product: np.ndarray) -> np.ndarray:
        """Return the gradient outer product by inputs from that by mapped samples.

        A diagonal, of shape (d,), becomes a diagonal where features are not mixed.
        """
        if outer_product.ndim == 1:
            return np.square(self.factors) * outer_product
        if self.has_one_scale_each:
            return np.multiply.outer(self.factors, self.factors) * outer_product
        by_inputs: np.ndarray = self.factors @ outer_product @ self.factors
        return by_inputs


def _mapped(rows: np.ndarray, factors: np.ndarray) -> np.ndarray:
    factors = factors.astype(rows.dtype, copy=False)
    mapped: np.ndarray = rows * factors if factors.ndim == 1 else rows @ factors
    return mapped


def _power(matrix: np.ndarray, power: float) -> np.ndarray:
    """Return the power of a symmetric positive semidefinite matrix; 0 stays 0."""
    values, vectors = eigh(matrix)
    rounding = len(matrix) * np.finfo(np.float64).eps * values[-1]
    values = np.where(values > rounding, values, 0.0) ** power
    powered: np.ndarray = (vectors * values) @ vectors.T
    return powered
