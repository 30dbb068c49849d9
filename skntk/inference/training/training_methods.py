r"""Gradient methods as functions of the curvature along each eigenvector of the loss.

Squared error is quadratic in the functions of an infinitely wide network: along an eigenvector of
its Hessian with eigenvalue h, the curvature, every gradient method shrinks the error by a factor
that depends on h and on the time alone: the residual function r. What has been learned, 1 - r,
divided by h is the filter function of this regularization. It stays finite for directions without
curvature, and turns an error into coefficients of kernel functions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from skntk.inference.linalg.arrays import FloatArray

# Learning rates equal to the limit up to rounding count as equal.
_ROUNDING = 1e-10


@dataclass(frozen=True)
class TrainingMethod(ABC):
    """A gradient method with its hyperparameters.

    Attributes
    ----------
    learning_rate : float
        Positive and finite. One unit of time is one step of gradient descent at this rate.
    """

    learning_rate: float

    has_steps: ClassVar[bool]

    @abstractmethod
    def residual_function(self, curvature: FloatArray, times: FloatArray) -> FloatArray:
        """Return the factor r by which the error has changed, shape (n, n_times).

        ``curvature`` has the n eigenvalues h of the Hessian, and :func:`as_training_times` has
        checked the times.
        """

    @abstractmethod
    def filter_function(self, curvature: FloatArray, times: FloatArray) -> FloatArray:
        """Return (1 - residual) / h without cancellation, shape (n, n_times)."""

    def max_learning_rate(self, largest_curvature: float) -> float:
        """Return the rate above which discrete steps diverge, 2 / h, infinite for h = 0."""
        return 2.0 / largest_curvature if largest_curvature > 0 else np.inf

    def require_stability(self, largest_curvature: float, *, converged: bool) -> None:
        """Raise a ValueError where discrete steps diverge; flows have no limit.

        At the limit itself training never stops oscillating: it must not if ``converged``.
        """
        limit = self.max_learning_rate(largest_curvature)
        margin = -_ROUNDING if converged else _ROUNDING
        if not self.has_steps or self.learning_rate <= limit * (1.0 + margin):
            return
        raise ValueError(
            f"Gradient descent does not converge at learning_rate={self.learning_rate:g}: for this "
            f"training set max_learning_rate is {limit:.6g}. Set `learning_rate` below it, or use "
            'training_method="gradient_flow", which is stable at every rate.'
        )

    def check_times(self, times: FloatArray) -> None:
        """Raise a ValueError for times between two steps."""
        fractional = times != np.floor(times)
        if self.has_steps and fractional.any():
            raise ValueError(
                f"Gradient descent takes whole steps, got training_time="
                f"{times[np.argmax(fractional)]:g}: use whole numbers, or "
                'training_method="gradient_flow" for times in between.'
            )


@dataclass(frozen=True)
class GradientFlow(TrainingMethod):
    r"""Gradient descent with infinitely small steps: :math:`r = e^{-\eta t h}`."""

    has_steps: ClassVar[bool] = False

    def residual_function(self, curvature: FloatArray, times: FloatArray) -> FloatArray:
        """Return r."""
        return np.exp(-np.multiply.outer(curvature, self.learning_rate * times))

    def filter_function(self, curvature: FloatArray, times: FloatArray) -> FloatArray:
        """Return (1 - r) / h."""
        durations = self.learning_rate * times
        learned = -np.expm1(-np.multiply.outer(curvature, durations))
        return _divided_by_curvature(learned, curvature, durations)


@dataclass(frozen=True)
class GradientDescent(TrainingMethod):
    r"""Full-batch gradient descent: :math:`r = (1 - \eta h)^t`."""

    has_steps: ClassVar[bool] = True

    def residual_function(self, curvature: FloatArray, times: FloatArray) -> FloatArray:
        """Return r."""
        logarithm, sign = self._power(curvature, times)
        return sign * np.exp(logarithm)

    def filter_function(self, curvature: FloatArray, times: FloatArray) -> FloatArray:
        """Return (1 - r) / h."""
        logarithm, sign = self._power(curvature, times)
        learned = np.where(sign > 0, -np.expm1(logarithm), 1.0 + np.exp(logarithm))
        return _divided_by_curvature(learned, curvature, self.learning_rate * times)

    def _power(self, curvature: FloatArray, times: FloatArray) -> tuple[FloatArray, FloatArray]:
        # The logarithm of |1 - x|^t and the sign of (1 - x)^t. Steps of x > 1 overshoot.
        step = self.learning_rate * curvature
        with np.errstate(divide="ignore"):
            logarithm = np.log1p(np.where(step <= 1.0, -step, step - 2.0))
        started = times > 0
        power = np.zeros((len(step), len(times)))
        power[:, started] = np.multiply.outer(logarithm, times[started])
        odd = np.multiply.outer(step > 1.0, times % 2 == 1)
        return power, np.where(odd, -1.0, 1.0)


def _divided_by_curvature(
    learned: FloatArray, curvature: FloatArray, without_curvature: FloatArray
) -> FloatArray:
    gain = np.tile(without_curvature, (len(curvature), 1))
    rows = curvature[:, np.newaxis]
    return np.divide(learned, rows, out=gain, where=rows > 0)


def as_training_times(times: npt.ArrayLike, training_method: TrainingMethod) -> FloatArray:
    """Return training times as an array, checked.

    Parameters
    ----------
    times : array-like of shape (n_times,)
        At least one, nonnegative, finite, ascending.
    training_method : TrainingMethod
        The method, which may take whole steps only.

    Returns
    -------
    ndarray of shape (n_times,)
        The times, in float64.

    Raises
    ------
    ValueError
        If the times are of another kind, or their product with the learning rate overflows.
    """
    # NumPy takes None for NaN where a number is asked for.
    if np.asarray(times, dtype=object).ravel().tolist().count(None):
        raise ValueError(
            f"`training_times` must be finite, got {times!r}: None (training to convergence) is "
            "not one of them, use a long time instead."
        )
    try:
        values = np.asarray(times, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"`training_times` must be numbers, got {times!r}.") from error
    if values.ndim != 1 or not len(values):
        raise ValueError(
            "`training_times` must be a 1-D array of at least one time, got an array of shape "
            f"{values.shape}."
        )
    for time in values:
        as_training_time(time, training_method, name="training_times")
    if (np.diff(values) < 0).any():
        position = int(np.argmax(np.diff(values) < 0))
        raise ValueError(
            f"`training_times` must be ascending, but {values[position]:g} is followed by "
            f"{values[position + 1]:g}: sort them."
        )
    return values


def as_training_time(
    time: float, training_method: TrainingMethod, *, name: str = "training_time"
) -> float:
    """Return one training time, checked.

    Parameters
    ----------
    time : float
        Nonnegative and finite.
    training_method : TrainingMethod
        The method, which may take whole steps only.
    name : str, default="training_time"
        Name of the parameter, for the error message.

    Returns
    -------
    float
        The time.

    Raises
    ------
    ValueError
        If the time is out of range, or its product with the learning rate overflows.
    """
    if not (np.isfinite(time) and time >= 0):
        raise ValueError(
            f"`{name}` must be finite and nonnegative, got {time}. For training "
            "to convergence, use `training_time=None`."
        )
    if not np.isfinite(float(training_method.learning_rate) * float(time)):
        raise ValueError(
            f"`learning_rate` * `{name}` overflows ({training_method.learning_rate} * {time}): "
            "reduce one of them, or use `training_time=None` for training to convergence."
        )
    training_method.check_times(np.array([time], dtype=np.float64))
    return float(time)
