"""Covariances of vectors in single precision, which keep the digits of what is nearly 1.

The angle between two samples is the arccosine of their correlation r: the r that follows 1 in
single precision is an angle of 3.5e-4 already. So what travels through a network is not r but how
far it is from 1 and from -1. Both are sums of positive terms after every layer, which keep their
relative precision. The kernels of samples with themselves, by which correlations are multiplied in
the end, are computed in double precision.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from skntk.architecture.propagation.state import Array, PairState, SampleState, Statistics


class Correlation(NamedTuple):
    """The correlations r of pairs, by their distances from 1 and from -1.

    Attributes
    ----------
    from_one : array of shape (n_left, n_right)
        1 - r.
    from_minus_one : array of shape (n_left, n_right) or None
        1 + r. None if r is known to be at least 0, as behind `Relu`: then nothing is lost in
        2 - (1 - r).
    """

    from_one: Array
    from_minus_one: Array | None = None

    @property
    def opposite(self) -> Array:
        """The distance 1 + r."""
        return 2 - self.from_one if self.from_minus_one is None else self.from_minus_one

    def complete(self) -> Correlation:
        """Return the same with both distances as arrays."""
        return Correlation(self.from_one, self.opposite)

    def nearest(self) -> tuple[Array, Array | None]:
        """Return 1 - abs(r) and whether r is negative, None if it never is."""
        if self.from_minus_one is None:
            return self.from_one, None
        is_negative = self.from_one > self.from_minus_one
        # Not the minimum, which takes further instructions that pass on what is not a number.
        return jnp.where(is_negative, self.from_minus_one, self.from_one), is_negative

    def signed_gap(self) -> Array:
        """Return 1 - abs(r) with the sign of r: one number with all digits, near 1 and near -1.

        Also 0 has the sign, which its bit alone tells.
        """
        gap, is_negative = self.nearest()
        return gap if is_negative is None else jnp.where(is_negative, -gap, gap)

    def from_signed_gap(self, gap: Array) -> Correlation:
        """Undo `signed_gap` of a correlation of this form."""
        if self.from_minus_one is None:
            return Correlation(gap)
        is_negative = jnp.signbit(gap)
        near = jnp.abs(gap)
        far = 2 - near
        return Correlation(jnp.where(is_negative, far, near), jnp.where(is_negative, near, far))

    def times(self, other: Correlation) -> Correlation:
        """Return the correlation r r' of products of independent factors.

        2 (1 - r r') = (1 - r)(1 + r') + (1 + r)(1 - r'), and 1 + r r' alike.
        """
        (p, q), (other_p, other_q) = self, other
        if q is None or other_q is None:
            # No distance is lost in 1 - r where r is at least 0.
            return _times_nonnegative(self, other_p) if other_q is None else other.times(self)
        return Correlation((p * other_q + q * other_p) / 2, (p * other_p + q * other_q) / 2)


def _times_nonnegative(correlation: Correlation, from_one: Array) -> Correlation:
    p, q = correlation
    product = p + from_one * (1 - p)
    return Correlation(product, None if q is None else q * (1 - from_one) + from_one)


class CorrelationState(NamedTuple):
    """The kernels of every left sample with every right sample, before or after a layer.

    Each of them is a correlation times the geometric mean of the kernels of both samples with
    themselves.

    Attributes
    ----------
    nngp, ntk : Correlation
    """

    nngp: Correlation
    ntk: Correlation

    def with_slopes(self, nngp: Correlation, slopes: Correlation) -> CorrelationState:
        """Return the state behind an activation.

        Parameters
        ----------
        nngp : Correlation
            E[f(u) f(v)], as a fraction of the geometric mean of E[f(u)^2] and E[f(v)^2].
        slopes : Correlation
            E[f'(u) f'(v)], as a fraction of the geometric mean of E[f'(u)^2] and E[f'(v)^2].
        """
        return CorrelationState(nngp, self.ntk.times(slopes))


def single(values: Any) -> Any:
    """Return numbers or arrays, such as the statistics of samples, in single precision."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), values)


def roots(variance: Array) -> tuple[Array, Array]:
    """Return standard deviations and their reciprocals, 0 where the variance is 0."""
    positive = variance > 0
    std = jnp.sqrt(jnp.where(positive, variance, 1))
    return jnp.where(positive, std, 0), jnp.where(positive, 1 / std, 0)


def correlation_of(value: Array) -> Correlation:
    """Return the correlations of numbers in double precision.

    What rounding cannot tell from 1 or -1, or has pushed past them, counts as 1 or -1: equal
    samples stay equal.
    """
    rounding = 8 * float(jnp.finfo(value.dtype).eps)

    def distance(values: Array) -> Array:
        return jnp.asarray(jnp.where(values > rounding, values, 0), jnp.float32)

    return Correlation(distance(1 - value), distance(1 + value))


class Split(NamedTuple):
    """Numbers in double precision as sums of two in single precision.

    Attributes
    ----------
    high, low : array
        The number in single precision, and what is missing.
    """

    high: Array
    low: Array

    @classmethod
    def of(cls, values: Array) -> Split:
        """Split numbers."""
        high = single(values)
        return cls(high, single(values - high.astype(values.dtype)))

    def minus(self, other: Split) -> Array:
        """Return the difference from other numbers, to nearly full relative precision."""
        return (self.high - other.high) + (self.low - other.low)


class Factor(NamedTuple):
    """Square roots of the kernels of samples with themselves, for the last step.

    Attributes
    ----------
    high, low : array
        The first 12 bits, whose products are exact, and what is missing.
    """

    high: Array
    low: Array

    @classmethod
    def of(cls, variance: Array) -> Factor:
        """Return the square roots of numbers in double precision."""
        root, _ = roots(variance)
        bits = lax.bitcast_convert_type(single(root), jnp.uint32) & np.uint32(0xFFFFF000)
        high = lax.bitcast_convert_type(bits, jnp.float32)
        return cls(high, single(root - high.astype(root.dtype)))

    def kernel(self, other: Factor, correlation: Correlation) -> Array:
        """Return the kernel of pairs: only the last of its roundings counts near 1 and -1.

        Near 0, where little would be left of a difference, no rounding is that of a larger number.
        """
        product = self.high * other.high
        rest = (self.high * other.low + self.low * other.high) + self.low * other.low
        whole = product + rest
        gap, is_negative = correlation.nearest()
        magnitude = jnp.where(gap > 0.5, whole * (1 - gap), product + (rest - whole * gap))
        return magnitude if is_negative is None else jnp.where(is_negative, -magnitude, magnitude)


def shares(parts: Sequence[Array], total: Array) -> tuple[Array, ...]:
    """Return the square roots of the shares that independent parts have in a variance.

    Parameters
    ----------
    parts : sequence of arrays of shape (n,)
        Variances.
    total : array of shape (n,)
        Their sum. Where it is 0 the first share is 1.

    Returns
    -------
    tuple of arrays of shape (n,)
        In single precision. For each sample they are a unit vector.
    """
    _, reciprocal = roots(total)
    first, *others = (jnp.sqrt(part) * reciprocal for part in parts)
    shared: tuple[Array, ...] = single((jnp.where(total > 0, first, 1), *others))
    return shared


def mixed(
    correlations: Sequence[Correlation | None], left: Sequence[Array], right: Sequence[Array]
) -> Correlation:
    """Return the correlations of sums of independent parts.

    With u and v the unit vectors of `shares`, r = sum_b u_b v_b r_b, and so 1 - r = sum_b u_b v_b
    (1 - r_b) + abs(u - v)^2 / 2, and 1 + r alike.

    Parameters
    ----------
    correlations : sequence of Correlation or None
        Of every part; None is one that is the same for all samples, such as a bias.
    left, right : sequences of arrays of shapes (n_left, 1) and (1, n_right)
        The shares of every part.
    """
    chord = jnp.asarray(0, jnp.float32)
    for u, v in zip(left, right, strict=True):
        chord = chord + jnp.square(u - v)
    from_one, from_minus_one = chord / 2, chord / 2
    for part, u, v in zip(correlations, left, right, strict=True):
        if part is not None:
            from_one = from_one + u * v * part.from_one
        from_minus_one = from_minus_one + u * v * (2 if part is None else part.opposite)
    is_nonnegative = all(part is None or part.from_minus_one is None for part in correlations)
    return Correlation(from_one, None if is_nonnegative else from_minus_one)


class DoubleStatistics(NamedTuple):
    """What `pairs_in_double` needs of each sample, in double precision.

    Attributes
    ----------
    inputs : SampleState
        The square roots of the kernels at the inputs of the layer.
    outputs : SampleState
        1 / those at the outputs, 0 where they are 0.
    statistics : pytree of arrays of shape (..., n)
        Those of the layer.
    """

    inputs: SampleState
    outputs: SampleState
    statistics: Statistics


def samples_in_double(layer: Any, state: SampleState) -> tuple[SampleState, DoubleStatistics]:
    """Map the kernels of samples with themselves, for `pairs_in_double`."""
    outputs, statistics = layer.propagate_samples(state)
    return outputs, DoubleStatistics(
        SampleState(*(roots(kernel)[0] for kernel in state)),
        SampleState(*(roots(kernel)[1] for kernel in outputs)),
        statistics,
    )


def pairs_in_double(
    layer: Any, state: CorrelationState, left: DoubleStatistics, right: DoubleStatistics
) -> CorrelationState:
    """Map the kernels of pairs by the formulas of a layer for covariances.

    These lose digits near 1 and -1, so that they are evaluated in double precision. What is left of
    1 - r then is as much as an angle of 1e-8.
    """
    inputs = (
        _in_double(correlation) * u * v
        for correlation, u, v in zip(state, left.inputs, right.inputs, strict=True)
    )
    outputs = layer.propagate_pairs(PairState(*inputs), left.statistics, right.statistics)
    return CorrelationState(
        correlation_of(outputs.nngp * left.outputs.nngp * right.outputs.nngp),
        correlation_of(outputs.ntk * left.outputs.ntk * right.outputs.ntk),
    )


def _in_double(correlation: Correlation) -> Array:
    gap, is_negative = correlation.nearest()
    value = 1 - jnp.asarray(gap, jnp.float64)
    return value if is_negative is None else jnp.where(is_negative, -value, value)
