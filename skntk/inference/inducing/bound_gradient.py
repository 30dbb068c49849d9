r"""How the collapsed bound changes with kernels and noise.

A search over the hyperparameters of a kernel needs the derivative of the bound by every entry of
the kernels that it is made of: between inducing points, with the training rows, and of these with
themselves. Those with the rows are found block by block, as the sums over rows are, so that memory
does not depend on the number of rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.linalg import blas, lapack

from skntk.inference.inducing.gaussian_process import bound_at_scale, collapsed_bound
from skntk.inference.inducing.projected_system import ProjectedSystem
from skntk.inference.linalg.arrays import FloatArray, diagonal_view

__all__ = ["BoundGradient"]


@dataclass(frozen=True, eq=False)
class BoundGradient:
    r"""The collapsed bound of `collapsed_bound`, and its derivatives.

    The bound depends on the kernels through :math:`F = \Phi W \Phi^T`, :math:`b = \Phi W y` and
    the sum V of the weighted prior variances. With :math:`\beta_k = (F + s I)^{-1} b_k` and c the
    scales of D outputs, its derivatives by these are

    .. math::

        G_F = -\frac{1}{2 s} \left(\sum_k \frac{\beta_k \beta_k^T}{c_k} + D \left(
        s (F + s I)^{-1} - I\right)\right), \qquad
        G_b = \frac{\beta_k}{s c_k}, \qquad G_V = -\frac{D}{2 s}.

    Features are :math:`\Phi = L^{-1} K_{ZX}`, so that the derivative by the kernels of the rows is
    :math:`W (K_{XZ} H + y g^T)` with :math:`H = 2 L^{-T} G_F L^{-1}` and :math:`g = L^{-T} G_b`. By
    K_ZZ it is :math:`-\frac12 L^{-T} M L^{-1}`, where :math:`M = 2 F G_F + b\, G_b^T` is symmetric
    because a rotation of the features does not change the bound. At its maximum the scale moves no
    derivative.

    Attributes
    ----------
    score : float
        The bound, in nats, summed over outputs.
    output_scale : ndarray of shape (outputs,)
        c.
    by_noise : float
        The derivative by s, at fixed kernels.
    by_variance : float
        The derivative by the prior variance of a row of weight 1.
    by_points : ndarray of shape (m, m)
        The symmetric derivative by K_ZZ.
    """

    score: float
    output_scale: FloatArray
    by_noise: float
    by_variance: float
    by_points: FloatArray
    _by_product: FloatArray
    _by_target: FloatArray

    @classmethod
    def of(cls, system: ProjectedSystem, *, best_scale: bool = False) -> Self:
        """Differentiate the bound.

        Parameters
        ----------
        system : ProjectedSystem
        best_scale : bool, default=False
            Whether prior and noise are multiplied by the best factor for every output, and not
            by 1.
        """
        score, scale = collapsed_bound(system)
        if not best_scale:
            scale = np.ones_like(scale)
            score = bound_at_scale(system, scale)
        derivatives = _Derivatives(system, scale)
        return cls(
            score,
            scale,
            derivatives.by_noise(),
            -0.5 * len(scale) / system.noise,
            derivatives.by_points(),
            2.0 * derivatives.to_kernels(derivatives.by_gram),
            system.whitening.to_kernel_coefficients(derivatives.by_target),
        )

    def by_cross(self, cross: npt.ArrayLike, targets: FloatArray, weight: FloatArray) -> FloatArray:
        """Return the derivative by the kernels of b rows with the inducing points.

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
        derivative += targets @ self._by_target.T
        derivative *= weight[:, np.newaxis]
        return derivative


class _Derivatives:
    """The derivatives by sums over rows."""

    def __init__(self, system: ProjectedSystem, scale: FloatArray) -> None:
        self._system = system
        self._scale = scale
        self._solution = system.solve(system.sums.by_target) / np.sqrt(scale)

    @cached_property
    def _inverse(self) -> FloatArray:
        """(F + s I)^-1."""
        lower, _ = lapack.dpotri(self._system.factor, lower=1)
        return np.tril(lower) + np.tril(lower, -1).T

    @cached_property
    def by_gram(self) -> FloatArray:
        """The symmetric derivative by F."""
        noise, n_outputs = self._system.noise, len(self._scale)
        derivative = -0.5 / noise * (self._solution @ self._solution.T)
        derivative -= 0.5 * n_outputs * self._inverse
        diagonal = diagonal_view(derivative)
        diagonal += 0.5 * n_outputs / noise
        return derivative

    @property
    def by_target(self) -> FloatArray:
        """The derivative by b."""
        derivative: FloatArray = self._solution / (self._system.noise * np.sqrt(self._scale))
        return derivative

    def by_noise(self) -> float:
        """Return the derivative by s."""
        system, sums = self._system, self._system.sums
        misfit = float((system.misfit() / self._scale).sum())
        fitted = (float(np.square(self._solution).sum()) - misfit) / system.noise
        unexplained = system.residual_variance() / system.noise
        remaining = sums.n_observations - len(system.factor) - unexplained
        each = float(np.trace(self._inverse)) + remaining / system.noise
        return -0.5 * (fitted + len(self._scale) * each)

    def by_points(self) -> FloatArray:
        """Return the derivative by K_ZZ, whose diagonal has a shift in proportion to its mean."""
        sums, whitening = self._system.sums, self._system.whitening
        change = 2.0 * blas.dsymm(1.0, sums.gram, self.by_gram, lower=1)
        change += sums.by_target @ self.by_target.T
        derivative = -0.25 * self.to_kernels(change + change.T)
        n_points, shift = whitening.n_points, whitening.shift
        total = float(np.square(whitening.factor).sum()) - n_points * shift
        diagonal = diagonal_view(derivative)
        diagonal += shift / total * float(np.trace(derivative))
        return derivative

    def to_kernels(self, by_features: FloatArray) -> FloatArray:
        """Return L^-T A L^-1 for a symmetric matrix A."""
        factor = self._system.whitening.factor
        right = blas.dtrsm(1.0, factor, by_features, side=1, lower=1)
        both: FloatArray = blas.dtrsm(1.0, factor, right, lower=1, trans_a=1, overwrite_b=1)
        return both
