"""The predictions of a deep ensemble of infinitely wide networks, trained for a finite time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy.typing as npt

from .arrays import FloatArray, as_kernel, as_targets, as_training_kernels, per_sample
from .initialization_noise import ensemble_covariance, ensemble_variance
from .training_dynamics import TrainingDynamics, training_duration

__all__ = ["GradientFlowPosterior"]


@dataclass(frozen=True, eq=False)
class GradientFlowPosterior:
    r"""Distribution over random initializations of a network trained until a given time.

    The networks follow gradient flow at rate :math:`\eta` for a time t on
    :math:`\frac{1}{2N} \sum_i w_i |f(x_i) - y_i|^2`, with N the sum of the weights. With NTK T and
    NNGP kernel K between training samples, starred between test and training samples, noise A
    and W the diagonal matrix of weights,

    .. math::

        P_t = T_* W^{1/2} S^{-1} (I - e^{-\eta t S / N}) W^{1/2}, \qquad
        S = W^{1/2} T W^{1/2} + A,

    .. math::

        \text{mean} = P_t y, \qquad
        \text{cov} = K_{**} - P_t K_*^T - K_* P_t^T + P_t K P_t^T

    (J. Lee et al., Wide neural networks of any depth evolve as linear models under gradient
    descent, 2019, section 2.3). A weight of k is the same as the sample repeated k times.
    At t = 0 this is the network's prior; for t to infinity, with weights 1, it is
    :class:`EnsemblePosterior`. Make one with :meth:`condition`; :meth:`at` moves to another time
    at the cost of a matrix-vector product.

    Attributes
    ----------
    dynamics : TrainingDynamics
        The eigendecomposition of S.
    nngp : ndarray of shape (n, n)
        K, the array given to :meth:`condition` and not a copy of it.
    rotated_targets : ndarray of shape (n,) or (n, outputs)
        W^1/2 y in the eigenvectors of S.
    learning_rate : float
        Speed of the flow.
    training_time : float
        t.
    dual_coef : ndarray of shape (n,) or (n, outputs)
        The coefficients c of the mean T_* c.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.inference import GradientFlowPosterior
    >>> kernel = np.array([[2.0, 1.0], [1.0, 2.0]])
    >>> early = GradientFlowPosterior.condition(kernel, kernel, 0.0, [4.0, 2.0], training_time=0.0)
    >>> early.mean(kernel), early.variance(kernel, kernel, np.array([2.0, 2.0]))
    (array([0., 0.]), array([2., 2.]))
    >>> early.at(1.0).mean(kernel).round(3)
    array([2.724, 1.937])
    >>> early.at(100.0).mean(kernel).round(3)
    array([4., 2.])
    """

    dynamics: TrainingDynamics
    nngp: FloatArray
    rotated_targets: FloatArray
    learning_rate: float
    training_time: float
    dual_coef: FloatArray

    @classmethod
    def condition(
        cls,
        ntk: npt.ArrayLike,
        nngp: npt.ArrayLike,
        noise: npt.ArrayLike,
        targets: npt.ArrayLike,
        *,
        training_time: float,
        learning_rate: float = 1.0,
        sample_weight: npt.ArrayLike | None = None,
        overwrite_ntk: bool = False,
    ) -> GradientFlowPosterior:
        """Train the ensemble: one symmetric eigendecomposition.

        Parameters
        ----------
        ntk : array-like of shape (n, n)
            Symmetric NTK matrix of the training samples.
        nngp : array-like of shape (n, n)
            Symmetric NNGP kernel matrix of the training samples. Kept without a copy.
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
        overwrite_ntk : bool, default=False
            Whether the memory of `ntk` may be used for the eigendecomposition, which leaves no
            kernel in it. Without it the NTK is copied.

        Returns
        -------
        GradientFlowPosterior
            The trained ensemble.

        Raises
        ------
        SingularKernelError
            If S is singular and training takes so long that its rounding errors would decide the
            predictions.
        ValueError
            If shapes do not fit, an entry is not finite, or a noise, a weight, the time or the
            learning rate is out of range.
        """
        duration = training_duration(training_time, learning_rate)
        matrix, prior = as_training_kernels(ntk, nngp)
        diagonal = per_sample(noise, len(matrix), "noise")
        y = as_targets(targets, len(matrix))
        dynamics = TrainingDynamics.decompose(
            matrix, diagonal, sample_weight, overwrite=overwrite_ntk
        )
        rotated = dynamics.rotate(y)
        return cls(
            dynamics=dynamics,
            nngp=prior,
            rotated_targets=rotated,
            learning_rate=float(learning_rate),
            training_time=float(training_time),
            dual_coef=dynamics.coefficients(duration, rotated),
        )

    def at(self, training_time: float) -> GradientFlowPosterior:
        """Return the ensemble at another time of the same training run.

        Parameters
        ----------
        training_time : float
            Time t >= 0 of gradient flow, finite.

        Returns
        -------
        GradientFlowPosterior
            Shares all n x n arrays with this one.

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

    def mean(self, ntk_cross: npt.ArrayLike) -> FloatArray:
        """Return the ensemble's mean at test points.

        Parameters
        ----------
        ntk_cross : array-like of shape (m, n)
            NTK between test and training samples.

        Returns
        -------
        ndarray of shape (m,) or (m, outputs)
            P_t y.

        Raises
        ------
        ValueError
            If an entry of `ntk_cross` is not finite.
        """
        return as_kernel(ntk_cross) @ self.dual_coef

    def variance(
        self, ntk_cross: npt.ArrayLike, nngp_cross: npt.ArrayLike, nngp_diagonal: npt.ArrayLike
    ) -> FloatArray:
        """Return the ensemble's variance at test points, without their covariances.

        Parameters
        ----------
        ntk_cross : array-like of shape (m, n)
            NTK between test and training samples.
        nngp_cross : array-like of shape (m, n)
            NNGP kernel between test and training samples.
        nngp_diagonal : array-like of shape (m,)
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
        return ensemble_variance(
            self._prediction(ntk_cross), self.nngp, as_kernel(nngp_cross), as_kernel(nngp_diagonal)
        )

    def covariance(
        self, ntk_cross: npt.ArrayLike, nngp_cross: npt.ArrayLike, nngp_test: npt.ArrayLike
    ) -> FloatArray:
        """Return the ensemble's covariance between test points.

        Parameters
        ----------
        ntk_cross : array-like of shape (m, n)
            NTK between test and training samples.
        nngp_cross : array-like of shape (m, n)
            NNGP kernel between test and training samples.
        nngp_test : array-like of shape (m, m)
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
        return ensemble_covariance(
            self._prediction(ntk_cross), self.nngp, as_kernel(nngp_cross), as_kernel(nngp_test)
        )

    def _prediction(self, ntk_cross: npt.ArrayLike) -> FloatArray:
        duration = training_duration(self.training_time, self.learning_rate)
        return self.dynamics.prediction(duration, as_kernel(ntk_cross))
