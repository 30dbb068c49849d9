r"""Training with momentum: a damped oscillator along each eigenvector of the loss.

Both laws here have the same form. With a family of functions :math:`\psi`,
:math:`\psi(p) = (1 - e^{-p t}) / p` of the flow and :math:`\psi(p) = (1 - (1 - p)^{t + 1}) / p` of
discrete steps, and the two rates p of the oscillator, the filter function is minus the divided
difference of :math:`\psi` at these rates. Three formulas are exact in three regions: a power series
for short times, the difference itself for strong damping, and one minus the residual elsewhere,
where the residual is not close to one.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from skntk.inference.linalg.arrays import FloatArray
from skntk.inference.training.training_methods import GradientDescent, GradientFlow, TrainingMethod

# Terms of a power series of an argument up to 1 whose coefficients fall like 1 / (j + 2)!.
_N_TERMS = 20


@dataclass(frozen=True)
class WithMomentum(TrainingMethod):
    """A method whose errors follow an equation of second order (``_equation``)."""

    momentum: float

    @abstractmethod
    def _equation(self, stiffness: FloatArray) -> _DampedOscillator | _DampedSteps:
        """Return the solution for the learning rate times the curvatures."""

    def max_learning_rate(self, largest_curvature: float) -> float:
        """Return the rate above which discrete steps diverge, 2 (1 + m) / h."""
        return (1.0 + self.momentum) * super().max_learning_rate(largest_curvature)

    def residual_function(self, curvature: FloatArray, times: FloatArray) -> FloatArray:
        """Return r."""
        return self._equation(self.learning_rate * curvature).residual_function(times)

    def filter_function(self, curvature: FloatArray, times: FloatArray) -> FloatArray:
        """Return (1 - r) / h."""
        equation = self._equation(self.learning_rate * curvature)
        return self.learning_rate * equation.filter_function(times)


@dataclass(frozen=True)
class MomentumFlow(WithMomentum):
    r"""The limit of heavy-ball steps for small rates, at a fixed momentum.

    With :math:`s = \sqrt{\eta} t` the functions follow
    :math:`f'' = -\frac{1 - m}{\sqrt{\eta}} f' - \nabla L`, from rest. In the time t the error e
    along an eigenvector of curvature h obeys :math:`e'' = -(1 - m) e' - \eta h e`. For momentum 0
    this is still an equation of second order and not gradient flow.

    Attributes
    ----------
    momentum : float
        m, at least 0 and below 1.
    """

    has_steps: ClassVar[bool] = False

    def _equation(self, stiffness: FloatArray) -> _DampedOscillator:
        return _DampedOscillator(0.5 * (1.0 - self.momentum), stiffness)


class _DampedOscillator:
    """The solution of e'' = -2 a e' - x e with e(0) = 1 and e'(0) = 0, a > 0 and x >= 0."""

    def __init__(self, damping: float, stiffness: FloatArray) -> None:
        root = np.sqrt(stiffness)
        discriminant = (damping - root) * (damping + root)
        self.damping = damping
        self.stiffness = stiffness[:, np.newaxis]
        self.is_damped = (discriminant >= 0)[:, np.newaxis]
        self.frequency = np.sqrt(np.abs(discriminant))[:, np.newaxis]
        self._fast = damping + self.frequency

    def residual_function(self, times: FloatArray) -> FloatArray:
        decay = self.damping * times
        angle = self.frequency * times
        # Of the two rates of strong damping the slow one is a small difference of large numbers.
        slow = np.where(self.is_damped, self.stiffness * times / self._fast, decay)
        damped = 0.5 * (1.0 + np.exp(-2.0 * angle)) + decay * _mean_decay(2.0 * angle)
        oscillating = np.cos(angle) + decay * np.sinc(angle / np.pi)
        return np.exp(-slow) * np.where(self.is_damped, damped, oscillating)

    def filter_function(self, times: FloatArray) -> FloatArray:
        """Return (1 - e) / x."""
        decay = self.damping * times
        angle = self.frequency * times
        short = decay + angle <= 1.0
        apart = self.is_damped & (2.0 * angle > decay) & ~short
        with np.errstate(divide="ignore", invalid="ignore"):
            values = (1.0 - self.residual_function(times)) / self.stiffness
        np.copyto(values, self._difference(times), where=apart)
        np.copyto(values, self._series(times), where=short)
        return values

    def _difference(self, times: FloatArray) -> FloatArray:
        slow, fast = self.stiffness / self._fast, self._fast
        with np.errstate(divide="ignore", invalid="ignore"):
            difference = times * (_mean_decay(slow * times) - _mean_decay(fast * times))
            return difference / (2.0 * self.frequency)

    def _series(self, times: FloatArray) -> FloatArray:
        # t^2 times the divided difference of exp at 0 and at the two exponents, whose sum and
        # product are real: sum over j of h_j / (j + 2)!, h_j the complete symmetric polynomials.
        total, product = -2.0 * self.damping * times, self.stiffness * np.square(times)
        coefficients = 1.0 / np.cumprod(np.arange(2.0, _N_TERMS + 2))
        return np.square(times) * _symmetric_series(total, product, coefficients)


@dataclass(frozen=True)
class HeavyBall(WithMomentum):
    r"""Gradient descent with Polyak's momentum.

    .. math::

        \theta_{k+1} = \theta_k - \eta \nabla L(\theta_k) + m (\theta_k - \theta_{k-1}), \qquad
        \theta_{-1} = \theta_0,

    so that the error along an eigenvector of curvature h obeys
    :math:`e_{k+1} = (1 + m - \eta h) e_k - m e_{k-1}`.

    Attributes
    ----------
    momentum : float
        m, above 0 and below 1.
    """

    has_steps: ClassVar[bool] = True

    def _equation(self, stiffness: FloatArray) -> _DampedSteps:
        return _DampedSteps(self.momentum, stiffness)


class _DampedSteps:
    """The solution of e_{k+1} = (1 + m - x) e_k - m e_{k-1} with e_0 = e_{-1} = 1.

    The roots of its characteristic polynomial are 1 - u, where u^2 - (1 - m + x) u + x = 0, with
    0 < m < 1 and x >= 0.
    """

    def __init__(self, momentum: float, stiffness: FloatArray) -> None:
        root = np.sqrt(momentum)
        # Without the cancellation of (1 + m - x)^2 - 4 m where the roots meet.
        slow_limit = (1.0 - momentum) ** 2 / (1.0 + root) ** 2
        discriminant = (slow_limit - stiffness) * ((1.0 + root) ** 2 - stiffness)
        self.momentum = momentum
        self.stiffness = stiffness[:, np.newaxis]
        self.trace = (1.0 + momentum - stiffness)[:, np.newaxis]
        self.is_real = (discriminant >= 0)[:, np.newaxis]
        self.spread = np.sqrt(np.abs(discriminant))[:, np.newaxis]

    def residual_function(self, steps: FloatArray) -> FloatArray:
        return self._power_difference(steps + 1) - self.momentum * self._power_difference(steps)

    def filter_function(self, steps: FloatArray) -> FloatArray:
        """Return (1 - e_k) / x."""
        fast = 0.5 * (1.0 - self.momentum + self.stiffness + self.spread)
        slow = self.stiffness / fast
        short = (steps + 1) * np.where(self.is_real, fast, np.sqrt(self.stiffness)) <= 1.0
        apart = self.is_real & (self.trace > 0) & (2.0 * slow < fast) & ~short
        with np.errstate(divide="ignore", invalid="ignore"):
            values = (1.0 - self.residual_function(steps)) / self.stiffness
            difference = (self._learned(slow, steps) - self._learned(fast, steps)) / self.spread
        np.copyto(values, difference, where=apart)
        np.copyto(values, self._series(steps), where=short)
        return values

    def _learned(self, rate: FloatArray, steps: FloatArray) -> FloatArray:
        # (1 - (1 - u)^(k + 1)) / u
        with np.errstate(divide="ignore", invalid="ignore"):
            learned = -np.expm1((steps + 1) * np.log1p(-np.minimum(rate, 1.0)))
            return np.where(rate > 0, learned / rate, steps + 1)

    def _power_difference(self, steps: FloatArray) -> FloatArray:
        """Return (a^k - b^k) / (a - b) for the roots a, b, and k a^(k - 1) where they are equal."""
        return np.where(self.is_real, self._real_powers(steps), self._complex_powers(steps))

    def _real_powers(self, steps: FloatArray) -> FloatArray:
        # Roots of one sign: the larger in size, and the logarithm of its ratio to the other.
        larger = 0.5 * (np.abs(self.trace) + self.spread)
        with np.errstate(divide="ignore", invalid="ignore"):
            smaller = self.momentum / larger
            gap = np.log1p(self.spread / smaller)
            # Of a root close to 1, which training is slow along, 1 minus the root is exact.
            slow = 2.0 * self.stiffness / (1.0 - self.momentum + self.stiffness + self.spread)
            logarithm = np.where(self.trace > 0, np.log1p(-np.minimum(slow, 1.0)), np.log(larger))
            size = np.exp((steps - 1) * logarithm)
            ratio = steps * _mean_decay(steps * gap) / _mean_decay(gap)
            powers = np.where(steps > 0, size * ratio, 0.0)
        return np.where((self.trace < 0) & (steps % 2 == 0), -powers, powers)

    def _complex_powers(self, steps: FloatArray) -> FloatArray:
        angle = np.arctan2(self.spread, self.trace)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.sin(steps * angle) / np.sin(angle)
        return self.momentum ** (0.5 * (steps - 1)) * ratio

    def _series(self, steps: FloatArray) -> FloatArray:
        # Sum over j of binomial(k + 1, j + 2) h_j(-u, -v).
        total = -(1.0 - self.momentum + self.stiffness)
        orders = np.arange(2.0, _N_TERMS + 2)[:, np.newaxis]
        factors = (steps + 2 - orders) / orders
        coefficients = (steps + 1) * np.cumprod(factors, axis=0)
        return _symmetric_series(total, self.stiffness, coefficients)


def _mean_decay(x: FloatArray) -> FloatArray:
    """Return (1 - exp(-x)) / x, the mean of exp(-s) over s from 0 to x."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(x > 0, -np.expm1(-x) / x, 1.0)


def _symmetric_series(
    total: FloatArray, product: FloatArray, coefficients: FloatArray
) -> FloatArray:
    """Return sum over j of c_j h_j(a, b), given a + b and a b.

    The complete symmetric polynomials obey h_j = (a + b) h_{j-1} - a b h_{j-2}.
    """
    previous, current = np.zeros(()), np.ones(())
    series: FloatArray = np.zeros(())
    with np.errstate(over="ignore", invalid="ignore"):
        for coefficient in coefficients:
            series = series + coefficient * current
            previous, current = current, total * current - product * previous
    return series


def make_training_method(name: str, learning_rate: float, momentum: float) -> TrainingMethod:
    """Return the gradient method of a name.

    Parameters
    ----------
    name : {"gradient_flow", "gradient_descent"}
        Infinitely small steps, or steps of the size of the learning rate.
    learning_rate : float
        Positive and finite.
    momentum : float
        At least 0 and below 1.

    Returns
    -------
    TrainingMethod
        With momentum 0 that without momentum: :class:`GradientFlow` or :class:`GradientDescent`.

    Raises
    ------
    ValueError
        If the name is unknown or a number is out of range.
    """
    if not (np.isfinite(learning_rate) and learning_rate > 0):
        raise ValueError(f"`learning_rate` must be positive and finite, got {learning_rate}.")
    if not 0 <= momentum < 1:
        raise ValueError(f"`momentum` must be at least 0 and below 1, got {momentum}.")
    rate, inertia = float(learning_rate), float(momentum)
    if name == "gradient_flow":
        return MomentumFlow(rate, inertia) if inertia else GradientFlow(rate)
    if name == "gradient_descent":
        return HeavyBall(rate, inertia) if inertia else GradientDescent(rate)
    raise ValueError(
        f'`training_method` must be "gradient_flow" or "gradient_descent", got {name!r}.'
    )
