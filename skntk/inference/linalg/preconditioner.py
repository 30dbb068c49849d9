r"""A preconditioner of low rank for kernel matrices with noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.linalg import lapack, qr, solve_triangular

from skntk.inference.linalg.arrays import FloatArray
from skntk.inference.linalg.pivoted_cholesky import PartialCholesky, pivoted_cholesky
from skntk.inference.linalg.solver import ColumnOperator, KernelOperator

__all__ = ["LowRankPreconditioner"]

# Noise below this part of the trace of K is rounding, beside a factor in double precision.
_LEAST_NOISE = 1e-14


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

    Both come from Householder reflections: orthonormal to less than working precision, or with the
    triangle of a product that was rounded, P would not be positive definite for little noise.
    """
    rank = factor.shape[1]
    if not rank:
        return factor, np.empty((0, 0))
    factor *= scale[:, np.newaxis]
    reflections, scalars, _, _ = lapack.dgeqrf(factor, overwrite_a=1)
    stacked = np.vstack([np.triu(reflections[:rank]).T, np.eye(rank)])
    basis, _, _ = lapack.dorgqr(reflections, scalars, overwrite_a=1)
    (triangle,) = qr(stacked, mode="r", overwrite_a=True, check_finite=False)
    return basis, triangle[:rank]
