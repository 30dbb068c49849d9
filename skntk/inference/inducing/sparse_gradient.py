r"""How a score of sums over rows changes with the kernels that they are made of.

A search over the hyperparameters of a kernel needs the derivative of a score by every entry of the
kernels: between inducing points, with the training rows, and of these with themselves. Those with
the rows are found block by block, as the sums are, so that memory does not depend on the number of
rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.linalg import blas, lapack

from skntk.inference.inducing.projected_system import ProjectedSystem
from skntk.inference.inducing.whitening import Whitening
from skntk.inference.linalg.arrays import FloatArray, diagonal_view

__all__ = ["SampleGradient", "SparseGradient"]


@dataclass(frozen=True, eq=False)
class SampleGradient:
    """Derivatives by kernels of rows that a score takes one by one, beside the sums over all rows.

    Attributes
    ----------
    by_cross : tuple of ndarray of shape (b, m)
        By each kernel of these rows with the inducing points, the one that is inverted first.
    by_variance : ndarray of shape (b,)
        By the prior variances of the rows.
    by_prior : ndarray of shape (m, m) or None
        By the kernel of the prior between inducing points, where that is not the one inverted.
    """

    by_cross: tuple[FloatArray, ...]
    by_variance: FloatArray
    by_prior: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class SparseGradient:
    r"""A score of training data through inducing points, and its derivatives.

    A score depends on the kernel that is inverted through :math:`F = \Phi W \Phi^T` and
    :math:`b = \Phi W y`, with derivatives G_F and G_b. Features are :math:`\Phi = L^{-1} K_{ZX}`,
    so that the derivative by the kernels of the rows is :math:`W (K_{XZ} H + y g^T)` with
    :math:`H = 2 L^{-T} G_F L^{-1}` and :math:`g = L^{-T} G_b`. By K_ZZ it is
    :math:`-\frac12 L^{-T} M L^{-1}`, where :math:`M = 2 F G_F + b\, G_b^T`, and the like for all
    other vectors of features, is symmetric because a rotation of the features changes no score.

    Attributes
    ----------
    score : float
        In nats, summed over outputs.
    output_scale : ndarray of shape (outputs,)
        What kernels and noise are multiplied by for every output.
    by_noise : float
        The derivative by the noise of a row of weight 1, at fixed kernels.
    by_variance : float
        The derivative by the prior variance of every row, over its weight.
    by_points : ndarray of shape (m, m)
        The symmetric derivative by K_ZZ of the kernel that is inverted.
    sample : SampleGradient or None
    """

    score: float
    output_scale: FloatArray
    by_noise: float
    by_variance: float
    by_points: FloatArray
    sample: SampleGradient | None
    _by_product: FloatArray
    _by_target: FloatArray

    @classmethod
    def of(
        cls,
        system: ProjectedSystem,
        score: float,
        output_scale: FloatArray,
        *,
        by_gram: FloatArray,
        by_target: FloatArray,
        by_noise: float,
        by_variance: float = 0.0,
        by_rotation: FloatArray | None = None,
        sample: SampleGradient | None = None,
    ) -> Self:
        """Pull derivatives by sums back to kernels.

        Parameters
        ----------
        system : ProjectedSystem
        score, output_scale, by_noise, by_variance, sample
            As the attributes.
        by_gram : ndarray of shape (m, m)
            G_F, symmetric.
        by_target : ndarray of shape (m, outputs)
            G_b.
        by_rotation : ndarray of shape (m, m) or None
            What other vectors of features add to M.
        """
        sums, whitening = system.sums, system.whitening
        change = 2.0 * blas.dsymm(1.0, sums.gram, by_gram, lower=1)
        change += sums.by_target @ by_target.T
        if by_rotation is not None:
            change += by_rotation
        by_points = to_kernels(whitening, -0.25 * (change + change.T))
        _add_through_shift(whitening, by_points)
        return cls(
            score,
            output_scale,
            by_noise,
            by_variance,
            by_points,
            sample,
            to_kernels(whitening, 2.0 * by_gram),
            whitening.to_kernel_coefficients(by_target),
        )

    def by_cross(self, cross: npt.ArrayLike, targets: FloatArray, weight: FloatArray) -> FloatArray:
        """Return the derivative by the kernels of b rows with the inducing points, through sums.

        Parameters
        ----------
        cross : array-like of shape (b, m)
            These kernels.
        targets : ndarray of shape (b, outputs)
        weight : ndarray of shape (b,)

        Returns
        -------
        ndarray of shape (b, m)
        """
        derivative: FloatArray = np.asarray(cross, dtype=np.float64) @ self._by_product
        # In place: the transpose of a C-ordered array is in the order of BLAS.
        blas.dgemm(1.0, self._by_target, targets.T, beta=1.0, c=derivative.T, overwrite_c=1)
        derivative *= weight[:, np.newaxis]
        return derivative


def inverse_of(system: ProjectedSystem) -> FloatArray:
    """Return (F + s I)^-1."""
    lower, _ = lapack.dpotri(system.factor, lower=1)
    inverse: FloatArray = np.tril(lower) + np.tril(lower, -1).T
    return inverse


def to_kernels(whitening: Whitening, by_features: FloatArray) -> FloatArray:
    """Return L^-T A L^-1 for a matrix A."""
    right = blas.dtrsm(1.0, whitening.factor, by_features, side=1, lower=1)
    both: FloatArray = blas.dtrsm(1.0, whitening.factor, right, lower=1, trans_a=1, overwrite_b=1)
    return both


def _add_through_shift(whitening: Whitening, by_points: FloatArray) -> None:
    """Add the derivative through the shift of K_ZZ, which is in proportion to its mean diagonal."""
    n_points, shift = whitening.n_points, whitening.shift
    trace = float(np.square(whitening.factor).sum()) - n_points * shift
    diagonal = diagonal_view(by_points)
    diagonal += shift / trace * float(np.trace(by_points))
