"""Functions without a closed form: quadrature for each sample, a series for each pair."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from skntk.architecture.activations.arcsine import scale_of
from skntk.architecture.activations.base import Activation
from skntk.architecture.activations.kink_tail import kink_tail, one_within_rounding
from skntk.architecture.activations.loops import in_own_loop, in_parts
from skntk.architecture.activations.mehler import SummationRule, sum_series, summation_rule
from skntk.architecture.activations.quadrature import half_line_rule, hermite_weights
from skntk.architecture.propagation.state import Array, PairState, Statistics

__all__ = ["QuadratureActivation"]


class _Part(NamedTuple):
    """The odd or the even part of f at positive arguments, of shape (n_nodes, ..., n)."""

    value: Array
    slope: Array


class _PartSeries(NamedTuple):
    """Mehler's series of the odd or the even part of f, for each sample.

    Attributes
    ----------
    terms : array of shape (n_terms, ..., n)
        Hermite coefficients g_k / sqrt(k + 1) of f', times the square roots of the weights of the
        `SummationRule`.
    value_rest, slope_rest : arrays of shape (..., n)
        Square roots of what E[f(u)^2] and E[f'(u)^2] have beyond the terms. Counted at one high
        degree, or as the `KinkTail` of functions with a kink at 0, it makes the kernels of equal
        samples those of a sample with itself.
    """

    terms: Array
    value_rest: Array
    slope_rest: Array


class _Expansion(NamedTuple):
    """What pairs need of each sample.

    Attributes
    ----------
    reciprocal : array of shape (..., n)
        1 / sqrt(variance), 0 where the variance is 0.
    mean, mean_slope : arrays of shape (..., n)
        E[f(u)] and E[f'(u)].
    odd : _PartSeries or None
        None where the odd part of f is linear, and so known from the mean slope.
    even : _PartSeries or None
        None where the even part of f is constant, and so known from the mean.
    """

    reciprocal: Array
    mean: Array
    mean_slope: Array
    odd: _PartSeries | None
    even: _PartSeries | None


class QuadratureActivation(Activation):
    """An activation without a closed form: of its kernel, only the function is known.

    A subclass defines ``function``, written with `jax.numpy` as for `Elementwise`. It defines
    ``parity_up_to_line`` if f has a symmetry, and ``has_kink`` if f is smooth at 0: both save time.
    A class, unlike `Elementwise`, can have a name and hyperparameters.

    With g_k(a) = E[f'(sqrt(a) z) He_k(z)] / sqrt(k!), z standard normal, variances a and c, and
    correlation r: E[f'(u) f'(v)] = sum_k g_k(a) g_k(c) r^k and E[f(u) f(v)] = E[f(u)] E[f(v)] +
    sqrt(a c) sum_k g_k(a) g_k(c) r^(k + 1) / (k + 1) (Mehler's formula). The coefficients of each
    sample come from one-dimensional quadrature, and so do E[f(u)^2] and E[f'(u)^2], which the
    series of equal samples is made to match.

    See Also
    --------
    Elementwise : The same for a function that needs no class; says how accurate the kernel is.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import QuadratureActivation, Serial
    >>> class Softsign(QuadratureActivation):
    ...     def function(self, x):
    ...         return x / (1 + jnp.abs(x))
    ...
    ...     def parity_up_to_line(self):
    ...         return "odd"
    >>> gram_matrix(Serial([Softsign()]), [[1.0], [-1.0]], kind="nngp").round(3)
    array([[ 0.183, -0.183],
           [-0.183,  0.183]])
    """

    def parity_up_to_line(self) -> str | None:
        """Return the symmetry of f, which spares every other term of the series.

        Returns
        -------
        {"odd", "even"} or None
            "odd" for an odd f plus a constant, "even" for an even f plus a line, None if neither is
            known.
        """
        return None

    def has_kink(self) -> bool:
        """Return whether the slope of f may jump at 0, which takes more terms of the series.

        Returns
        -------
        bool
            True where it is not known: on a smooth f that costs time only. False where there is a
            kink costs accuracy at correlations near 1 and -1.
        """
        return True

    def sample_moments(self, variance: Array) -> tuple[Array, Array, Statistics]:
        return in_parts(self._sample_moments, variance)

    def _sample_moments(self, variance: Array) -> tuple[Array, Array, Statistics]:
        std, reciprocal = scale_of(variance)
        # At variance 0 both one-sided slopes are wanted, whichever the function's derivative at 0
        # is taken to be.
        std = jnp.maximum(std, float(jnp.finfo(variance.dtype).tiny) ** 0.5)
        mean, mean_slope, odd, even = self._parts(std)
        value, slope, odd_series, even_series = mean * mean, jnp.zeros_like(variance), None, None
        if odd is None:
            value, slope = value + mean_slope**2 * variance, slope + mean_slope**2
        else:
            part_value, part_slope, odd_series = self._expand(odd, variance, parity=1)
            value, slope = value + part_value, slope + part_slope
        if even is not None:
            part_value, part_slope, even_series = self._expand(even, variance, parity=0)
            value, slope = value + part_value, slope + part_slope
        slope = jnp.where(variance > 0, slope, mean_slope**2)
        return value, slope, _Expansion(reciprocal, mean, mean_slope, odd_series, even_series)

    def pair_moments(
        self, covariance: Array, left: Statistics, right: Statistics
    ) -> tuple[Array, Array]:
        correlation = jnp.clip(covariance * left.reciprocal * right.reciprocal, -1, 1)
        squared = correlation * correlation
        # Single precision does not tell apart correlations so near to 1 that the tail matters.
        has_tail = left.even is not None and covariance.dtype == jnp.float64 and self.has_kink()
        if has_tail:
            squared = one_within_rounding(squared)
        rule = self._rule(covariance.dtype)
        value = left.mean * right.mean
        if left.odd is None:
            slope = left.mean_slope * right.mean_slope
            value = value + covariance * slope
        else:
            series, growth, value_rest, slope_rest = _sum_part(left.odd, right.odd, squared, rule)
            value = value + covariance * series + correlation * value_rest
            slope = series + 2 * growth + slope_rest
        if left.even is not None:
            series, growth, value_rest, slope_rest = _sum_part(
                left.even, right.even, squared, rule, has_tail
            )
            value = value + correlation * (covariance * series + correlation * value_rest)
            slope = slope + correlation * (2 * series + 2 * growth + slope_rest)
        return value, slope

    def propagate_pairs(self, state: PairState, left: Statistics, right: Statistics) -> PairState:
        # In one loop with other layers, too many arrays would be read for it to be vectorized.
        propagate = super().propagate_pairs
        return PairState(*in_own_loop(propagate, left.reciprocal, state, left, right))

    def _parts(self, std: Array) -> tuple[Array, Array, _Part | None, _Part | None]:
        """Return E f, E f', and at the nodes the odd part of f and the even one less its mean."""
        nodes, weights = half_line_rule()
        x = jnp.asarray(nodes, std.dtype).reshape(-1, *(1,) * std.ndim) * std[jnp.newaxis]
        parity = self.parity_up_to_line()
        if parity is None:
            return _split(
                in_own_loop(self._value_and_slope, std, x),
                in_own_loop(self._value_and_slope, std, -x),
            )
        value, slope = self._value_and_slope(x)
        if parity == "odd":
            mean = self.function(jnp.zeros_like(std))
            return mean, _contract(weights, slope), _Part(value - mean[jnp.newaxis], slope), None
        ones = jnp.ones_like(std)
        line = (self._value_and_slope(ones)[1] + self._value_and_slope(-ones)[1]) / 2
        value, slope = value - line[jnp.newaxis] * x, slope - line[jnp.newaxis]
        mean = _contract(weights, value)
        return mean, line, None, _Part(value - mean[jnp.newaxis], slope)

    def _value_and_slope(self, x: Array) -> tuple[Array, Array]:
        value, slope = jax.jvp(self.function, (x,), (jnp.ones_like(x),))
        return value, slope

    def _rule(self, dtype: np.dtype) -> SummationRule:
        if dtype != jnp.float64:
            return summation_rule((5, *9 * (2,)))
        # Where both parts of f are summed, less accuracy keeps the time in bounds.
        both_parts = self.parity_up_to_line() is None
        return summation_rule((7, *9 * (2,)) if both_parts else (10, *9 * (3,)))

    def _expand(
        self, part: _Part, variance: Array, parity: int
    ) -> tuple[Array, Array, _PartSeries]:
        """Return E[f(u)^2], E[f'(u)^2] and the series of the odd (1) or even (0) part of f.

        The Hermite polynomials of an odd f have odd degrees, and those of f' even ones.
        """
        rule = self._rule(variance.dtype)
        degrees = 2 * rule.positions + 2 - parity
        # From the slopes, without division by small standard deviations, or from the values, which
        # need fewer nodes where the function changes fast on the scale of the standard deviation.
        slope_terms, value_terms = (
            _contract(hermite_weights(tuple(part_degrees.tolist())) * scale, values)
            for part_degrees, scale, values in (
                (degrees - 1, np.sqrt(rule.weights / degrees), part.slope),
                (degrees, np.sqrt(rule.weights), part.value),
            )
        )
        variances = variance[jnp.newaxis]
        large = variances > 1
        terms = jnp.where(
            large, value_terms * lax.rsqrt(jnp.where(large, variances, 1)), slope_terms
        )
        weights = half_line_rule()[1]
        value, slope = _contract(weights, part.value**2), _contract(weights, part.slope**2)
        counted_value = variance * jnp.sum(terms**2, axis=0)
        counted_slope = _contract(degrees, terms**2)
        # Errors of the rule must not make equal samples more alike than a sample is to itself. The
        # correction is as small as these errors, and so are its derivatives, which are left out.
        excess = jnp.maximum(_ratio(counted_value, value), _ratio(counted_slope, slope))
        excess = lax.stop_gradient(jnp.maximum(excess, 1))
        return (
            value,
            slope,
            _PartSeries(
                terms / jnp.sqrt(excess)[jnp.newaxis],
                _root(value - counted_value / excess, value),
                _root(slope - counted_slope / excess, slope),
            ),
        )


def _split(
    positive: tuple[Array, Array], negative: tuple[Array, Array]
) -> tuple[Array, Array, _Part, _Part]:
    """Return what `_parts` does from (f, f') at positive and at negative nodes."""
    weights = half_line_rule()[1]
    odd = _Part((positive[0] - negative[0]) / 2, (positive[1] + negative[1]) / 2)
    even = _Part((positive[0] + negative[0]) / 2, (positive[1] - negative[1]) / 2)
    mean = _contract(weights, even.value)
    centered = even._replace(value=even.value - mean[jnp.newaxis])
    return mean, _contract(weights, odd.slope), odd, centered


def _ratio(counted: Array, total: Array) -> Array:
    positive = total > 0
    return jnp.where(positive, counted / jnp.where(positive, total, 1), 0)


def _root(rest: Array, total: Array) -> Array:
    """Return the square root of a difference from a total, 0 where it is within rounding."""
    known = rest > 16 * float(jnp.finfo(total.dtype).eps) * total
    return jnp.where(known, jnp.sqrt(jnp.where(known, rest, 1)), 0)


def _sum_part(
    left: _PartSeries,
    right: _PartSeries,
    squared: Array,
    rule: SummationRule,
    has_tail: bool = False,
) -> tuple[Array, Array, Array, Array]:
    """Return p = sum_j terms_j x^j and x dp/dx at x = r^2, and what f and f' have beyond."""
    series, growth, power = sum_series(left.terms, right.terms, squared, rule)
    value_tail = slope_tail = power
    if has_tail:
        value_tail, slope_tail = kink_tail(int(rule.positions[-1])).at(squared)
    return (
        series,
        growth,
        value_tail * (left.value_rest * right.value_rest),
        slope_tail * (left.slope_rest * right.slope_rest),
    )


def _contract(weights: np.ndarray, values: Array) -> Array:
    """Sum over the leading axis of both: (n, ...) and (n, ..., m) to (..., m)."""
    return jnp.tensordot(jnp.asarray(weights.T, values.dtype), values, axes=1, precision="highest")
