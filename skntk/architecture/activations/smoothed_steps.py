"""The arcsine kernel of steps smoothed by noise, in single precision.

With S = p / (1 + p) the share of the signal in the variance 1 + p of a noisy variable, the kernel
of a pair of correlation r is kappa = arcsin(r sqrt(S S')), and that of a sample with itself alpha =
arcsin(S). The correlation of the outputs is r' = kappa / sqrt(alpha alpha').
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp

from skntk.architecture.activations.arcsine import positive_arcsine
from skntk.architecture.propagation.correlation import Correlation, Split, roots, single
from skntk.architecture.propagation.state import Array

# The sine of an angle that stands for 0.
_SMALLEST = 1e-20


class StepScales(NamedTuple):
    """What pairs need of each sample, in single precision.

    Attributes
    ----------
    noise, signal_root : array
        The share of the noise 1 - S, and sqrt(S).
    sine, cosine : array
        Of alpha / 2.
    rest_sine, rest_cosine : array
        Of the half of pi / 2 - alpha.
    root : Split
        sqrt(alpha).
    reciprocal : array
        1 / sqrt(alpha), 0 where alpha is 0.
    cosine_root : array
        The square root of the cosine of alpha.
    """

    noise: Array
    signal_root: Array
    sine: Array
    cosine: Array
    rest_sine: Array
    rest_cosine: Array
    root: Split
    reciprocal: Array
    cosine_root: Array


def step_scales(variance: Array, gain: Any) -> StepScales:
    """Return the scales of variances in double precision, where p is gain^2 times the variance."""
    ratio = gain * gain * variance
    noise = 1 / (1 + ratio)
    signal = ratio * noise
    cosine = jnp.sqrt(noise * (1 + signal))
    angle, rest = jnp.arctan2(signal, cosine), jnp.arctan2(cosine, signal)
    root, reciprocal = roots(angle)
    return StepScales(
        noise=single(noise),
        signal_root=single(jnp.sqrt(signal)),
        sine=single(jnp.sin(angle / 2)),
        cosine=single(jnp.cos(angle / 2)),
        rest_sine=single(jnp.sin(rest / 2)),
        rest_cosine=single(jnp.cos(rest / 2)),
        root=Split.of(root),
        reciprocal=single(reciprocal),
        cosine_root=single(jnp.sqrt(cosine)),
    )


def smoothed_steps(
    correlation: Correlation, left: StepScales, right: StepScales
) -> tuple[Correlation, Correlation]:
    """Return the correlation r' of the outputs, and that of the slopes.

    With m = (alpha + alpha') / 2, d = (alpha - alpha') / 2 and r >= 0: sin(m)^2 - sin(kappa)^2 =
    sin(d)^2 + S S' (1 - r^2), so that sin(m - kappa) is this divided by sin(m + kappa); and the
    geometric mean of alpha and alpha' is m less (sqrt(alpha) - sqrt(alpha'))^2 / 2. The slopes are
    in proportion to 1 / cos(kappa), and cos(kappa)^2 - cos(alpha) cos(alpha') = 2 sin(d)^2 + S S'
    (1 - r^2).
    """
    gap, is_negative = correlation.nearest()
    signal_root = left.signal_root * right.signal_root
    spread = jnp.square(signal_root) * gap * (2 - gap)
    sine = signal_root * (1 - gap)
    cosine = jnp.sqrt(left.noise + right.noise * (1 - left.noise) + spread)
    # The sine and the cosine of m.
    mean_sine = left.sine * right.cosine + left.cosine * right.sine
    mean_cosine = left.rest_sine * right.rest_cosine + left.rest_cosine * right.rest_sine
    total = jnp.maximum(mean_sine * cosine + mean_cosine * sine, _SMALLEST)
    roots_apart = left.root.minus(right.root)
    apart = jnp.square(_sine(roots_apart * (left.root.high + right.root.high) / 2))
    at_equal = left.cosine_root * right.cosine_root
    slope_scale = cosine * (cosine + at_equal)
    # One division serves both quotients.
    reciprocal = 1 / (total * slope_scale)
    excess = (apart + spread) * (slope_scale * reciprocal)
    slope = Correlation((2 * apart + spread) * (total * reciprocal))
    excess_cosine = mean_cosine * cosine + mean_sine * sine
    # Where the variances differ much, it is the other angle that has all digits.
    is_far = excess > sine
    chosen = jnp.where(is_far, sine, excess)
    chosen_cosine = jnp.where(is_far, cosine, excess_cosine)
    angle = positive_arcsine(chosen, chosen_cosine)
    scale = left.reciprocal * right.reciprocal
    missing = angle - jnp.square(roots_apart) / 2
    near = jnp.maximum(jnp.where(is_far, 1 - angle * scale, missing * scale), 0)
    if is_negative is None:
        return Correlation(near), slope
    far = 2 - near
    value = Correlation(jnp.where(is_negative, far, near), jnp.where(is_negative, near, far))
    return value, slope


def _sine(angle: Array) -> Array:
    """Return the sine of angles up to pi / 4."""
    square = angle * angle
    return angle * (1 - square * (1 / 6) * (1 - square * (1 / 20) * (1 - square * (1 / 42))))
