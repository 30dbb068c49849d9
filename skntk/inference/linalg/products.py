"""Products of matrices by the BLAS that factorizes."""

from __future__ import annotations

from scipy.linalg import blas

from skntk.inference.linalg.arrays import FloatArray

__all__ = ["symmetric_product"]


def symmetric_product(matrix: FloatArray, symmetric: FloatArray) -> FloatArray:
    """Return the product of a matrix of shape (m, n) with a symmetric one of shape (n, n).

    NumPy's operator computes it with another copy of BLAS. Its threads would share the cores with
    those of SciPy's, which spin for some 20 ms after a factorization: with 2,000 rows and two cores
    the product then takes twice as long.
    """
    if not matrix.size:
        # BLAS refuses arrays without entries.
        empty: FloatArray = matrix @ symmetric
        return empty
    # Transposes are in the memory order of BLAS, and neither is copied.
    transposed: FloatArray = blas.dsymm(1.0, symmetric.T, matrix.T, lower=1)
    return transposed.T
