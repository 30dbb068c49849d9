"""The predictions of infinitely wide networks of which only the last layer is trained."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from .arrays import FloatArray, as_kernel, as_targets, as_training_kernel, diagonal_view, per_sample
from .training_dynamics import TrainingDynamics, training_duration

__all__ = ["ReadoutFlowPosterior"]


@dataclass(frozen=True, eq=False)
class ReadoutFlowPosterior:
    r"""Distribution over initializations of networks whose readout is trained until a given time.

    The last layer follows gradient flow at rate :math:`\eta` for a time t on
    :math:`\frac{1}{2N} \sum_i w_i |f(x_i) - y_i|^2`, the other layers stay random. With NNGP kernel
    K and

    .. math::

        B(s) = W^{1/2} S^{-1} (I - e^{-s S / N}) W^{1/2}, \qquad S = W^{1/2} K W^{1/2} + A,

    .. math::

        \text{mean} = K_* B(\eta t) y, \qquad \text{cov} = K_{**} - K_* B(2 \eta t) K_*^T

    (J. Lee et al., Wide neural networks of any depth evolve as linear models under gradient
    descent, 2019, section 2.3). From the prior at t = 0 it moves to the posterior of
    :class:`GaussianProcessPosterior`. Make one with :meth:`condition`; :meth:`at` moves to another
    time.

    Attributes
    ----------
    dynamics : TrainingDynamics
        The eigendecomposition of S.
    rotated_targets : ndarray of shape (n,) or (n, outputs)
        W^1/2 y in the eigenvectors of S.
    learning_rate : float
        Speed of the flow.
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

    dynamics: TrainingDynamics
    rotated_targets: FloatArray
    learning_rate: float
    training_time: float
    dual_coef: FloatArray

    @classmethod
    def condition(
        cls,
        kernel: npt.ArrayLike,
        noise: npt.ArrayLike,
        targets: npt.ArrayLike,
        *,
        training_time: float,
        learning_rate: float = 1.0,
        sample_weight: npt.ArrayLike | None = None,
        overwrite_kernel: bool = False,
    ) -> ReadoutFlowPosterior:
        """Train the readouts: one symmetric eigendecomposition.

        Parameters
        ----------
        kernel : array-like of shape (n, n)
            Symmetric NNGP kernel matrix of the training samples.
        noise : float or array-like of shape (n,)
            Nonnegative diagonal of A. It is added after the weights have been applied.
        targets : array-like of shape (n,) or (n, outputs)
            The observations.
        training_time : float
            Time t >= 0 of gradient flow, finite.
        learning_rate : float, default=1.0
            Speed of the flow. Only its product with `training_time` matters.
        sample_weight : float or array-like of shape (n,), default=None
            Nonnegative weights in the loss. None means 1 for every sample.
        overwrite_kernel : bool, default=False
            Whether the memory of `kernel` may be used for the eigendecomposition, which leaves
            no kernel in it. Without it the kernel is copied.

        Returns
        -------
        ReadoutFlowPosterior
            The trained networks.

        Raises
        ------
        SingularKernelError
            If S is singular and training takes so long that its rounding errors would decide the
            predictions.
        ValueError
            If shapes do not fit, an entry is not finite, or a noise, a weight, the time or the
            learning rate is out of range.
        """
        training_duration(training_time, learning_rate)
        matrix = as_training_kernel(kernel)
        diagonal = per_sample(noise, len(matrix), "noise")
        y = as_targets(targets, len(matrix))
        dynamics = TrainingDynamics.decompose(
            matrix, diagonal, sample_weight, overwrite=overwrite_kernel
        )
        rotated = dynamics.rotate(y)
        untrained = cls(dynamics, rotated, float(learning_rate), 0.0, np.zeros_like(y))
        return untrained.at(training_time)

    def at(self, training_time: float) -> ReadoutFlowPosterior:
        """Return the networks at another time of the same training run.

        Parameters
        ----------
        training_time : float
            Time t >= 0 of gradient flow, finite.

        Returns
        -------
        ReadoutFlowPosterior
            Shares the n x n array with this one.

        Raises
        ------
        SingularKernelError
            As :meth:`condition`.
        ValueError
            If the time is negative or not finite.
        """
        duration = training_duration(training_time, self.learning_rate)
        dual_coef = self.dynamics.coefficients(duration, self.rotated_targets)
        return replace(self, training_time=float(training_time), dual_coef=dual_coef)

    def mean(self, cross: npt.ArrayLike) -> FloatArray:
        """Return the mean at test points.

        Parameters
        ----------
        cross : array-like of shape (m, n)
            NNGP kernel between test and training samples.

        Returns
        -------
        ndarray of shape (m,) or (m, outputs)
            K_* B(eta t) y.

        Raises
        ------
        ValueError
            If an entry of `cross` is not finite.
        """
        return as_kernel(cross) @ self.dual_coef

    def variance(self, cross: npt.ArrayLike, diagonal: npt.ArrayLike) -> FloatArray:
        """Return the variance at test points, without their covariances.

        Parameters
        ----------
        cross : array-like of shape (m, n)
            NNGP kernel between test and training samples.
        diagonal : array-like of shape (m,)
            NNGP kernel of each test sample with itself.

        Returns
        -------
        ndarray of shape (m,)
            The diagonal of :meth:`covariance`. Negative values left by rounding become 0.

        Raises
        ------
        ValueError
            If an entry is not finite.
        """
        learned = self._learned(cross)
        explained = np.einsum("ij,ij->j", learned, learned)
        return np.maximum(as_kernel(diagonal) - explained, 0.0)

    def covariance(self, cross: npt.ArrayLike, test_kernel: npt.ArrayLike) -> FloatArray:
        """Return the covariance between test points.

        Parameters
        ----------
        cross : array-like of shape (m, n)
            NNGP kernel between test and training samples.
        test_kernel : array-like of shape (m, m)
            NNGP kernel between test samples.

        Returns
        -------
        ndarray of shape (m, m)
            Symmetric. Negative variances left by rounding become 0.

        Raises
        ------
        ValueError
            If an entry is not finite.
        """
        learned = self._learned(cross)
        covariance = as_kernel(test_kernel) - learned.T @ learned
        variance = diagonal_view(covariance)
        np.maximum(variance, 0.0, out=variance)
        return covariance

    def _learned(self, cross: npt.ArrayLike) -> FloatArray:
        # V of shape (n, m) with V^T V = K_* B(2 eta t) K_*^T.
        duration = 2.0 * training_duration(self.training_time, self.learning_rate)
        root_gain = np.sqrt(self.dynamics.gain(duration))
        return self.dynamics.rotate(as_kernel(cross).T) * root_gain[:, np.newaxis]
