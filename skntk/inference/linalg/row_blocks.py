"""Kernel matrices that answer by blocks of rows, wherever these are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

import numpy as np

from skntk.inference.linalg.arrays import FloatArray
from skntk.inference.linalg.products import product

__all__ = ["RowBlocks"]

Argument = TypeVar("Argument")
Result = TypeVar("Result")


class RowBlocks(Protocol):
    """A symmetric kernel matrix K in blocks of rows: computed anew, or held by other processes.

    A class that derives from this one says which rows are together, and takes functions to their
    blocks; what a `ColumnOperator` answers follows. K is symmetric: K^T B is K B, and a column is a
    row. An array, in memory or in a file, is one block: see `DenseOperator`.

    Attributes
    ----------
    variances : ndarray of shape (n,)
        The diagonal of K.
    """

    variances: FloatArray

    def parts(self) -> Sequence[slice]:
        """Return the rows of each block."""

    def visit(
        self, function: Callable[[np.ndarray, Argument], Result], argument: Argument
    ) -> Iterator[Result]:
        """Yield what a function returns for each block and one argument for all of them."""

    @property
    def shape(self) -> tuple[int, int]:
        """(n, n)."""
        return len(self.variances), len(self.variances)

    def diagonal(self) -> FloatArray:
        """Return the diagonal of K."""
        return np.asarray(self.variances, dtype=np.float64)

    def columns(self, indices: np.ndarray) -> np.ndarray:
        """Return the columns of b indices, shape (n, b)."""
        return np.concatenate(list(self.visit(_columns, np.asarray(indices))))

    def matmul(self, B: FloatArray) -> FloatArray:
        """Return K B in double precision."""
        result = np.empty(B.shape)
        for rows, found in zip(self.parts(), self.visit(product, B), strict=True):
            result[rows] = found
        return result

    def to_dense(self) -> FloatArray:
        """Return K in a new array."""
        matrix = np.empty(self.shape)
        every = np.arange(len(self.variances))
        for rows, found in zip(self.parts(), self.visit(_columns, every), strict=True):
            matrix[rows] = found
        return matrix


def _columns(block: np.ndarray, indices: np.ndarray) -> np.ndarray:
    found: np.ndarray = block[:, indices]
    return found
