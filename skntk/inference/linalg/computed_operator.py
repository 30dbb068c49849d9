"""A kernel matrix of which no array is held: every product computes it anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from skntk.inference.linalg.arrays import FloatArray
from skntk.inference.linalg.products import product

__all__ = ["ComputedOperator"]

_BYTES_IN_BLOCK = 64 * 2**20
_DOUBLE = np.dtype(np.float64)


@dataclass(frozen=True, eq=False)
class ComputedOperator:
    """A kernel matrix that is computed anew, some rows at a time, whenever it is asked for.

    Attributes
    ----------
    variances : ndarray of shape (n,)
        The diagonal of K.
    block : callable
        Takes the indices of b rows, an array of integers in any order, and returns these rows of K,
        shape (b, n), in either precision.
    dtype : dtype
        The precision of what it returns.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.inference import ComputedOperator
    >>> x = np.linspace(0, 1, 5)
    >>> kernel = ComputedOperator(np.ones(5), lambda rows: np.exp(-np.abs(x[rows, None] - x)))
    >>> bool(np.allclose(kernel.matmul(np.ones(5)), kernel.to_dense().sum(axis=1)))
    True
    """

    variances: FloatArray
    block: Callable[[np.ndarray], np.ndarray]
    dtype: np.dtype = _DOUBLE

    @property
    def shape(self) -> tuple[int, int]:
        """(n, n)."""
        return len(self.variances), len(self.variances)

    def diagonal(self) -> FloatArray:
        """Return the diagonal of K."""
        return np.asarray(self.variances, dtype=np.float64)

    def columns(self, indices: np.ndarray) -> np.ndarray:
        """Return columns of K, which are rows of it."""
        return self.block(np.asarray(indices)).T

    def matmul(self, B: FloatArray) -> FloatArray:
        """Return K B in double precision: every entry of K is computed once."""
        result = np.empty(B.shape)
        for rows in self._blocks():
            result[rows] = product(self.block(rows), B)
        return result

    def to_dense(self) -> FloatArray:
        """Return K in a new array."""
        matrix = np.empty(self.shape)
        for rows in self._blocks():
            matrix[rows] = self.block(rows)
        return matrix

    def _blocks(self) -> list[np.ndarray]:
        n_rows = len(self.variances)
        at_once = max(1, _BYTES_IN_BLOCK // max(1, self.dtype.itemsize * n_rows))
        return np.split(np.arange(n_rows), range(at_once, n_rows, at_once))
