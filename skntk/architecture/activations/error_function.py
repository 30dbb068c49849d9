"""Activations made of the normal distribution function: steps smoothed by Gaussian noise."""

from __future__ import annotations

import math
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from skntk._validation import check_real
from skntk.architecture.activations.arcsine import arcsine, scale_of, squared_cosine
from skntk.architecture.activations.base import Activation
from skntk.architecture.activations.smoothed_steps import smoothed_steps, step_scales
from skntk.architecture.propagation.correlation import CorrelationState, mixed, shares
from skntk.architecture.propagation.state import Array, SampleState, Statistics

__all__ = ["Erf", "Gelu", "SigmoidLike"]


class NoisyScale(NamedTuple):
    """A variance a seen through independent noise of variance 1 / gain^2.

    The normal distribution function is the mean of a step under such noise, so that the
    expectations need the correlation of the noisy variables. It never reaches 1: all derivatives
    are finite.

    Attributes
    ----------
    reciprocal : array
        a^(-1/2), 0 where a is 0.
    weight : array
        gain / sqrt(1 + gain^2 a), which turns covariances into correlations of the noisy variables.
    noise, signal : array
        The shares 1 / (1 + gain^2 a) and gain^2 a / (1 + gain^2 a) of the noisy variance.
    """

    reciprocal: Array
    weight: Array
    noise: Array
    signal: Array


def noisy_scale(variance: Array, gain: Any) -> NoisyScale:
    """Return the scales of variances under noise of variance 1 / gain^2."""
    noise = 1 / (1 + gain * gain * variance)
    signal = gain * gain * variance * noise
    return NoisyScale(scale_of(variance).reciprocal, gain * jnp.sqrt(noise), noise, signal)


class NoisyCorrelation(NamedTuple):
    """The correlation rho of the noisy variables of a pair, and what follows from it.

    Attributes
    ----------
    sine, cosine, angle : array
        rho, sqrt(1 - rho^2) and arcsin(rho).
    distance : array
        1 - r^2 of the correlation r without noise.
    """

    sine: Array
    cosine: Array
    angle: Array
    distance: Array


def noisy_correlation(covariance: Array, left: NoisyScale, right: NoisyScale) -> NoisyCorrelation:
    """Return the correlation of noisy variables, its cosine accurate however small the noise.

    1 - rho^2 = N + S N' + S S' (1 - r^2), N and S the shares of noise and signal: no term cancels
    another.
    """
    distance = squared_cosine(covariance * left.reciprocal * right.reciprocal)
    squared = left.noise + left.signal * (right.noise + right.signal * distance)
    cosine = jnp.sqrt(squared)
    sine = covariance * (left.weight * right.weight)
    return NoisyCorrelation(sine, cosine, arcsine(sine, cosine, squared), distance)


def noisy_self_correlation(scale: NoisyScale) -> NoisyCorrelation:
    """Return the correlation of two noisy copies of one sample, whose noises are independent."""
    squared = scale.noise * (1 + scale.signal)
    cosine = jnp.sqrt(squared)
    angle = arcsine(scale.signal, cosine, squared)
    return NoisyCorrelation(scale.signal, cosine, angle, jnp.zeros_like(angle))


class _ScaledErf(Activation):
    """f(x) = a erf(b x) + c, from the three numbers that subclasses give.

    With p = 2 b^2 E[u^2], q = 2 b^2 E[v^2] and rho = 2 b^2 k / sqrt((1 + p)(1 + q)):
    E[f(u) f(v)] = (2 / pi) a^2 arcsin(rho) + c^2 and
    E[f'(u) f'(v)] = (4 / pi) a^2 b^2 / sqrt((1 + p)(1 + q)(1 - rho^2)).
    """

    ends_loop: ClassVar[bool] = True

    def amplitude_slope_offset(self) -> tuple[Any, Any, Any]:
        """Return the three numbers.

        Returns
        -------
        a, b, c : float or scalar array
            Of a erf(b x) + c.
        """
        raise NotImplementedError

    def function(self, x: Array) -> Array:
        amplitude, slope, offset = self.amplitude_slope_offset()
        return amplitude * jax.scipy.special.erf(slope * x) + offset

    def sample_moments(self, variance: Array) -> tuple[Array, Array, Statistics]:
        _, slope, _ = self.amplitude_slope_offset()
        scale = noisy_scale(variance, math.sqrt(2) * slope)
        return *self._moments(noisy_self_correlation(scale), scale, scale), scale

    def pair_moments(
        self, covariance: Array, left: Statistics, right: Statistics
    ) -> tuple[Array, Array]:
        return self._moments(noisy_correlation(covariance, left, right), left, right)

    def propagate_scales(self, state: SampleState) -> tuple[SampleState, Statistics]:
        _, slope, offset = self.amplitude_slope_offset()
        outputs, _ = self.propagate_samples(state)
        scales = step_scales(state.nngp, math.sqrt(2) * slope)
        constant = jnp.broadcast_to(jnp.square(offset), outputs.nngp.shape)
        varying = jnp.maximum(outputs.nngp - constant, 0)
        return outputs, (scales, shares([varying, constant], outputs.nngp))

    def propagate_correlations(
        self, state: CorrelationState, left: Statistics, right: Statistics
    ) -> CorrelationState:
        (left_scales, left_shares), (right_scales, right_shares) = left, right
        steps, slope = smoothed_steps(state.nngp, left_scales, right_scales)
        correlation = mixed([steps, None], left_shares, right_shares)
        return state.with_slopes(correlation, slope)

    def _moments(
        self, correlation: NoisyCorrelation, left: NoisyScale, right: NoisyScale
    ) -> tuple[Array, Array]:
        amplitude, _, offset = self.amplitude_slope_offset()
        power = (2 / math.pi) * amplitude**2
        value = power * correlation.angle + offset**2
        return value, power * (left.weight * right.weight) / correlation.cosine


class Erf(_ScaledErf):
    """The error function ``a erf(b x) + c``, with the arcsine kernel [1]_.

    ``K' = (2 / pi) a^2 arcsin(rho) + c^2`` and ``T' = T (4 / pi) a^2 b^2 / sqrt((1 + p)(1 + q)(1 -
    rho^2))`` with ``p = 2 b^2 K(x, x)``, ``q = 2 b^2 K(z, z)`` and ``rho = 2 b^2 K / sqrt((1 + p)(1
    + q))``.

    Parameters
    ----------
    a : float, default=1.0
        Amplitude.
    b : float, default=1.0
        Factor of the argument.
    c : float, default=0.0
        Offset.

    References
    ----------
    .. [1] Williams, "Computing with infinite networks", NeurIPS 1996, equation 11.

    Examples
    --------
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import Erf, Serial
    >>> gram_matrix(Serial([Erf()]), [[1.0], [-1.0]], kind="nngp").round(3)
    array([[ 0.465, -0.465],
           [-0.465,  0.465]])
    """

    category: ClassVar[str | None] = "activation"

    def __init__(self, a: float = 1.0, b: float = 1.0, c: float = 0.0) -> None:
        self.a = a
        self.b = b
        self.c = c

    @classmethod
    def examples(cls) -> list[Erf]:
        return [cls(), cls(1.3, 0.7, 0.4), cls(-0.8, 3.0, -1.0)]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        for name in ("a", "b", "c"):
            check_real(self, name)
        return input_shape

    def amplitude_slope_offset(self) -> tuple[Any, Any, Any]:
        return self.a, self.b, self.c


class SigmoidLike(_ScaledErf):
    """The error function ``0.5 erf(x / 2.4020563531719796) + 0.5``, close to the logistic sigmoid.

    Its kernel has the closed form of `Erf`; that of `Sigmoid` has none.

    Examples
    --------
    >>> from skntk.architecture import SigmoidLike
    >>> SigmoidLike().function(0.0).item()
    0.5
    """

    category: ClassVar[str | None] = "activation"

    def amplitude_slope_offset(self) -> tuple[Any, Any, Any]:
        return 0.5, 1 / 2.4020563531719796, 0.5


class Gelu(Activation):
    """The Gaussian error linear unit ``x Phi(x)``, Phi the normal distribution function [1]_.

    With a = K(x, x), c = K(z, z), k = K(x, z), D = (1 + a)(1 + c) - k^2, rho = k / sqrt((1 + a)(1 +
    c)) and h = 1 / (1 + a) + 1 / (1 + c)::

        K' = k / 4 + (k arcsin(rho) + (a c - k^2 + h k^2) / sqrt(D)) / (2 pi)
        T' = T (1 / 4 + (arcsin(rho) + (h + 1 / D) k / sqrt(D)) / (2 pi))

    References
    ----------
    .. [1] Tsuchida, Pearce, van der Heide, Roosta, Gallagher, "Avoiding kernel fixed points:
       computing with ELU and GELU infinite networks", AAAI 2021.

    Examples
    --------
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import Gelu, Serial
    >>> gram_matrix(Serial([Gelu()]), [[1.0], [-1.0]], kind="nngp").round(3)
    array([[ 0.425, -0.075],
           [-0.075,  0.425]])
    """

    category: ClassVar[str | None] = "activation"

    def function(self, x: Array) -> Array:
        return jax.nn.gelu(x, approximate=False)

    def sample_moments(self, variance: Array) -> tuple[Array, Array, Statistics]:
        scale = noisy_scale(variance, 1.0)
        moments = _gelu_moments(variance, noisy_self_correlation(scale), scale, scale)
        return *moments, scale

    def pair_moments(
        self, covariance: Array, left: Statistics, right: Statistics
    ) -> tuple[Array, Array]:
        correlation = noisy_correlation(covariance, left, right)
        return _gelu_moments(covariance, correlation, left, right)


def _gelu_moments(
    covariance: Array, correlation: NoisyCorrelation, left: NoisyScale, right: NoisyScale
) -> tuple[Array, Array]:
    # D = cosine^2 / (N N') with N the shares of noise, so that a c / sqrt(D) stays small where a
    # and c are large.
    sine, cosine, angle, distance = correlation
    noises = left.noise + right.noise
    per_cosine = 1 / cosine
    spread = (left.signal / left.weight) * (right.signal / right.weight) * distance
    value = covariance * (math.pi / 2 + angle) + (spread + covariance * sine * noises) * per_cosine
    curvature = noises + left.noise * right.noise * per_cosine * per_cosine
    slope = math.pi / 2 + angle + curvature * sine * per_cosine
    return value / (2 * math.pi), slope / (2 * math.pi)
