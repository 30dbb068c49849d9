"""The predictions of infinitely wide networks of which only the last layer is trained."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from skntk.inference.linalg.arrays import (
    FloatArray,
    as_kernel,
    as_targets,
    as_training_kernel,
    per_sample,
)
from skntk.inference.training.kernel_spectrum import KernelSpectrum
from skntk.inference.training.momentum import make_training_method
from skntk.inference.training.readout_spread import (
    explained_share,
    readout_covariance,
    readout_variance,
)
from skntk.inference.training.squared_error_run import Converged, SquaredErrorRun
from skntk.inference.training.training_methods import (
    GradientFlow,
    TrainingMethod,
    as_training_time,
)
from skntk.inference.training.trajectory import ReadoutTrajectory

__all__ = ["ReadoutFlowPosterior"]


@dataclass(frozen=True, eq=False)
class ReadoutFlowPosterior(SquaredErrorRun[ReadoutTrajectory]):
    r"""Distribution over initializations of networks whose readout is trained until a given time.

    The last layer follows the gradient for a time t on
    :math:`\frac{1}{2N} \sum_i w_i |f(x_i) - y_i|^2`, the other layers stay random. With NNGP kernel
    K, :math:`S = W^{1/2} K W^{1/2} + A` and the residual :math:`r = r_t(S / N)` of the method,

    .. math::

        \text{mean} = K_* W^{1/2} S^{-1} (I - r) W^{1/2} y, \qquad
        \text{cov} = K_{**} - K_* W^{1/2} S^{-1} (I - r^2) W^{1/2} K_*^T

    (J. Lee et al., Wide neural networks of any depth evolve as linear models under gradient
    descent, 2019, section 2.3, for gradient flow, of which the square of the residual is that at
    twice the time). The targets of each network carry noise of their own, with covariance A. From
    the prior at t = 0 it moves to the posterior of :class:`GaussianProcessPosterior`. Make one with
    :meth:`condition`; :meth:`at` moves to another time, :meth:`over` to many times.

    Attributes
    ----------
    spectrum : KernelSpectrum
        The eigendecomposition of S.
    rotated_targets : ndarray of shape (n,) or (n, outputs)
        W^1/2 y in the eigenvectors of S.
    noise : ndarray of shape (n,)
        The diagonal of A.
    training_method : TrainingMethod
        How the last layer is trained.
    training_time : float
        t.
    dual_coef : ndarray of shape (n,) or (n, outputs)
        The coefficients c of the mean K_* c.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.inference import ReadoutFlowPosterior
    >>> kernel = np.array([[2.0, 1.0], [1.0, 2.0]])
    >>> early = ReadoutFlowPosterior.condition(kernel, 0.0, [4.0, 2.0], training_time=0.0)
    >>> early.variance(kernel, np.array([2.0, 2.0]))
    array([2., 2.])
    >>> early.at(1.0).variance(kernel, np.array([2.0, 2.0])).round(3)
    array([0.259, 0.259])
    """

    @classmethod
    def condition(
        cls,
        kernel: npt.ArrayLike,
        noise: npt.ArrayLike,
        targets: npt.ArrayLike,
        *,
        training_time: float,
        learning_rate: float = 1.0,
        training_method: str = "gradient_flow",
        momentum: float = 0.0,
        sample_weight: npt.ArrayLike | None = None,
        overwrite_kernel: bool = False,
    ) -> ReadoutFlowPosterior:
        """Train the readouts: one symmetric eigendecomposition.

        Parameters
        ----------
        kernel : array-like of shape (n, n)
            Symmetric NNGP kernel matrix of the training samples.
        noise, targets, training_time, learning_rate, training_method, momentum, sample_weight
            As for :meth:`GradientFlowPosterior.condition`.
        overwrite_kernel : bool, default=False
            Whether the memory of `kernel` may be used for the eigendecomposition.

        Returns
        -------
        ReadoutFlowPosterior
            The trained networks.

        Raises
        ------
        SingularKernelError, ValueError
            As :meth:`GradientFlowPosterior.condition`.
        """
        method = make_training_method(training_method, learning_rate, momentum)
        time = as_training_time(training_time, method)
        matrix = as_training_kernel(kernel)
        diagonal = per_sample(noise, len(matrix), "noise")
        y = as_targets(targets, len(matrix))
        spectrum = KernelSpectrum.decompose(
            matrix, diagonal, sample_weight, overwrite=overwrite_kernel
        )
        return cls._before_training(spectrum, diagonal, y, method).at(time)

    @classmethod
    def leading_to(
        cls,
        converged: Converged,
        targets: npt.ArrayLike,
        method: TrainingMethod | None = None,
        *,
        sample_weight: npt.ArrayLike | None = None,
    ) -> ReadoutFlowPosterior:
        """Return the beginning of the training that ends in a converged posterior.

        Parameters
        ----------
        converged : GaussianProcessPosterior
            Its noise is that of the flow divided by the weights.
        targets, method, sample_weight
            As for :meth:`GradientFlowPosterior.leading_to`.

        Returns
        -------
        ReadoutFlowPosterior
            At time 0.
        """
        method = method or GradientFlow(1.0)
        return cls._before_convergence(converged, targets, method, sample_weight)

    def _trajectory(self, training_times: FloatArray) -> ReadoutTrajectory:
        return ReadoutTrajectory(self, training_times)

    def log_marginal_likelihood(self, targets: npt.ArrayLike) -> float:
        """Return the log density of targets under the prior, which training does not change.

        As :meth:`GaussianProcessPosterior.log_marginal_likelihood` with the noise divided by the
        weights, which are positive. It is minus infinity where the kernel is singular.
        """
        spectrum = self.spectrum
        y = as_targets(targets, len(spectrum.eigenvalues))
        if spectrum.is_singular:
            return -np.inf
        rotated = spectrum.rotate(y)
        squared = np.square(rotated).reshape(len(rotated), -1)
        normalization = float(
            np.log(2 * np.pi * spectrum.eigenvalues / np.square(spectrum.root_weight)).sum()
        )
        misfit = float((squared.T / spectrum.eigenvalues).sum())
        return -0.5 * (misfit + squared.shape[1] * normalization)

    def mean(self, cross: npt.ArrayLike) -> FloatArray:
        """Return K_* W^1/2 S^-1 (I - r) W^1/2 y, as `GaussianProcessPosterior.mean`."""
        return as_kernel(cross) @ self.dual_coef

    def variance(self, cross: npt.ArrayLike, diagonal: npt.ArrayLike) -> FloatArray:
        """Return the variance at test points, as `GaussianProcessPosterior.variance`."""
        rotated = self.spectrum.rotate(as_kernel(cross).T)
        return readout_variance(rotated, self._explained_share(), as_kernel(diagonal))

    def covariance(self, cross: npt.ArrayLike, test_kernel: npt.ArrayLike) -> FloatArray:
        """Return the covariance between test points, as `GaussianProcessPosterior.covariance`."""
        rotated = self.spectrum.rotate(as_kernel(cross).T)
        return readout_covariance(rotated, self._explained_share(), as_kernel(test_kernel))

    def _explained_share(self) -> FloatArray:
        time = np.array([self.training_time])
        return explained_share(self.spectrum, self.training_method, time)[:, 0]
