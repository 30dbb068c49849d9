"""The predictions of infinitely wide networks trained on any convex loss for a finite time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from skntk.inference.linalg.arrays import FloatArray, as_kernel
from skntk.inference.losses.loss_dynamics import LossDynamics
from skntk.inference.losses.loss_integration import train_on_loss
from skntk.inference.losses.losses import Loss
from skntk.inference.training.cross_validation import Fold
from skntk.inference.training.momentum import make_training_method
from skntk.inference.training.training_methods import (
    TrainingMethod,
    as_training_time,
    as_training_times,
)

__all__ = ["LossFlow", "LossTrajectory"]


@dataclass(frozen=True, eq=False)
class LossFlow:
    r"""A network trained on a convex loss :math:`\ell` of its outputs until a given time.

    From its initial function :math:`f_0` it is trained on
    :math:`\frac{1}{N} \sum_i w_i \ell_i(f(x_i))`, N the sum of the weights, with
    :math:`\frac{\alpha}{2 N} |\theta - \theta_0|^2` as the penalty on its parameters. With the
    kernel T between training samples, starred between test and training samples, its outputs are

    .. math::

        f(x) = f_0(x) + T_* c, \qquad
        \dot c = -\frac{\eta}{N} \bigl(W \nabla \ell(f_0(X) + T c) + A c\bigr), \qquad c(0) = 0,

    A = :math:`\alpha I` or any other nonnegative diagonal matrix, in the time that counts steps of
    gradient descent at the rate :math:`\eta`. On function values this is the gradient flow
    :math:`\dot f = -\eta\, T \nabla L(f)` [1]_ [2]_. With momentum m it is
    :math:`\ddot c = -(1 - m) \dot c - \frac{\eta}{N} (\ldots)`, from rest; gradient descent makes
    steps :math:`c_{k+1} = c_k - \frac{\eta}{N} (\ldots) + m (c_k - c_{k-1})`. Only c depends on
    time: predictions at new inputs cost one matrix product.

    SciPy's `DOP853` integrates the flow, and hands over to `BDF` where its steps stay small
    although the solution hardly changes: in stiff phases, with linear algebra made for kernels.
    Local errors are kept below 1e-9 of the movement so far and 1e-10 of outputs of size 1. With
    momentum the flow swings within some steps of descent, and `DOP853` alone follows it, at about
    ten times the cost of as many steps of descent.

    Attributes
    ----------
    dynamics : LossDynamics
        Loss, weights and noise, with the eigendecomposition of the kernel.
    training_method : TrainingMethod
        How the network is trained.
    training_time : float
        t.
    dual_coef : ndarray of shape (n, n_outputs)
        c.

    References
    ----------
    .. [1] Jacot, Gabriel, Hongler, "Neural tangent kernel: convergence and generalization in neural
       networks", NeurIPS 2018.
    .. [2] Lee et al., "Wide neural networks of any depth evolve as linear models under gradient
       descent", NeurIPS 2019, section 2.2.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.inference import LossFlow, SoftmaxCrossEntropy
    >>> kernel = np.array([[2.0, 1.0], [1.0, 2.0]])
    >>> loss = SoftmaxCrossEntropy(np.eye(2))
    >>> trained = LossFlow.condition(kernel, 0.0, loss, training_time=10.0)
    >>> trained.mean(kernel).round(2)
    array([[ 1.09, -1.09],
           [-1.09,  1.09]])
    >>> trained.over([0.0, 5.0]).mean(kernel).round(2)[:, 0]
    array([[ 0.  ,  0.  ],
           [ 0.75, -0.75]])
    """

    dynamics: LossDynamics
    training_method: TrainingMethod
    training_time: float
    dual_coef: FloatArray

    @classmethod
    def condition(
        cls,
        kernel: npt.ArrayLike,
        noise: npt.ArrayLike,
        loss: Loss,
        *,
        training_time: float,
        learning_rate: float = 1.0,
        training_method: str = "gradient_flow",
        momentum: float = 0.0,
        sample_weight: npt.ArrayLike | None = None,
        initial_outputs: npt.ArrayLike | None = None,
        overwrite_kernel: bool = False,
    ) -> LossFlow:
        """Train the network: one eigendecomposition and one integration.

        Parameters
        ----------
        kernel : array-like of shape (n, n)
            Symmetric kernel of the training samples: the NTK, or the NNGP kernel if only the last
            layer is trained.
        noise : float or array-like of shape (n,)
            Nonnegative diagonal of A. It is added after the weights have been applied.
        loss : Loss
            `SoftmaxCrossEntropy`, or another loss with the same attributes, and its targets.
        training_time, training_method, momentum, sample_weight
            As for :meth:`GradientFlowPosterior.condition`.
        learning_rate : float, default=1.0
            Size of a step of gradient descent, and speed of the flow. A loss that is the mean over
            all N n_outputs elements is trained by this rate divided by n_outputs.
        initial_outputs : array-like of shape (n, n_outputs), default=None
            f_0 at the training samples. None is 0.
        overwrite_kernel : bool, default=False
            Whether the memory of `kernel` may be used for the eigendecomposition, which leaves
            no kernel in it. Without it the kernel is copied.

        Returns
        -------
        LossFlow
            The trained network.

        Raises
        ------
        SingularKernelError, ValueError
            As :meth:`GradientFlowPosterior.condition`.
        RuntimeError
            If the solver does not reach the time.
        """
        method = make_training_method(training_method, learning_rate, momentum)
        time = as_training_time(training_time, method)
        dynamics = LossDynamics.decompose(
            kernel,
            noise,
            loss,
            sample_weight=sample_weight,
            initial_outputs=initial_outputs,
            overwrite_kernel=overwrite_kernel,
        )
        return cls(dynamics, method, 0.0, np.zeros(loss.targets.shape)).at(time)

    def at(self, training_time: float) -> LossFlow:
        """Return the network at another time of the same training run, by another integration.

        As :meth:`GradientFlowPosterior.at`; errors are those of :meth:`condition`.
        """
        time = as_training_time(training_time, self.training_method)
        dual_coef = train_on_loss(self.dynamics, self.training_method, np.array([time]))[0]
        return replace(self, training_time=time, dual_coef=dual_coef)

    def over(self, training_times: npt.ArrayLike) -> LossTrajectory:
        """Return the network at many times of the same training run, by one integration.

        As :meth:`GradientFlowPosterior.over`, and with a RuntimeError if the solver does not reach
        the last time.
        """
        times = as_training_times(training_times, self.training_method)
        return LossTrajectory(times, train_on_loss(self.dynamics, self.training_method, times))

    def mean(self, cross: npt.ArrayLike) -> FloatArray:
        """Return the change of the initial function by training at test points.

        Parameters
        ----------
        cross : array-like of shape (m, n)
            Kernel between test and training samples.

        Returns
        -------
        ndarray of shape (m, n_outputs)
            T_* c.

        Raises
        ------
        ValueError
            If an entry of `cross` is not finite.
        """
        return as_kernel(cross) @ self.dual_coef

    def stages(self, training_times: npt.ArrayLike) -> Iterator[LossFlow]:
        """Yield the network at one time after the other, by one integration."""
        trajectory = self.over(training_times)
        for time, dual_coef in zip(trajectory.training_times, trajectory.dual_coef, strict=True):
            yield replace(self, training_time=float(time), dual_coef=dual_coef)

    def largest_curvature(self, sample_weight: npt.ArrayLike | None = None) -> float:
        """Return a bound on the curvature of the regularized loss; the run has its own weights."""
        return self.dynamics.largest_curvature

    def training_run(
        self,
        targets: npt.ArrayLike,
        method: TrainingMethod,
        sample_weight: npt.ArrayLike | None = None,
    ) -> LossFlow:
        """Return the run itself, whatever the arguments are."""
        return self

    # What only squared error has in closed form ----------------------------------------------

    def variance(self, *kernels: npt.ArrayLike) -> FloatArray:
        """Refuse: the spread over initializations has no closed form."""
        return refuse_spread()

    def covariance(self, *kernels: npt.ArrayLike) -> FloatArray:
        """Refuse: the spread over initializations has no closed form."""
        return refuse_spread()

    def leave_one_out(self, targets: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Refuse: there is no closed form."""
        raise ValueError(
            "Leave-one-out predictions have a closed form only for squared error and training "
            'to convergence, and this model was trained with loss="log_loss": use '
            "cross_val_predict."
        )

    def leave_one_out_mean(
        self, targets: npt.ArrayLike, repetitions: npt.ArrayLike | None = None
    ) -> FloatArray:
        """Refuse: there is no closed form."""
        return self.leave_one_out(targets)[0]

    def held_out(
        self,
        targets: npt.ArrayLike,
        folds: Sequence[Fold],
        training_times: npt.ArrayLike,
        *,
        centered: bool = False,
    ) -> FloatArray:
        """Refuse: the folds of other losses are not trained on one kernel matrix."""
        raise ValueError(
            "Held-out predictions over the training time are computed only for squared error: use "
            "cross_val_predict."
        )


def refuse_spread() -> NoReturn:
    """Say that the spread of an ensemble has a closed form only for squared error."""
    raise ValueError(
        'Of an ensemble trained with loss="log_loss" the spread has no closed form: '
        "the gradient of this loss is not linear in the outputs. Use "
        'loss="squared_error", or train networks of finite width.'
    )


@dataclass(frozen=True, eq=False)
class LossTrajectory:
    """The predictions of a network at many times of its training on a loss.

    Made by :meth:`LossFlow.over`.

    Attributes
    ----------
    training_times : ndarray of shape (n_times,)
        Ascending.
    dual_coef : ndarray of shape (n_times, n, n_outputs)
        The coefficients c at each time.
    """

    training_times: FloatArray
    dual_coef: FloatArray

    def mean(self, cross: npt.ArrayLike) -> FloatArray:
        """Return T_* c at each time, shape (n_times, m, n_outputs), as `LossFlow.mean`."""
        return as_kernel(cross) @ self.dual_coef

    def variance(self, *kernels: npt.ArrayLike) -> FloatArray:
        """Refuse: the spread over initializations has no closed form."""
        return refuse_spread()

    def covariances(self, *kernels: npt.ArrayLike) -> Iterator[FloatArray]:
        """Refuse: the spread over initializations has no closed form."""
        return refuse_spread()
