"""The arcsine kernel of steps smoothed by noise, in single precision.

With S = p / (1 + p) the share of the signal in the variance 1 + p of a noisy variable, the kernel
of a pair of correlation r is kappa = arcsin(r sqrt(S S')), and that of a sample with itself alpha =
arcsin(S). The correlation of the outputs is r' = kappa / sqrt(alpha alpha').
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax.numpy as jnp

from skntk.architecture.activations.estrin import polynomial
from skntk.architecture.activations.loops import copyable
from skntk.architecture.propagation.correlation import Correlation, Split, roots, single
from skntk.architecture.propagation.state import Array

# 2 arctan(t) / t as a polynomial in t^2 up to t = tan(pi / 8), by Chebyshev interpolation: the
# largest relative error is 2e-8.
_ANGLE = (
    1.9999999625292222, -0.6666557154384969, 0.3994816483101534, -0.27696980424538536,
    0.15952583613589505,
)  # fmt: skip

# sin(x^(1/2) / 2)^2 / x on [0, pi^2 / 4], exact at 0: the largest relative error is 4e-9.
_SQUARED_SINE = (
    0.25, -0.02083333303915319, 0.0006944406275623495, -1.2393041219974958e-05,
    1.3273032902711395e-07,
)  # fmt: skip

# Below the lower the kernel is linear, and above the upper that of a step, as far as double
# precision tells; between them no product underflows.
_SIGNAL_TO_NOISE = (1e-12, 1e30)

# Stands for 0 where it divides 0.
_TINY = 1e-20


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
    ratio = jnp.where(variance > 0, jnp.clip(gain * gain * variance, *_SIGNAL_TO_NOISE), 0)
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
    sin(d)^2 + S S' (1 - r^2), so that this divided by (sin(m) + sin(kappa)) (cos(m) + cos(kappa))
    is tan((m - kappa) / 2); and the geometric mean of alpha and alpha' is m less (sqrt(alpha) -
    sqrt(alpha'))^2 / 2. The slopes are in proportion to 1 / cos(kappa), and cos(kappa)^2 -
    cos(alpha) cos(alpha') = 2 sin(d)^2 + S S' (1 - r^2).
    """
    gap, is_negative = correlation.nearest()
    signal_root = left.signal_root * right.signal_root
    spread = jnp.square(signal_root) * (gap * (2 - gap))
    sine = signal_root - signal_root * gap
    cosine = copyable(jnp.sqrt(left.noise + right.noise * (1 - left.noise) + spread))
    # The sine and the cosine of m.
    mean_sine = left.sine * right.cosine + left.cosine * right.sine
    mean_cosine = left.rest_sine * right.rest_cosine + left.rest_cosine * right.rest_sine
    roots_apart = left.root.minus(right.root)
    apart = jnp.square(roots_apart * (left.root.high + right.root.high))
    apart = apart * polynomial(_SQUARED_SINE, apart)
    excess = apart + spread
    at_equal = left.cosine_root * right.cosine_root
    slope = Correlation(copyable((apart + excess) / (cosine * (cosine + at_equal))))
    # Where the variances differ much, it is the other angle, kappa itself, that has all digits.
    is_far = sine < math.sqrt(0.5) * mean_sine
    numerator = jnp.where(is_far, sine, excess)
    whole = (mean_sine + sine) * (mean_cosine + cosine) + _TINY
    tangent = copyable(numerator / jnp.where(is_far, 1 + cosine, whole))
    angle = tangent * polynomial(_ANGLE, tangent * tangent)
    scale = left.reciprocal * right.reciprocal
    missing = angle - jnp.square(roots_apart) / 2
    near = jnp.where(is_far, 1 - angle * scale, missing * scale)
    near = jnp.where(near < 0, 0, near)
    if is_negative is None:
        return Correlation(near), slope
    far = 2 - near
    value = Correlation(jnp.where(is_negative, far, near), jnp.where(is_negative, near, far))
    return value, slope
