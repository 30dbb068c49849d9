"""Products of matrices by the BLAS that factorizes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from scipy.linalg import blas

from skntk.inference.linalg.arrays import FloatArray
from skntk.inference.linalg.threads import blas_threads, one_blas_thread

__all__ = ["product", "symmetric_product"]

# Rows and columns that are converted to double precision at a time: they stay in the cache.
_ROWS_AT_A_TIME, _COLUMNS_AT_A_TIME = 16, 8192
# Below this number of entries threads cost more than they save.
_FEW_ENTRIES = 2**20


def product(matrix: np.ndarray, B: FloatArray) -> FloatArray:
    """Return matrix @ B in double precision, without a copy of a matrix in single precision.

    Its entries are converted some rows at a time, and all sums are those of double precision.

    Parameters
    ----------
    matrix : ndarray of shape (m, n)
        In single or double precision, in memory or in a file.
    B : ndarray of shape (n,) or (n, k)
    """
    if matrix.dtype == np.float64:
        result: FloatArray = np.asarray(matrix) @ B
        return result
    result = np.zeros((len(matrix), *B.shape[1:]))
    n_threads = blas_threads() if matrix.size > _FEW_ENTRIES else 1
    edges = np.linspace(0, len(matrix), n_threads + 1).astype(int)
    with one_blas_thread(), ThreadPoolExecutor(n_threads) as threads:
        parts = pairwise(edges)
        done = [threads.submit(_add_product, matrix, B, result, *part) for part in parts]
        for part in done:
            part.result()
    return result


def _add_product(
    matrix: np.ndarray, B: FloatArray, result: FloatArray, begin: int, end: int
) -> None:
    n_columns = matrix.shape[1]
    converted = np.empty(_ROWS_AT_A_TIME * min(_COLUMNS_AT_A_TIME, n_columns))
    for first_row in range(begin, end, _ROWS_AT_A_TIME):
        rows = slice(first_row, min(first_row + _ROWS_AT_A_TIME, end))
        for first in range(0, n_columns, _COLUMNS_AT_A_TIME):
            columns = slice(first, first + _COLUMNS_AT_A_TIME)
            single = matrix[rows, columns]
            double = converted[: single.size].reshape(single.shape)
            np.copyto(double, single)
            result[rows] += double @ B[columns]


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
