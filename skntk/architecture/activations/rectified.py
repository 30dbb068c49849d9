"""Piecewise linear activations and the sign: arc-cosine kernels of order 1 and 0."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from skntk._validation import check_real
from skntk.architecture.activations.angles import Angle
from skntk.architecture.activations.arcsine import Scale, arcsine_terms, scale_of
from skntk.architecture.activations.base import Activation
from skntk.architecture.propagation.correlation import Correlation, CorrelationState, single
from skntk.architecture.propagation.state import Array, SampleState, Statistics

__all__ = ["ABRelu", "Abs", "LeakyRelu", "Relu", "Sign"]


class _PiecewiseLinear(Activation):
    """f(x) = mean_slope x + bend |x|, from the two slopes that subclasses give.

    E[f(u) f(v)] = mean_slope^2 k + bend^2 (2 / pi) s t (c + r arcsin r), s and t the standard
    deviations, r the correlation and c = sqrt(1 - r^2); E[f'(u) f'(v)] = mean_slope^2 + bend^2 (2 /
    pi) arcsin r.
    """

    # Whether correlations are at least 0 behind it, because the two slopes differ in sign.
    is_nonnegative: ClassVar[bool] = False
    # Whether those of the slopes are, because no slope is negative.
    is_increasing: ClassVar[bool] = False

    def slopes(self) -> tuple[Any, Any]:
        """Return the slopes of the two lines.

        Returns
        -------
        negative, positive : float or scalar array
            For negative and for positive arguments.
        """
        raise NotImplementedError

    def _mean_slope_and_bend(self) -> tuple[Any, Any]:
        negative, positive = self.slopes()
        return (positive + negative) / 2, (positive - negative) / 2

    def function(self, x: Array) -> Array:
        negative, positive = self.slopes()
        return negative * jnp.minimum(x, 0) + positive * jnp.maximum(x, 0)

    def sample_moments(self, variance: Array) -> tuple[Array, Array, Statistics]:
        mean_slope, bend = self._mean_slope_and_bend()
        slope = mean_slope**2 + jnp.where(variance > 0, bend**2, 0)
        return (mean_slope**2 + bend**2) * variance, slope, scale_of(variance)

    def pair_moments(
        self, covariance: Array, left: Statistics, right: Statistics
    ) -> tuple[Array, Array]:
        mean_slope, bend = self._mean_slope_and_bend()
        line_weight, bend_weight = mean_slope**2, bend**2 * (2 / np.pi)
        angle, moment = _bend_moments(covariance, left, right)
        return line_weight * covariance + bend_weight * moment, line_weight + bend_weight * angle

    def propagate_scales(self, state: SampleState) -> tuple[SampleState, Statistics]:
        outputs, _ = self.propagate_samples(state)
        # Of a sample that is 0 the slope is another one: without the bend.
        mean_slope, bend = self._mean_slope_and_bend()
        power = mean_slope**2 + bend**2
        at_zero = jnp.where(mean_slope != 0, jnp.sqrt(power) / jnp.abs(mean_slope), 0)
        return outputs, single(jnp.where(state.nngp > 0, 1, at_zero))

    def propagate_correlations(
        self, state: CorrelationState, left: Statistics, right: Statistics
    ) -> CorrelationState:
        # With the angle phi to the nearest of r = 1 and r = -1 and the bend B = sin(phi) - phi
        # cos(phi), r' = l r + b (abs(r) + (2 / pi) B), l and b the shares of the two parts.
        line, bent = self._shares_of_line_and_bend()
        angle = Angle.of(state.nngp)
        rounded, turned = (bent * (2 / np.pi) * part for part in (angle.bend, angle.value))
        leaning, factor = (bent - line) * angle.gap, left * right
        value_from_one = angle.choose(angle.gap - rounded, 2 * line + leaning - rounded)
        slope_from_one = angle.choose(turned, 2 * bent - turned) * factor + (1 - factor)
        value, slope = Correlation(value_from_one), Correlation(slope_from_one)
        if not self.is_nonnegative:
            value_opposite = angle.choose(2 - value_from_one, 2 * bent - leaning + rounded)
            value = Correlation(value_from_one, value_opposite)
        if not self.is_increasing:
            slope_opposite = angle.choose(2 - turned, 2 * line + turned) * factor + (1 - factor)
            slope = Correlation(slope_from_one, slope_opposite)
        return state.with_slopes(value, slope)

    def _shares_of_line_and_bend(self) -> tuple[Array, Array]:
        mean_slope, bend = self._mean_slope_and_bend()
        power = mean_slope**2 + bend**2
        line = single(jnp.where(power > 0, mean_slope**2 / power, 0.5))
        return line, 1 - line


@jax.custom_jvp
def _bend_moments(covariance: Array, left: Scale, right: Scale) -> tuple[Array, Array]:
    """Return arcsin(r) and s t sqrt(1 - r^2) + k arcsin(r), r = k / (s t).

    Up to factors these are E[sign(u) sign(v)] and E[|u| |v|]. The derivative of the second needs
    none of arcsin: ``sqrt(1 - r^2) d(s t) + arcsin(r) dk``, finite for all inputs.
    """
    angle, cosine = arcsine_terms(covariance * left.reciprocal * right.reciprocal)
    return angle, left.std * right.std * cosine + covariance * angle


@_bend_moments.defjvp
def _bend_moments_jvp(
    primals: tuple[Array, Scale, Scale], tangents: tuple[Array, Scale, Scale]
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    (covariance, left, right), (d_covariance, d_left, d_right) = primals, tangents
    (angle, cosine), (d_angle, _) = jax.jvp(
        lambda k, *reciprocals: arcsine_terms(k * reciprocals[0] * reciprocals[1]),
        (covariance, left.reciprocal, right.reciprocal),
        (d_covariance, d_left.reciprocal, d_right.reciprocal),
    )
    moment = left.std * right.std * cosine + covariance * angle
    d_stds = d_left.std * right.std + left.std * d_right.std
    return (angle, moment), (d_angle, cosine * d_stds + angle * d_covariance)


class Relu(_PiecewiseLinear):
    """The rectifier max(x, 0), with the arc-cosine kernels of order 1 and 0 [1]_.

    ``K' = (s t (sqrt(1 - r^2) + r arcsin r) + pi k / 2) / (2 pi)`` and ``T' = T (1/4 + arcsin(r) /
    (2 pi))``, s and t the standard deviations, k the covariance and r = k / (s t).

    References
    ----------
    .. [1] Cho, Saul, "Kernel methods for deep learning", NeurIPS 2009, section 2.

    Examples
    --------
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import Relu, Serial
    >>> gram_matrix(Serial([Relu()]), [[1.0], [-1.0]], kind="nngp")
    array([[0.5, 0. ],
           [0. , 0.5]])
    """

    category: ClassVar[str | None] = "activation"
    is_nonnegative: ClassVar[bool] = True
    is_increasing: ClassVar[bool] = True

    def slopes(self) -> tuple[Any, Any]:
        return 0.0, 1.0


class LeakyRelu(_PiecewiseLinear):
    """The leaky rectifier: x for positive x, ``negative_slope * x`` for negative.

    Parameters
    ----------
    negative_slope : float, default=0.01
        Slope for negative arguments.

    Examples
    --------
    >>> from skntk.architecture import LeakyRelu
    >>> LeakyRelu(0.1).function(-2.0).item()
    -0.2...
    """

    category: ClassVar[str | None] = "activation"

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    @classmethod
    def examples(cls) -> list[LeakyRelu]:
        return [cls(), cls(0.3)]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        check_real(self, "negative_slope")
        return input_shape

    def slopes(self) -> tuple[Any, Any]:
        return self.negative_slope, 1.0


class Abs(_PiecewiseLinear):
    """The absolute value.

    Examples
    --------
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import Abs, Serial
    >>> gram_matrix(Serial([Abs()]), [[1.0], [-1.0]], kind="nngp")
    array([[1., 1.],
           [1., 1.]])
    """

    category: ClassVar[str | None] = "activation"
    is_nonnegative: ClassVar[bool] = True

    def slopes(self) -> tuple[Any, Any]:
        return -1.0, 1.0


class ABRelu(_PiecewiseLinear):
    """Two slopes: ``slope_negative * min(x, 0) + slope_positive * max(x, 0)``.

    Parameters
    ----------
    slope_negative : float, default=0.0
        Slope for negative arguments.
    slope_positive : float, default=1.0
        Slope for positive arguments.

    Examples
    --------
    >>> from skntk.architecture import ABRelu
    >>> ABRelu(0.5, 2.0).function(-2.0).item()
    -1.0
    """

    category: ClassVar[str | None] = "activation"

    def __init__(self, slope_negative: float = 0.0, slope_positive: float = 1.0) -> None:
        self.slope_negative = slope_negative
        self.slope_positive = slope_positive

    @classmethod
    def examples(cls) -> list[ABRelu]:
        return [cls(), cls(-0.5, 1.2)]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        check_real(self, "slope_negative")
        check_real(self, "slope_positive")
        return input_shape

    def slopes(self) -> tuple[Any, Any]:
        return self.slope_negative, self.slope_positive


class Sign(Activation):
    """The sign of x: ``K' = (2 / pi) arcsin r``, and ``T' = 0`` as its derivative counts as 0.

    Examples
    --------
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import Serial, Sign
    >>> gram_matrix(Serial([Sign()]), [[2.0], [-1.0]], kind="nngp")
    array([[ 1., -1.],
           [-1.,  1.]])
    """

    category: ClassVar[str | None] = "activation"

    def magnifies_rounding(self) -> bool:
        return True

    def function(self, x: Array) -> Array:
        return jnp.sign(x)

    def sample_moments(self, variance: Array) -> tuple[Array, Array, Statistics]:
        scale: Scale = scale_of(variance)
        value = jnp.where(variance > 0, jnp.ones_like(variance), 0)
        return value, jnp.zeros_like(variance), scale.reciprocal

    def pair_moments(
        self, covariance: Array, left: Statistics, right: Statistics
    ) -> tuple[Array, Array]:
        angle, _ = arcsine_terms(covariance * left * right)
        return (2 / np.pi) * angle, jnp.zeros_like(angle)

    def propagate_scales(self, state: SampleState) -> tuple[SampleState, Statistics]:
        return self.propagate_samples(state)[0], ()

    def propagate_correlations(
        self, state: CorrelationState, left: Statistics, right: Statistics
    ) -> CorrelationState:
        angle = Angle.of(state.nngp)
        near = (2 / np.pi) * angle.value
        far = 2 - near
        correlation = Correlation(angle.choose(near, far), angle.choose(far, near))
        return CorrelationState(correlation, state.ntk)
