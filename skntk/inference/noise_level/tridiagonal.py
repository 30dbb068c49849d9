"""One tridiagonal reduction of a symmetric matrix, for its shifts by any multiple of the identity.

With M = Q T Q^T, T tridiagonal, systems with M + a I cost as many operations as there are rows once
the right-hand side is rotated: a twelfth of the work that eigenvectors take (G. H. Golub and C. F.
Van Loan, Matrix Computations, 4th edition, section 8.3.1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack

from skntk.inference.linalg.arrays import FloatArray, as_fortran

__all__ = ["TridiagonalForm"]


@dataclass(frozen=True, eq=False)
class TridiagonalForm:
    """The tridiagonal form of a symmetric matrix, and right-hand sides in its basis.

    Attributes
    ----------
    diagonal : ndarray of shape (n,)
    off_diagonal : ndarray of shape (n - 1,), of at least one element
    rotated : ndarray of shape (n, outputs)
        Q^T B.
    """

    diagonal: FloatArray
    off_diagonal: FloatArray
    rotated: FloatArray

    @classmethod
    def reduce(cls, matrix: FloatArray, B: FloatArray) -> TridiagonalForm:
        """Reduce a symmetric matrix, whose memory may be overwritten.

        Parameters
        ----------
        matrix : ndarray of shape (n, n)
        B : ndarray of shape (n, outputs)
        """
        n = len(matrix)
        size, _ = lapack.dsytrd_lwork(n, lower=1)
        reduced, diagonal, off_diagonal, factors, _ = lapack.dsytrd(
            as_fortran(matrix, overwrite=True), lower=1, lwork=int(size), overwrite_a=1
        )
        rotated = np.array(B, order="F")
        if n > 1:
            # Below the first row Q is a product of reflectors, stored as those of a QR
            # factorization are.
            rows = np.asfortranarray(reduced[1:, :-1])
            block = 64 * rotated.shape[1]
            rotated[1:], _, _ = lapack.dormqr("L", "T", rows, factors, rotated[1:], block)
        # LAPACK's wrappers ask for an element where there is none.
        return cls(diagonal, off_diagonal if n > 1 else np.zeros(1), rotated)

    def shifted(self, shift: float) -> tuple[FloatArray, float] | None:
        """Return the diagonal of B^T (M + shift I)^-1 B, and the logarithm of the determinant.

        None if the matrix is not positive definite.
        """
        pivots, multipliers, failure = lapack.dpttrf(self.diagonal + shift, self.off_diagonal)
        if failure:
            return None
        solution, _ = lapack.dpttrs(pivots, multipliers, self.rotated)
        quadratic_form = np.einsum("ij,ij->j", self.rotated, solution)
        return quadratic_form, float(np.log(pivots).sum())
