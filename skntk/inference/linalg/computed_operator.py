"""A kernel matrix of which no array is held: every product computes it anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from skntk.inference.linalg.arrays import FloatArray
from skntk.inference.linalg.row_blocks import Argument, Result, RowBlocks

__all__ = ["ComputedOperator"]

_BYTES_IN_BLOCK = 64 * 2**20
_DOUBLE = np.dtype(np.float64)


@dataclass(frozen=True, eq=False)
class ComputedOperator(RowBlocks):
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

    def columns(self, indices: np.ndarray) -> np.ndarray:
        """Return columns of K, which are rows of it: no other entries are computed."""
        return self.block(np.asarray(indices)).T

    def parts(self) -> list[slice]:
        """Return the rows that are computed at a time."""
        n_rows = len(self.variances)
        at_once = max(1, _BYTES_IN_BLOCK // max(1, self.dtype.itemsize * n_rows))
        return [slice(start, start + at_once) for start in range(0, n_rows, at_once)]

    def visit(
        self, function: Callable[[np.ndarray, Argument], Result], argument: Argument
    ) -> Iterator[Result]:
        """Compute one block after the other, and yield what a function returns for it."""
        indices = np.arange(len(self.variances))
        for rows in self.parts():
            yield function(self.block(indices[rows]), argument)
