"""Linear systems with a training kernel by its Cholesky factorization, in place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import blas, lapack

from skntk.inference.linalg.arrays import FloatArray, as_fortran, diagonal_view
from skntk.inference.linalg.errors import SingularKernelError
from skntk.inference.linalg.solver import KernelOperator, LinearSystem

__all__ = ["CholeskySolver", "CholeskySystem"]

# Correlations of equal rows may differ from 1 by the rounding of a deep network's kernel.
_PERFECT_CORRELATION_TOLERANCE = 1e-8

_COLUMNS_AT_A_TIME = 64
_ABOVE_DIAGONAL = np.triu(np.ones((_COLUMNS_AT_A_TIME, _COLUMNS_AT_A_TIME), dtype=bool), 1)


def cholesky_factor(kernel: FloatArray, noise: FloatArray, *, overwrite: bool) -> FloatArray:
    """Factorize K + diag(noise) = L L^T.

    A pivot of L, squared, is the part of a sample's variance that the samples before it leave
    unexplained. Rounding alone leaves about n * eps of the variance; a pivot below that says
    nothing about the data, although LAPACK may accept it. The test is made relative to each
    sample's own variance: it does not depend on the scale of single rows, and neither does
    the accuracy of a Cholesky factorization (N. J. Higham, Accuracy and Stability of Numerical
    Algorithms, 2nd edition, section 10.1.1).

    One triangle of K is read, and L is Fortran-ordered. ``overwrite`` says whether it may take the
    memory of K. Raises a SingularKernelError if K + diag(noise) is not positive definite to working
    precision.
    """
    matrix = as_fortran(kernel, overwrite=overwrite)
    diagonal_view(matrix)[...] += noise
    variance = diagonal_view(matrix).copy()
    # clean=0 keeps the kernel's upper triangle, which tells the cause if the pivots fail.
    factor, first_failure = lapack.dpotrf(matrix, lower=1, clean=0, overwrite_a=1)
    dependent = _first_dependent_sample(factor, variance, first_failure)
    if dependent is not None:
        raise SingularKernelError(_cause_and_remedy(factor, variance, noise, dependent))
    _clear_above_diagonal(factor)
    return factor


def extended_factor(
    leading: FloatArray, cross: FloatArray, within: FloatArray, noise: FloatArray
) -> FloatArray:
    r"""Factorize K + A of k + b samples, given the factor of the first k.

    .. math::

        L_{21} = K_{21} L_{11}^{-T}, \qquad
        L_{22} L_{22}^T = K_{22} + A_2 - L_{21} L_{21}^T

    (G. H. Golub and C. F. Van Loan, Matrix Computations, 4th edition, section 4.2.9): :math:`k^2 b`
    operations where b is small, in place of :math:`(k + b)^3 / 3`.

    Parameters
    ----------
    leading : ndarray of shape (k, k)
        L_11, lower, with the noise in it.
    cross, within : ndarray of shape (b, k) and (b, b)
        K_21 and K_22.
    noise : ndarray of shape (k + b,)
        The diagonal of A.

    Raises
    ------
    SingularKernelError
        As `cholesky_factor`.
    """
    known, n_samples = slice(len(leading)), len(noise)
    added = slice(len(leading), n_samples)
    factor = np.zeros((n_samples, n_samples), order="F")
    factor[known, known] = leading
    schur = as_fortran(within, overwrite=False)
    diagonal_view(schur)[...] += noise[added]
    variance = np.concatenate([np.einsum("ij,ij->i", leading, leading), diagonal_view(schur)])
    # Kernels stay above the diagonal until the pivots have been tested, as in `cholesky_factor`.
    factor[known, added] = cross.T
    below = blas.dtrsm(1.0, leading, cross.T, lower=1)
    factor[added, known] = below.T
    schur = blas.dsyrk(-1.0, below, beta=1.0, c=schur, trans=1, lower=1, overwrite_c=1)
    factor[added, added], failure = lapack.dpotrf(schur, lower=1, clean=0, overwrite_a=1)
    first_failure = failure + len(leading) if failure else 0
    dependent = _first_dependent_sample(factor, variance, first_failure)
    if dependent is not None:
        raise SingularKernelError(_cause_and_remedy(factor, variance, noise, dependent))
    _clear_above_diagonal(factor)
    return factor


def _first_dependent_sample(
    factor: FloatArray, variance: FloatArray, first_failure: int
) -> int | None:
    if first_failure > 0:
        return first_failure - 1
    rounding = max(len(variance), 16) * np.finfo(np.float64).eps
    dependent = np.flatnonzero(np.square(np.diagonal(factor)) <= rounding * variance)
    return int(dependent[0]) if dependent.size else None


def _cause_and_remedy(
    factor: FloatArray, variance: FloatArray, noise: FloatArray, sample: int
) -> str:
    message = "The training kernel is singular to working precision: "
    prior_variance = variance - noise
    if prior_variance[sample] <= 0:
        return message + (
            f"sample {sample} has variance {prior_variance[sample]:.3g} and no noise. "
            "Increase `alpha`, or give the network a bias if this row is zero."
        )
    correlation = factor[:sample, sample] / np.sqrt(
        np.maximum(prior_variance[:sample], np.finfo(np.float64).tiny) * prior_variance[sample]
    )
    twins = np.flatnonzero(correlation >= 1 - _PERFECT_CORRELATION_TOLERANCE)
    if not twins.size:
        return message + (
            f"the noise (smallest value {noise.min():.3g}) is too small for this kernel "
            f"(mean variance {prior_variance.mean():.3g}). Increase `alpha`, or remove samples "
            "that are almost equal."
        )
    twin = int(twins[0])
    equal_variance = np.isclose(prior_variance[twin], prior_variance[sample], rtol=1e-8, atol=0)
    relation = (
        "cannot be told apart by the kernel (duplicate rows)"
        if equal_variance
        else "are perfectly correlated (one row is a multiple of the other)"
    )
    return message + (
        f"samples {twin} and {sample} {relation}. Increase `alpha`, or remove one of them."
    )


def _clear_above_diagonal(factor: FloatArray) -> None:
    # A few columns at a time: numpy.tril would copy the matrix.
    for start in range(0, len(factor), _COLUMNS_AT_A_TIME):
        columns = slice(start, start + _COLUMNS_AT_A_TIME)
        factor[:start, columns] = 0.0
        within = factor[columns, columns]
        np.copyto(within, 0.0, where=_ABOVE_DIAGONAL[: len(within), : len(within)])


def _mirror_below_diagonal(matrix: FloatArray) -> None:
    for start in range(0, len(matrix), _COLUMNS_AT_A_TIME):
        columns = slice(start, start + _COLUMNS_AT_A_TIME)
        matrix[:start, columns] = matrix[columns, :start].T
        within = matrix[columns, columns]
        np.copyto(within, within.T, where=_ABOVE_DIAGONAL[: len(within), : len(within)])


@dataclass(frozen=True, eq=False)
class CholeskySystem(LinearSystem):
    """The system A = L L^T, with zeros above the diagonal of L, the Fortran-ordered factor."""

    factor: FloatArray

    @property
    def shape(self) -> tuple[int, int]:
        """(n, n)."""
        return self.factor.shape[0], self.factor.shape[1]

    def extended(
        self, n_kept: int, cross: FloatArray, within: FloatArray, noise: FloatArray
    ) -> CholeskySystem:
        """Return the system of the first samples and of others: their kernels, and all noise."""
        leading = self.factor[:n_kept, :n_kept]
        return CholeskySystem(extended_factor(leading, cross, within, noise))

    def solve(self, b: FloatArray) -> FloatArray:
        """Return A^-1 b."""
        solution, _ = lapack.dpotrs(self.factor, b.reshape(len(self.factor), -1), lower=1)
        return solution.reshape(b.shape)

    def whiten(self, b: FloatArray) -> FloatArray:
        """Return L^-1 b, which has covariance I when b has covariance A."""
        whitened = blas.dtrsm(1.0, self.factor, b.reshape(len(self.factor), -1), lower=1)
        return whitened.reshape(b.shape)

    def matmul(self, B: FloatArray) -> FloatArray:
        """Return A B."""
        return self.factor @ (self.factor.T @ B)

    def log_determinant(self) -> float:
        """Return the logarithm of the determinant of A."""
        return 2.0 * float(np.log(np.diagonal(self.factor)).sum())

    def quadratic_form(self, B: FloatArray) -> FloatArray:
        """Return the squared norms of the columns of L^-1 B."""
        whitened = self.whiten(B).T
        return np.einsum("ij,ij->i", whitened, whitened)

    def reduction(self, B: FloatArray) -> FloatArray:
        """Return the products of the columns of L^-1 B."""
        whitened = self.whiten(B).T
        return whitened @ whitened.T

    def inverse(self) -> FloatArray:
        """Return A^-1."""
        inverse, _ = lapack.dpotri(self.factor, lower=1)
        _mirror_below_diagonal(inverse)
        return inverse

    def inverse_diagonal(self) -> FloatArray:
        """Return the squared norms of the columns of L^-1, as A^-1 = L^-T L^-1.

        Needs memory for one more n x n matrix while it runs.
        """
        inverse_factor, _ = lapack.dtrtri(self.factor, lower=1)
        columns = inverse_factor.T
        return np.einsum("ij,ij->i", columns, columns)

    def to_dense(self) -> FloatArray:
        """Return A."""
        return self.factor @ self.factor.T


@dataclass(frozen=True)
class CholeskySolver:
    """Solves with a dense kernel matrix by its Cholesky factorization, the default.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.inference import CholeskySolver, GaussianProcessPosterior
    >>> posterior = GaussianProcessPosterior.condition(
    ...     np.eye(2), 1.0, [2.0, 4.0], solver=CholeskySolver()
    ... )
    >>> posterior.dual_coef
    array([1., 2.])
    """

    def factorize(
        self, operator: KernelOperator, noise: FloatArray, *, overwrite: bool = False
    ) -> CholeskySystem:
        """Factorize K + diag(noise), as `LinearSolver.factorize`."""
        return CholeskySystem(cholesky_factor(operator.to_dense(), noise, overwrite=overwrite))
