"""Rectified powers, whose kernels are the arc-cosine kernels of every order."""

from __future__ import annotations

import math
from functools import cache
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
import numpy as np
from numpy.polynomial import polynomial

from skntk.architecture.activations.arcsine import arcsine_terms, scale_of
from skntk.architecture.activations.base import Activation
from skntk.architecture.activations.polynomial import check_degree, double_factorial
from skntk.architecture.propagation.state import Array, Statistics

__all__ = ["RectifiedMonomial"]


class RectifiedMonomial(Activation):
    """The power ``x^degree`` for x >= 0, and 0 below: arc-cosine kernels of every order [1]_.

    ``K' = s^m t^m (P(r) (1 / 4 + arcsin(r) / (2 pi)) + Q(r) sqrt(1 - r^2) / (2 pi))`` for m =
    degree, with s and t the standard deviations, r the correlation and integer polynomials P and Q
    that follow from Gaussian integration by parts; T' is T times its derivative with respect to K,
    ``m^2`` times the kernel of degree m - 1. Degree 1 is `Relu`; the derivative of degree 0 counts
    as 0.

    Parameters
    ----------
    degree : int
        At least 0.

    References
    ----------
    .. [1] Cho, Saul, "Kernel methods for deep learning", NeurIPS 2009, section 2.

    Examples
    --------
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import RectifiedMonomial, Serial
    >>> gram_matrix(Serial([RectifiedMonomial(2)]), [[1.0], [-1.0]], kind="nngp")
    array([[1.5, 0. ],
           [0. , 1.5]])
    """

    category: ClassVar[str | None] = "activation"
    static: ClassVar[tuple[str, ...]] = ("degree",)

    def __init__(self, degree: int) -> None:
        self.degree = degree

    @classmethod
    def examples(cls) -> list[RectifiedMonomial]:
        return [cls(2), cls(1), cls(0), cls(4)]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        check_degree(self)
        return input_shape

    def magnifies_rounding(self) -> bool:
        return self.degree == 0

    def function(self, x: Array) -> Array:
        return jnp.where(x >= 0, x**self.degree, 0)

    def sample_moments(self, variance: Array) -> tuple[Array, Array, Statistics]:
        degree, positive = self.degree, variance > 0
        # A variable that is 0 always has step(0) = 1, and the mean of both one-sided derivatives.
        mean = jnp.where(positive, 0.5, 1).astype(variance.dtype)
        half = jnp.where(positive, 0.5, 0.25).astype(variance.dtype)
        value = mean if degree == 0 else double_factorial(2 * degree - 1) / 2 * variance**degree
        if degree == 0:
            slope = jnp.zeros_like(variance)
        elif degree == 1:
            slope = half
        else:
            slope = degree**2 * double_factorial(2 * degree - 3) / 2 * variance ** (degree - 1)
        std, reciprocal = scale_of(variance)
        lower = std ** max(degree - 1, 0)
        power = std**degree
        return value, slope, _Powers(reciprocal, power, lower, mean)

    def pair_moments(
        self, covariance: Array, left: Statistics, right: Statistics
    ) -> tuple[Array, Array]:
        correlation = covariance * left.reciprocal * right.reciprocal
        angle, cosine = arcsine_terms(correlation)
        angle, cosine = angle / (2 * math.pi), cosine / (2 * math.pi)
        correlation = jnp.clip(correlation, -1, 1)
        angle_part, cosine_part = arc_cosine_polynomials(self.degree, self.degree)
        value = (left.power * right.power) * (
            _evaluate(angle_part, correlation) * (angle + left.mean * right.mean)
            + _evaluate(cosine_part, correlation) * cosine
        )
        if self.degree == 0:
            return value, jnp.zeros_like(value)
        angle_part, cosine_part = arc_cosine_polynomials(self.degree - 1, self.degree - 1)
        slope = (self.degree**2 * left.lower_power * right.lower_power) * (
            _evaluate(angle_part, correlation) * (angle + 0.25)
            + _evaluate(cosine_part, correlation) * cosine
        )
        return value, slope


class _Powers(NamedTuple):
    """What `RectifiedMonomial` keeps of each sample: 1 / s, s^m, s^(m - 1) and E[step(u)]."""

    reciprocal: Array
    power: Array
    lower_power: Array
    mean: Array


@cache
def arc_cosine_polynomials(m: int, n: int) -> tuple[Any, Any]:
    """Return the polynomials P and Q of an arc-cosine kernel.

    E[max(u, 0)^m max(v, 0)^n] = P(r) (1/4 + arcsin(r) / (2 pi)) + Q(r) sqrt(1 - r^2) / (2 pi) for
    u, v of unit variance and correlation r, and m + n even. Gaussian integration by parts in u
    lowers the powers; where u has the power 1 or v the power 0, the derivative of a step adds
    E[max(v, 0)^n | u = 0] / sqrt(2 pi).

    Parameters
    ----------
    m, n : int
        Powers, of even sum.

    Returns
    -------
    ndarray, ndarray
        Coefficients of P and Q, from degree 0 upwards.
    """
    if m < n:
        m, n = n, m
    if m == 0:
        return np.ones(1), np.zeros(1)
    zero = np.zeros(1)
    angle_part: Any = zero
    cosine_part: Any = zero
    if m >= 2:
        angle_part, cosine_part = ((m - 1) * part for part in arc_cosine_polynomials(m - 2, n))
    if n >= 1:
        by_parts = (polynomial.polymulx(n * part) for part in arc_cosine_polynomials(m - 1, n - 1))
        angle_part, cosine_part = map(polynomial.polyadd, (angle_part, cosine_part), by_parts)
    if m == 1:
        cosine_part = polynomial.polyadd(cosine_part, _half_moment(n))
    if n == 0:
        cosine_part = polynomial.polyadd(cosine_part, polynomial.polymulx(_half_moment(m - 1)))
    return angle_part, cosine_part


def _half_moment(n: int) -> np.ndarray:
    """Return (n - 1)!! (1 - r^2)^((n - 1) / 2), for odd n."""
    return double_factorial(n - 1) * polynomial.polypow([1.0, 0.0, -1.0], (n - 1) // 2)


def _evaluate(coefficients: np.ndarray, x: Array) -> Array:
    """Evaluate a polynomial that is even or odd."""
    value, square = jnp.zeros_like(x), x * x
    degrees = np.flatnonzero(coefficients)
    if not len(degrees):
        return value
    for degree in range(degrees[-1], -1, -2):
        value = value * square + float(coefficients[degree])
    return value * x if degrees[-1] % 2 else value
