"""Cholesky factors of matrices that rounding has made slightly indefinite."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack

from skntk.inference.linalg.arrays import FloatArray, diagonal_view
from skntk.inference.linalg.errors import SingularKernelError

__all__ = ["ShiftedCholesky", "shifted_cholesky"]

# Shifts grow by this factor until the factorization succeeds, up to this fraction of the diagonal.
_GROWTH = 10.0
_LARGEST = 1e-3


@dataclass(frozen=True, eq=False)
class ShiftedCholesky:
    """The lower factor L of a matrix, L L^T = A + shift I, Fortran-ordered with zeros above.

    Attributes
    ----------
    factor : ndarray of shape (m, m)
    shift : float
        0 where A is positive definite to working precision.
    """

    factor: FloatArray
    shift: float


def shifted_cholesky(matrix: FloatArray, smallest: float = 0.0) -> ShiftedCholesky:
    """Factorize a symmetric positive semidefinite matrix with the smallest shift that allows it.

    Rounding errors of the entries move eigenvalues by about m eps times the mean of the diagonal,
    m being the number of rows. Where a factorization fails, the shift starts there and grows. It
    adds the same to all eigenvalues, those that rounding has made negative among them (N. J.
    Higham, Accuracy and Stability of Numerical Algorithms, 2nd edition, section 10.3).

    Parameters
    ----------
    matrix : ndarray of shape (m, m)
        Its lower triangle is read; it is not changed.
    smallest : float, default=0.0
        A shift that is added in any case.

    Raises
    ------
    SingularKernelError
        If no shift that is small beside the diagonal is enough, or the diagonal is zero.
    """
    mean = float(np.mean(np.diagonal(matrix)))
    if not mean > 0:
        raise SingularKernelError(
            "The kernel of the inducing points is zero: all of them are zero rows and the network "
            "has no bias. Give it one, for example bias_std=1.0, or give other points."
        )
    first = len(matrix) * np.finfo(np.float64).eps * mean
    shift = smallest
    while True:
        shifted = np.array(matrix, dtype=np.float64, order="F")
        diagonal_view(shifted)[...] += shift
        variance = diagonal_view(shifted).copy()
        factor, failure = lapack.dpotrf(shifted, lower=1, clean=1, overwrite_a=1)
        # A pivot that is all rounding says nothing, although LAPACK may accept it.
        pivots = np.square(np.diagonal(factor))
        rounding = len(matrix) * np.finfo(np.float64).eps
        if failure == 0 and (pivots > rounding * variance).all():
            return ShiftedCholesky(factor, shift)
        shift = max(first, _GROWTH * shift)
        if not shift <= _LARGEST * mean:
            raise SingularKernelError(
                "The kernel of the inducing points is not positive semidefinite, up to "
                f"{_LARGEST:g} of its diagonal. Set dtype='float64', or rescale the inputs."
            )
