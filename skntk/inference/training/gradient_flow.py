"""The predictions of a deep ensemble of infinitely wide networks, trained for a finite time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from skntk.inference.linalg.arrays import (
    FloatArray,
    as_kernel,
    as_targets,
    as_training_kernels,
    per_sample,
)
from skntk.inference.training.ensemble_predictions import EnsemblePredictions
from skntk.inference.training.kernel_spectrum import KernelSpectrum
from skntk.inference.training.momentum import make_training_method
from skntk.inference.training.squared_error_run import Converged, SquaredErrorRun
from skntk.inference.training.training_methods import (
    GradientFlow,
    TrainingMethod,
    as_training_time,
)
from skntk.inference.training.trajectory import EnsembleTrajectory

__all__ = ["GradientFlowPosterior"]


class ConvergedEnsemble(Converged, Protocol):
    """A converged posterior with the NNGP kernel of its networks."""

    @property
    def nngp(self) -> FloatArray:
        """K."""


@dataclass(frozen=True, eq=False)
class GradientFlowPosterior(EnsemblePredictions, SquaredErrorRun[EnsembleTrajectory]):
    r"""Distribution over random initializations of a network trained until a given time.

    The networks follow the gradient for a time t on
    :math:`\frac{1}{2N} \sum_i w_i |f(x_i) - y_i|^2`, with N the sum of the weights. With NTK T and
    NNGP kernel K between training samples, starred between test and training samples, noise A
    and W the diagonal matrix of weights,

    .. math::

        P_t = T_* W^{1/2} S^{-1} (I - r_t(S / N)) W^{1/2}, \qquad
        S = W^{1/2} T W^{1/2} + A,

    .. math::

        \text{mean} = P_t y, \qquad
        \text{cov} = K_{**} - P_t K_*^T - K_* P_t^T + P_t K P_t^T

    (J. Lee et al., Wide neural networks of any depth evolve as linear models under gradient
    descent, 2019, section 2.3). A weight of k is the same as the sample repeated k times.
    The residual is :math:`r_t(h) = e^{-\eta t h}` for gradient flow at rate :math:`\eta`,
    :math:`(1 - \eta h)^t` for gradient descent, and that of a damped oscillator with momentum
    (:class:`MomentumFlow`, :class:`HeavyBall`).
    At t = 0 this is the network's prior; for t to infinity, with weights 1, it is
    :class:`EnsemblePosterior`. Make one with :meth:`condition`; :meth:`at` moves to another time
    at the cost of a matrix-vector product, :meth:`over` to many times at once.

    One network with a given initial function f_0, instead of the ensemble, is trained on
    y - f_0(X): its prediction is :meth:`mean` plus f_0 at the test points, without any spread.

    Attributes
    ----------
    spectrum : KernelSpectrum
        The eigendecomposition of S.
    rotated_targets : ndarray of shape (n,) or (n, outputs)
        W^1/2 y in the eigenvectors of S.
    noise : ndarray of shape (n,)
        The diagonal of A.
    training_method : TrainingMethod
        How the networks are trained.
    training_time : float
        t.
    dual_coef : ndarray of shape (n,) or (n, outputs)
        The coefficients c of the mean T_* c.
    nngp : ndarray of shape (n, n)
        K, the array given to :meth:`condition` and not a copy of it.

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

    nngp: FloatArray

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
        training_method: str = "gradient_flow",
        momentum: float = 0.0,
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
            Time t >= 0, finite; a whole number of steps for gradient descent.
        learning_rate : float, default=1.0
            Size of a step of gradient descent, and speed of the flow.
        training_method : {"gradient_flow", "gradient_descent"}, default="gradient_flow"
            Whether the steps are infinitely small.
        momentum : float, default=0.0
            At least 0 and below 1.
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
            If shapes do not fit, an entry is not finite, or a noise, a weight, the time, the
            learning rate or the momentum is out of range.
        """
        method = make_training_method(training_method, learning_rate, momentum)
        time = as_training_time(training_time, method)
        matrix, prior = as_training_kernels(ntk, nngp)
        diagonal = per_sample(noise, len(matrix), "noise")
        y = as_targets(targets, len(matrix))
        spectrum = KernelSpectrum.decompose(
            matrix, diagonal, sample_weight, overwrite=overwrite_ntk
        )
        run = cls._before_training(spectrum, diagonal, y, method, nngp=prior)
        return run.at(time)

    @classmethod
    def leading_to(
        cls,
        converged: ConvergedEnsemble,
        targets: npt.ArrayLike,
        method: TrainingMethod | None = None,
        *,
        sample_weight: npt.ArrayLike | None = None,
    ) -> GradientFlowPosterior:
        """Return the beginning of the training that ends in a converged posterior.

        Parameters
        ----------
        converged : EnsemblePosterior
            Its noise is that of the flow divided by the weights.
        targets : array-like of shape (n,) or (n, outputs)
            The observations it was conditioned on.
        method : TrainingMethod or None, default=None
            How the networks are trained. None is `GradientFlow(1.0)`.
        sample_weight : float or array-like of shape (n,), default=None
            Positive weights in the loss. None means 1 for every sample.

        Returns
        -------
        GradientFlowPosterior
            At time 0; :meth:`at` and :meth:`over` move on. Finding it takes an eigendecomposition
            and memory for two n x n matrices.

        Raises
        ------
        ValueError
            As :meth:`condition`.

        Examples
        --------
        >>> import numpy as np
        >>> from skntk.inference import EnsemblePosterior, GradientFlowPosterior
        >>> kernel = np.array([[2.0, 1.0], [1.0, 2.0]])
        >>> converged = EnsemblePosterior.condition(kernel, kernel, 0.0, [4.0, 2.0])
        >>> run = GradientFlowPosterior.leading_to(converged, [4.0, 2.0])
        >>> run.at(1.0).mean(kernel).round(3)
        array([2.724, 1.937])
        """
        method = method or GradientFlow(1.0)
        return cls._before_convergence(
            converged, targets, method, sample_weight, nngp=converged.nngp
        )

    def _trajectory(self, training_times: FloatArray) -> EnsembleTrajectory:
        return EnsembleTrajectory(self, training_times, self.nngp)

    def _prediction(self, ntk_cross: npt.ArrayLike) -> FloatArray:
        filter_values = self.spectrum.filter_function(
            self.training_method, np.array([self.training_time])
        )[:, 0]
        return self.spectrum.prediction(filter_values, as_kernel(ntk_cross))
