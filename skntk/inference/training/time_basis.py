"""Interpolative decomposition of the filter functions over training times.

The filter function of a training run changes smoothly with time: its values at hundreds of times
are, to the accuracy of floating-point numbers, linear combinations of those at some tens of them.
What is linear or quadratic in these values is computed for the tens alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg.interpolative import interp_decomp

from skntk.inference.linalg.arrays import FloatArray

_TOLERANCE = 1e-14

# Share of the times above which columns for all of them cost as little.
_WORTHWHILE = 0.8


@dataclass(frozen=True, eq=False)
class TimeBasis:
    """Filter functions at n_times times as combinations of k columns: ``columns @ weights``."""

    # Values at k of the times, at all of them where too few others follow from them, shape (n, k).
    columns: FloatArray
    # Shape (k, n_times); None where there is a column for each time.
    weights: FloatArray | None

    @classmethod
    def decompose(cls, filter_values: FloatArray, eigenvalues: FloatArray) -> TimeBasis:
        """Choose the columns by an interpolative decomposition.

        H. Cheng et al., On the compression of low rank matrices, SIAM J. Sci. Comput. 26, 2005. A
        prediction multiplies a filter function by a component of the kernel at a test point, which
        is at most of the size of the root of the eigenvalue, ascending ones of the training kernel
        with its noise: rows are weighted by it. Columns are approximated relative to their sizes.
        """
        rounding = len(eigenvalues) * np.finfo(np.float64).eps * eigenvalues[-1]
        weighted = filter_values * np.sqrt(np.maximum(eigenvalues, rounding))[:, np.newaxis]
        size = np.sqrt(np.square(weighted).sum(axis=0))
        n_times = len(size)
        if not size.any():
            return cls(filter_values, None)
        size[size == 0] = 1.0
        rank, order, interpolation = interp_decomp(weighted / size, _TOLERANCE, rand=False)
        if rank > _WORTHWHILE * n_times:
            return cls(filter_values, None)
        weights = np.empty((rank, n_times))
        weights[:, order] = np.hstack([np.eye(rank), interpolation])
        weights *= size / size[order[:rank], np.newaxis]
        return cls(filter_values[:, order[:rank]], weights)

    def scaled(self, factor: float) -> TimeBasis:
        """Return the basis of the filter functions multiplied by a number."""
        return TimeBasis(factor * self.columns, self.weights)

    def combine(self, values: FloatArray) -> FloatArray:
        """Return a linear function of the filter at all times, given it for the k columns."""
        return values if self.weights is None else values @ self.weights

    def quadratic_form(self, vectors: FloatArray, matrix: FloatArray) -> FloatArray:
        """Return v^T diag(g) M diag(g) v, M symmetric, shape (m, n_times).

        For every row v of ``vectors``, shape (m, n), and the filter function g of every time.
        """
        if self.weights is None:
            forms = np.empty((len(vectors), self.columns.shape[1]))
            for position, column in enumerate(self.columns.T):
                scaled = vectors * column
                forms[:, position] = np.einsum("ij,ij->i", scaled @ matrix, scaled)
            return forms
        rank, n_times = self.weights.shape
        products = np.empty((len(vectors), rank, rank))
        for position, column in enumerate(self.columns.T):
            product = (vectors * column) @ matrix
            product *= vectors
            products[:, position] = product @ self.columns
        pairs = self.weights[:, np.newaxis] * self.weights
        return products.reshape(len(vectors), -1) @ pairs.reshape(-1, n_times)
