"""The posterior of a Gaussian process through inducing points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from skntk.inference.inducing.left_out_rows import LeftOutRows
from skntk.inference.inducing.projected_system import ProjectedSystem
from skntk.inference.inducing.training_run import SparseRun
from skntk.inference.inducing.whitening import AnyFloat
from skntk.inference.linalg.arrays import FloatArray, as_kernel, with_nonnegative_variances
from skntk.inference.training.training_methods import TrainingMethod

__all__ = ["SparseGaussianProcess", "bound_at_scale", "collapsed_bound"]


@dataclass(frozen=True, eq=False)
class SparseGaussianProcess:
    r"""A Gaussian process whose values at m inducing points stand for n training rows.

    With the kernel's projection on the inducing points :math:`Q_* = \phi_*^T \Phi` and the matrix B
    of `ProjectedSystem`,

    .. math::

        \text{mean} = Q_* B^{-1} y, \qquad
        \text{cov} = K_{**} - Q_{**} + s\, \phi_*^T (F + s I)^{-1} \phi_*,

    the variational posterior of M. Titsias, Variational learning of inducing variables in sparse
    Gaussian processes, 2009, equation 10. It is chosen before FITC because it approximates the
    exact posterior of the same model: more inducing points never make it worse, and the noise keeps
    its meaning. With all rows as inducing points it is the exact posterior.

    Attributes
    ----------
    system : ProjectedSystem
    dual_coef : ndarray of shape (m,) or (m, outputs)
        Coefficients of the kernels with the inducing points in the mean.
    """

    system: ProjectedSystem
    dual_coef: FloatArray

    @classmethod
    def of(cls, system: ProjectedSystem, outputs: tuple[int, ...] = ()) -> Self:
        """Return the posterior given the sums over rows, whose targets have this shape."""
        return cls(system, mean_coefficients(system, outputs))

    def mean(self, cross: npt.ArrayLike) -> FloatArray:
        """Return the mean at test points from their kernels with the inducing points, (t, m)."""
        return as_kernel(cross) @ self.dual_coef

    def variance(self, cross: AnyFloat, diagonal: npt.ArrayLike) -> FloatArray:
        """Return the variance at test points, which have these prior variances."""
        features = self.system.whitening.features(cross)
        explained = np.einsum("ij,ij->j", features, features, dtype=np.float64)
        remaining = np.maximum(as_kernel(diagonal) - explained, 0.0)
        return remaining + self.system.uncertainty(features)

    def covariance(self, cross: AnyFloat, test_kernel: npt.ArrayLike) -> FloatArray:
        """Return the covariance between test points, which have this prior covariance."""
        features = self.system.whitening.features(cross).astype(np.float64)
        whitened = self.system.whiten(features).astype(np.float64)
        change = self.system.noise * (whitened.T @ whitened) - features.T @ features
        return with_nonnegative_variances(as_kernel(test_kernel) + change)

    def left_out_variance(
        self, left_out: LeftOutRows, cross: AnyFloat, diagonal: npt.ArrayLike
    ) -> FloatArray:
        """Return the variance at rows by the models that leave them out."""
        features = self.system.whitening.features(cross)
        explained = np.einsum("ij,ij->j", features, features, dtype=np.float64)
        remaining = np.maximum(as_kernel(diagonal) - explained, 0.0)
        return remaining + np.maximum(1 / left_out.precision - left_out.noise, 0.0)

    def require_convergence(self) -> None:
        """Do nothing: training has converged."""

    def training_run(
        self, system: ProjectedSystem, method: TrainingMethod, outputs: tuple[int, ...]
    ) -> SparseRun:
        """Return the training of last layers that leads to this posterior."""
        return SparseRun.of(system, method, outputs)


def mean_coefficients(system: ProjectedSystem, outputs: tuple[int, ...]) -> FloatArray:
    """Return L^-T (F + s I)^-1 Phi W y, shape (m, *outputs)."""
    coefficients = system.whitening.to_kernel_coefficients(system.solve(system.sums.by_target))
    return coefficients.reshape(len(coefficients), *outputs)


def collapsed_bound(system: ProjectedSystem) -> tuple[float, FloatArray]:
    r"""Return the bound on the log marginal likelihood at the best scale of every output.

    Titsias, equation 9: the log density of y under the projected kernel, less the variance that is
    not explained over twice the noise. Prior and noise of output k are multiplied by
    :math:`c_k = y_k^T B^{-1} y_k / N`, which makes it largest; the last term does not depend on it.

    Returns
    -------
    bound : float
        In nats, summed over outputs.
    scale : ndarray of shape (outputs,)
        c.
    """
    n = system.sums.n_observations
    misfit = system.misfit()
    with np.errstate(divide="ignore"):
        densities = n * (1.0 + np.log(2 * np.pi / n * misfit))
    bound = -0.5 * float(densities.sum() + len(misfit) * _of_each_output(system))
    return bound, misfit / n


def bound_at_scale(system: ProjectedSystem, scale: npt.ArrayLike) -> float:
    """Return the bound of `collapsed_bound` with given scales of the outputs."""
    n = system.sums.n_observations
    misfit = system.misfit()
    scales = np.broadcast_to(np.asarray(scale, dtype=np.float64), misfit.shape)
    outputs = misfit / scales + n * np.log(2 * np.pi * scales) + _of_each_output(system)
    return -0.5 * float(outputs.sum())


def _of_each_output(system: ProjectedSystem) -> float:
    sums = system.sums
    repeated = (sums.n_observations - sums.n_rows) * np.log(system.noise) + sums.repetition
    return system.log_determinant() + repeated + system.residual_variance() / system.noise
