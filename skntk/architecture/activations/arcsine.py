"""The arcsine of correlations: fast, exact for equal samples, with finite derivatives."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from skntk.architecture.activations.estrin import polynomial
from skntk.architecture.propagation.state import Array

# arcsin(x) / x as a polynomial in x^2 on [0, 1/2], by Chebyshev interpolation computed in 40
# digits: the largest error is 2e-8 with degree 7 and 1.4e-16 with degree 17.
_SINGLE = (
    0.9999999887111962, 0.16666954671609344, 0.07488114441822327, 0.046480849462936874,
    0.01673138895046739, 0.07553975382221965, -0.09008621671077405, 0.10967398323879114,
)  # fmt: skip
_DOUBLE = (
    0.9999999999999999, 0.166666666666762, 0.07499999997954958, 0.04464285887635292,
    0.03038186720347429, 0.022374245713577247, 0.01731559954431618, 0.014425198539078435,
    0.007444628520337835, 0.03675841815436629, -0.12408231204352452, 0.4950065878219168,
    -1.3361380175788322, 2.733327968715509, -3.974232006625551, 3.9651660247789384,
    -2.4213345116985456, 0.7052735073244606,
)  # fmt: skip


class Scale(NamedTuple):
    """Standard deviations and their reciprocals; both are 0 where the variance is 0."""

    std: Array
    reciprocal: Array


def scale_of(variance: Array) -> Scale:
    """Return the standard deviations of variances, with finite derivatives at variance 0."""
    positive = variance > 0
    std = jnp.sqrt(jnp.where(positive, variance, 1))
    return Scale(jnp.where(positive, std, 0), jnp.where(positive, 1 / std, 0))


def equal_threshold(dtype: np.dtype) -> float:
    """Return the 1 - r^2 below which a correlation r counts as 1 or -1.

    Rounding of r moves the arcsine by about the square root of that rounding, so that nothing is
    known of correlations closer to 1 than this; taking them as 1 makes the kernel of equal samples
    exact.
    """
    return 16 * float(jnp.finfo(dtype).eps)


@jax.custom_jvp
def squared_cosine(correlation: Array) -> Array:
    """Return 1 - r^2, exactly 0 with derivative 0 where rounding cannot tell r from 1 or -1."""
    squared = 1 - correlation * correlation
    return jnp.where(squared > equal_threshold(correlation.dtype), squared, 0)


@squared_cosine.defjvp
def _squared_cosine_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (correlation,), (tangent,) = primals, tangents
    squared = squared_cosine(correlation)
    return squared, jnp.where(squared > 0, -2 * correlation * tangent, 0)


@jax.custom_jvp
def arcsine(sine: Array, cosine: Array, cosine_squared: Array) -> Array:
    """Return the angle in [-pi/2, pi/2] with this sine and this cosine.

    One polynomial serves all angles: up to pi/4 it is the arcsine of the sine, past it pi/2 less
    that of the cosine. The squared cosine is asked for as well, so that the polynomial need not
    wait for the square root. The derivative, cosine d(sine) - sine d(cosine), divides by nothing.
    """
    small = cosine_squared > 0.5
    ratio = _polynomial(jnp.where(small, sine * sine, cosine_squared))
    return jnp.where(small, sine * ratio, _signed(np.pi / 2 - cosine * ratio, sine))


def _signed(magnitude: Array, like: Array) -> Array:
    """Return nonnegative magnitudes with the signs of other numbers, in one instruction.

    `jnp.copysign` takes three, as the sign it replaces may be any.
    """
    bits = np.dtype(f"int{8 * like.dtype.itemsize}")
    sign = lax.bitcast_convert_type(like, bits) & np.iinfo(bits).min
    return lax.bitcast_convert_type(lax.bitcast_convert_type(magnitude, bits) | sign, like.dtype)


@arcsine.defjvp
def _arcsine_jvp(
    primals: tuple[Array, Array, Array], tangents: tuple[Array, Array, Array]
) -> tuple[Array, Array]:
    (sine, cosine, _), (d_sine, d_cosine, _) = primals, tangents
    return arcsine(*primals), cosine * d_sine - sine * d_cosine


@jax.custom_jvp
def arcsine_terms(correlation: Array) -> tuple[Array, Array]:
    """Return arcsin(r) and sqrt(1 - r^2) of correlations r.

    Correlations that rounding cannot tell from 1 or -1, or has pushed past them, count as 1 or -1,
    where the derivatives (infinite along r) are taken to be 0.
    """
    squared = squared_cosine(correlation)
    cosine = jnp.sqrt(squared)
    angle = arcsine(correlation, cosine, squared)
    return angle, cosine


@arcsine_terms.defjvp
def _arcsine_terms_jvp(
    primals: tuple[Array], tangents: tuple[Array]
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    (correlation,), (tangent,) = primals, tangents
    angle, cosine = arcsine_terms(correlation)
    distinct = cosine > 0
    d_angle = jnp.where(distinct, tangent / jnp.where(distinct, cosine, 1), 0)
    return (angle, cosine), (d_angle, -correlation * d_angle)


def _polynomial(squared: Array) -> Array:
    return polynomial(_SINGLE if squared.dtype == jnp.float32 else _DOUBLE, squared)
