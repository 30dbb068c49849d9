"""Many training times, told by the few among them that the others follow from.

The gains of a training run change smoothly with time: those of hundreds of times are, to the
accuracy of floating-point numbers, linear combinations of those of some tens among them. What is
linear or quadratic in the gain is computed for these alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import qr, solve_triangular

from skntk.inference.linalg.arrays import FloatArray

_TOLERANCE = 1e-14

# Share of the times above which columns for all of them cost as little.
_WORTHWHILE = 0.8


@dataclass(frozen=True, eq=False)
class TimeBasis:
    """Gains at n_times times as combinations of k columns: ``columns @ weights``.

    Attributes
    ----------
    columns : ndarray of shape (n, k)
        Gains at k of the times, at all of them where too few others follow from them.
    weights : ndarray of shape (k, n_times) or None
        None where there is a column for each time.
    """

    columns: FloatArray
    weights: FloatArray | None

    @classmethod
    def of(cls, gains: FloatArray, eigenvalues: FloatArray) -> TimeBasis:
        """Choose the columns by a QR decomposition with pivoting.

        An interpolative decomposition (H. Cheng et al., On the compression of low rank matrices,
        SIAM J. Sci. Comput. 26, 2005). A prediction multiplies a gain by a component of the
        kernel at a test point, which is at most of the size of the root of the eigenvalue: rows
        are weighted by it. Each column is approximated relative to its own size.

        Parameters
        ----------
        gains : ndarray of shape (n, n_times)
            One column for each time.
        eigenvalues : ndarray of shape (n,)
            Of the training kernel with its noise, ascending.
        """
        rounding = len(eigenvalues) * np.finfo(np.float64).eps * eigenvalues[-1]
        weighted = gains * np.sqrt(np.maximum(eigenvalues, rounding))[:, np.newaxis]
        size = np.sqrt(np.square(weighted).sum(axis=0))
        size[size == 0] = 1.0
        upper, order = qr(weighted / size, mode="r", pivoting=True, check_finite=False)
        pivots = np.abs(np.diagonal(upper))
        rank = int(np.count_nonzero(pivots > _TOLERANCE * pivots[0]))
        n_times = gains.shape[1]
        if rank == 0 or rank > _WORTHWHILE * n_times:
            return cls(gains, None)
        weights = np.empty((rank, n_times))
        weights[:, order[:rank]] = np.eye(rank)
        weights[:, order[rank:]] = solve_triangular(
            upper[:rank, :rank], upper[:rank, rank:], check_finite=False
        )
        weights *= size / size[order[:rank], np.newaxis]
        return cls(gains[:, order[:rank]], weights)

    def combine(self, of_columns: FloatArray) -> FloatArray:
        """Return what is linear in the gain at all times, shape (..., n_times).

        Parameters
        ----------
        of_columns : ndarray of shape (..., k)
            The same for each column.
        """
        return of_columns if self.weights is None else of_columns @ self.weights

    def quadratic_form(self, vectors: FloatArray, matrix: FloatArray) -> FloatArray:
        """Return v^T diag(g) M diag(g) v for the gain g of each time.

        Parameters
        ----------
        vectors : ndarray of shape (m, n)
            One v in each row.
        matrix : ndarray of shape (n, n)
            Symmetric M.

        Returns
        -------
        ndarray of shape (m, n_times)
            One column for each time.
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
