"""Matrix products by the BLAS that factorizes.

The wheels of NumPy and of SciPy bring an OpenBLAS each, with threads of its own, and those of one
stay busy for a while after their work is done. Programs that turn from one to the other and back,
as in a factorisation, a product and the next factorisation, have both on the same cores: on two
cores a factorisation of 200 samples then takes thirty times as long.
"""

from __future__ import annotations

from scipy.linalg import blas

from skntk.inference.linalg.arrays import FloatArray

__all__ = ["product", "product_with_transpose"]


def product(left: FloatArray, right: FloatArray) -> FloatArray:
    """Return ``left @ right``.

    Parameters
    ----------
    left : ndarray of shape (m, k)
        In C or Fortran order, for which it is not copied.
    right : ndarray of shape (k,) or (k, n)

    Returns
    -------
    ndarray of shape (m,) or (m, n)
    """
    if not left.size or not right.size:
        # The routines refuse arrays without entries.
        empty: FloatArray = left @ right
        return empty
    a, transposed = _in_fortran_order(left)
    if right.ndim == 1:
        vector: FloatArray = blas.dgemv(1.0, a, right, trans=transposed)
        return vector
    b, right_transposed = _in_fortran_order(right)
    matrix: FloatArray = blas.dgemm(1.0, a, b, trans_a=transposed, trans_b=right_transposed)
    return matrix


def product_with_transpose(matrix: FloatArray) -> FloatArray:
    """Return the lower triangle of ``matrix @ matrix.T``, for half of the work.

    Parameters
    ----------
    matrix : ndarray of shape (m, k)
        In C or Fortran order, for which it is not copied.

    Returns
    -------
    ndarray of shape (m, m)
        In Fortran order, and 0 above the diagonal.
    """
    a, transposed = _in_fortran_order(matrix)
    triangle: FloatArray = blas.dsyrk(1.0, a, trans=transposed, lower=1)
    return triangle


def _in_fortran_order(matrix: FloatArray) -> tuple[FloatArray, int]:
    """Return a matrix as the routines read it, and 1 if that is its transpose."""
    return (matrix, 0) if matrix.flags.f_contiguous else (matrix.T, 1)
