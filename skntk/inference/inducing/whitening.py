"""Features of rows: their kernels with the inducing points, made orthonormal over these."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.linalg import blas, lapack

from skntk.inference.inducing.shifted_cholesky import shifted_cholesky
from skntk.inference.linalg.arrays import FloatArray, as_training_kernel

__all__ = ["Whitening"]

AnyFloat = npt.NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Whitening:
    """The factor L of the kernel between the inducing points, L L^T = K_ZZ + shift I.

    A row x has the features L^-1 k_Z(x), whose inner products are the kernel's projection on the
    inducing points, Q(x, x') = k_Z(x)^T K_ZZ^-1 k_Z(x').

    Attributes
    ----------
    factor : ndarray of shape (m, m)
        L, lower, Fortran-ordered, in float64.
    shift : float
        What rounding made it necessary to add to the diagonal.
    dtype : dtype
        Precision of the kernels between rows and inducing points.
    """

    factor: FloatArray
    shift: float
    dtype: np.dtype

    @classmethod
    def of(cls, kernel: npt.ArrayLike, dtype: npt.DTypeLike = np.float64) -> Self:
        """Factorize the kernel between the inducing points, shape (m, m).

        Kernels in single precision move the eigenvalues of K_ZZ by about root m eps times its mean
        diagonal: directions below that are noise, and are damped by a shift of this size.
        """
        matrix = as_training_kernel(kernel, "The kernel of the inducing points")
        precision = np.dtype(dtype)
        smallest = 0.0
        if precision == np.float32:
            eps = float(np.finfo(np.float32).eps)
            smallest = eps * np.sqrt(len(matrix)) * float(np.mean(np.diagonal(matrix)))
        found = shifted_cholesky(matrix, smallest)
        return cls(found.factor, found.shift, precision)

    @property
    def n_points(self) -> int:
        """The number m of inducing points."""
        return len(self.factor)

    @cached_property
    def _factor(self) -> AnyFloat:
        return np.asfortranarray(self.factor, dtype=self.dtype)

    def features(self, cross: AnyFloat, *, overwrite: bool = False) -> AnyFloat:
        """Return the features of b rows as columns, shape (m, b), in the precision of the kernels.

        Parameters
        ----------
        cross : ndarray of shape (b, m)
            Kernels between the rows and the inducing points.
        overwrite : bool, default=False
            Whether the features may take its memory.
        """
        trsm = blas.get_blas_funcs("trsm", dtype=self.dtype)
        columns = np.ascontiguousarray(cross, dtype=self.dtype).T
        features: AnyFloat = trsm(1.0, self._factor, columns, lower=1, overwrite_b=overwrite)
        return features

    def to_kernel_coefficients(self, coefficients: FloatArray) -> FloatArray:
        """Return the coefficients of the kernels k_Z(x), given those of the features: L^-T c."""
        columns = coefficients.reshape(len(coefficients), -1)
        solution, _ = lapack.dtrtrs(self.factor, columns, lower=1, trans=1)
        found: FloatArray = solution.reshape(coefficients.shape)
        return found
