r"""A preconditioner of low rank for kernel matrices with noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.linalg import blas, cholesky, solve_triangular

from skntk.inference.linalg.arrays import FloatArray, diagonal_view
from skntk.inference.linalg.pivoted_cholesky import PartialCholesky, pivoted_cholesky
from skntk.inference.linalg.solver import ColumnOperator, KernelOperator
from skntk.inference.linalg.threads import one_blas_thread

__all__ = ["LowRankPreconditioner"]

# Noise below this part of the trace of K is rounding, beside a factor in double precision.
_LEAST_NOISE = 1e-14

_NEARLY_ORTHONORMAL = 1e-3
_MOST_PASSES = 6


@dataclass(frozen=True, eq=False)
class LowRankPreconditioner:
    r"""The matrix :math:`P = F F^T + D`, with F a randomly pivoted partial Cholesky factor of K.

    With :math:`D^{-1/2} F = Q R`, Q with orthonormal columns,

    .. math::

        P^{-1} = D^{-1/2} \left(I - Q Q^T + Q (I + R R^T)^{-1} Q^T\right) D^{-1/2}

    (M. Díaz, E. N. Epperly, Z. Frangella, J. A. Tropp and R. J. Webber, Robust, randomized
    preconditioning for kernel ridge regression, 2023, arXiv 2304.12465). D is the noise, but at
    least the mean of what F leaves of the diagonal of K: without noise P would have no inverse.

    Attributes
    ----------
    basis : ndarray of shape (n, rank)
        Q.
    triangle : ndarray of shape (rank, rank)
        Upper triangular; its Gram matrix is I + R R^T.
    scale : ndarray of shape (n,)
        The diagonal of D^(-1/2).
    relative_residual : float
        The trace of K - F F^T over that of K.
    """

    basis: FloatArray
    triangle: FloatArray
    scale: FloatArray
    relative_residual: float

    @classmethod
    def of(
        cls, operator: KernelOperator, noise: FloatArray, rank: int, random: np.random.Generator
    ) -> Self:
        """Factorize K, from its diagonal and about `rank` of its columns."""
        partial = _partial_cholesky(operator, rank, random)
        left = float(partial.residual_diagonal.mean())
        floor = max(left, _LEAST_NOISE * float(operator.diagonal().sum())) or 1.0
        scale = 1 / np.sqrt(np.maximum(noise, floor))
        basis, triangle = _orthonormalized(partial.factor, scale)
        return cls(basis, triangle, scale, partial.relative_residual)

    @property
    def rank(self) -> int:
        """The number of columns of F."""
        return self.basis.shape[1]

    def solve(self, B: FloatArray) -> FloatArray:
        """Return P^-1 B for B of shape (n, m), in a new array."""
        scaled = B * self.scale[:, np.newaxis]
        projections = self.basis.T @ scaled
        # NumPy's BLAS would have to share the cores with SciPy's threads, which this does not need.
        with one_blas_thread():
            whitened = solve_triangular(self.triangle, projections, trans=1, check_finite=False)
            projections -= solve_triangular(self.triangle, whitened, check_finite=False)
        scaled -= self.basis @ projections
        scaled *= self.scale[:, np.newaxis]
        return scaled


def _partial_cholesky(
    operator: KernelOperator, rank: int, random: np.random.Generator
) -> PartialCholesky:
    if isinstance(operator, ColumnOperator):
        return pivoted_cholesky(
            operator.diagonal(), operator.columns, rank, random, precision=operator.dtype
        )

    def columns(indices: np.ndarray) -> FloatArray:
        unit_vectors = np.zeros((operator.shape[0], len(indices)))
        unit_vectors[indices, np.arange(len(indices))] = 1.0
        return operator.matmul(unit_vectors)

    return pivoted_cholesky(operator.diagonal(), columns, rank, random)


def _orthonormalized(factor: FloatArray, scale: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return Q in the memory of F, and the triangle.

    Q is orthonormal to working precision: with less, P would not be positive definite for little
    noise. It comes from products of whole matrices, which keep all cores busy as reflections do
    not: Cholesky factorizations of Gram matrices, again until these are nearly the identity, and
    shifted where rounding makes them indefinite (T. Fukaya et al., Shifted Cholesky QR for
    computing the QR factorization of ill-conditioned matrices, 2020, arXiv 1809.11085). The
    triangle may be less accurate: whatever it is, P is positive definite.
    """
    n_rows, rank = factor.shape
    if not rank:
        return factor, np.empty((0, 0))
    factor *= scale[:, np.newaxis]
    rounding = 11 * (n_rows * rank + rank * (rank + 1)) * float(np.finfo(np.float64).eps)
    triangle, is_last = np.eye(rank), False
    for _ in range(_MOST_PASSES):
        gram = blas.dsyrk(1.0, factor, trans=1)
        is_last = float(np.abs(gram - np.eye(rank)).max()) < _NEARLY_ORTHONORMAL
        step = _shifted_cholesky(gram, rounding)
        factor = blas.dtrsm(1.0, step, factor, side=1, overwrite_b=1)
        triangle = step @ triangle
        if is_last:
            break
    outer = blas.dsyrk(1.0, triangle)
    diagonal_view(outer)[...] += 1.0
    return factor, _shifted_cholesky(outer, rank * float(np.finfo(np.float64).eps))


def _shifted_cholesky(gram: FloatArray, rounding: float) -> FloatArray:
    """Return the upper factor, of a matrix with as much on its diagonal as it takes."""
    diagonal = diagonal_view(gram)
    shift = rounding * float(diagonal.sum())
    while True:
        try:
            factor: FloatArray = cholesky(gram, check_finite=False)
        except np.linalg.LinAlgError:
            diagonal += shift
            shift *= 10
        else:
            return factor
