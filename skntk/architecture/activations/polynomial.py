"""Powers and polynomials, whose kernels are finite sums."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from numbers import Real
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
import numpy as np
from numpy.polynomial import polynomial

from skntk.architecture.activations.arcsine import arcsine_terms, scale_of
from skntk.architecture.activations.base import Activation
from skntk.architecture.state import Array, Statistics
from skntk.architecture.validation import check_integer

__all__ = ["Hermite", "Monomial", "Polynomial", "RectifiedMonomial"]

# Beyond it the factorials in the expansions overflow.
_LARGEST_DEGREE = 80


class _FinitePolynomial(Activation):
    """f(x) = sum_n c_n x^n, from the coefficients that subclasses give.

    Expanded in Hermite polynomials of u / sqrt(a), f has the coefficients H_k(a) = sum_{n >= k, n -
    k even} c_n binom(n, k) (n - k - 1)!! a^((n - k) / 2) times a^(k / 2), so that E[f(u) f(v)] =
    sum_k k! H_k(a) H_k(c) k_uv^k, with no division by a variance.
    """

    def terms(self) -> dict[int, Any]:
        """Return the coefficients by degree, without those known to be 0."""
        raise NotImplementedError

    def function(self, x: Array) -> Array:
        terms = self.terms()
        value = jnp.zeros_like(x)
        for degree in range(max(terms), -1, -1):
            value = value * x + terms.get(degree, 0.0)
        return value

    def sample_moments(self, variance: Array) -> tuple[Array, Array, Statistics]:
        expansion = self._expansion(variance)
        return *_moments(variance, expansion, expansion), expansion

    def pair_moments(
        self, covariance: Array, left: Statistics, right: Statistics
    ) -> tuple[Array, Array]:
        return _moments(covariance, left, right)

    def _expansion(self, variance: Array) -> dict[int, Array]:
        """Return sqrt(k!) H_k(variance) by k."""
        terms = self.terms()
        orders = {order for degree in terms for order in range(degree, -1, -2)}
        return {
            order: math.sqrt(math.factorial(order)) * _hermite_coefficient(terms, order, variance)
            for order in sorted(orders)
        }


def _hermite_coefficient(terms: dict[int, Any], order: int, variance: Array) -> Array:
    coefficient = jnp.zeros_like(variance)
    for degree, value in terms.items():
        if degree >= order and (degree - order) % 2 == 0:
            pairings = math.comb(degree, order) * _double_factorial(degree - order - 1)
            coefficient += float(pairings) * value * variance ** ((degree - order) // 2)
    return coefficient


def _moments(
    covariance: Array, left: dict[int, Array], right: dict[int, Array]
) -> tuple[Array, Array]:
    """Return sum_k left_k right_k covariance^k and its derivative."""
    value, slope = jnp.zeros_like(covariance), jnp.zeros_like(covariance)
    for order in range(max(left), -1, -1):
        slope = slope * covariance + value
        value = value * covariance
        if order in left:
            value = value + left[order] * right[order]
    return value, slope


def _check_degree(owner: Activation) -> None:
    degree = check_integer(owner, "degree", minimum=0)
    if degree > _LARGEST_DEGREE:
        raise ValueError(
            f"{type(owner).__name__}(degree={degree}): degree must be at most {_LARGEST_DEGREE}."
        )


def _double_factorial(n: int) -> int:
    return math.prod(range(n, 0, -2))


class Monomial(_FinitePolynomial):
    """The power ``x^degree``.

    With a = K(x, x), c = K(z, z), m = degree: ``K' = sum_k k! binom(m, k)^2 (m - k - 1)!!^2 (a
    c)^((m - k) / 2) K^k`` over k = m, m - 2, ...; T' is T times its derivative with respect to K.
    Degree 1 is the identity.

    Parameters
    ----------
    degree : int
        At least 0.

    Examples
    --------
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import Monomial, Serial
    >>> gram_matrix(Serial([Monomial(2)]), [[1.0], [2.0]], kind="nngp")
    array([[ 3., 12.],
           [12., 48.]])
    """

    category: ClassVar[str | None] = "activation"
    static: ClassVar[tuple[str, ...]] = ("degree",)

    def __init__(self, degree: int) -> None:
        self.degree = degree

    @classmethod
    def examples(cls) -> list[Monomial]:
        return [cls(3), cls(2), cls(0)]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        _check_degree(self)
        return input_shape

    def terms(self) -> dict[int, Any]:
        return {self.degree: 1.0}


class Polynomial(_FinitePolynomial):
    """The polynomial ``coefficients[0] + coefficients[1] x + coefficients[2] x^2 + ...``.

    ``K' = sum_k k! H_k(K(x, x)) H_k(K(z, z)) K^k`` with ``H_k(a) = sum_n coefficients[n] binom(n,
    k) (n - k - 1)!! a^((n - k) / 2)`` over n = k, k + 2, ...; T' is T times the derivative of K'
    with respect to K.

    Parameters
    ----------
    coefficients : sequence of float
        From degree 0 upwards, at least one.

    Examples
    --------
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import Polynomial, Serial
    >>> gram_matrix(Serial([Polynomial([1.0, 0.0, 1.0])]), [[0.0], [1.0]], kind="nngp")
    array([[1., 2.],
           [2., 6.]])
    """

    category: ClassVar[str | None] = "activation"

    def __init__(self, coefficients: Sequence[float]) -> None:
        self.coefficients = coefficients

    @classmethod
    def examples(cls) -> list[Polynomial]:
        return [cls([0.1, 0.8, -0.2, 0.05]), cls([0.3]), cls((0.0, 0.0, 0.5))]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        try:
            coefficients = tuple(self.coefficients)
        except TypeError as error:
            raise TypeError(
                f"Polynomial(coefficients={self.coefficients!r}): coefficients must be a sequence "
                "of numbers."
            ) from error
        if not coefficients:
            raise ValueError("Polynomial(coefficients=[]) needs at least one coefficient.")
        if len(coefficients) > _LARGEST_DEGREE + 1:
            raise ValueError(
                f"Polynomial(coefficients=...): the degree must be at most {_LARGEST_DEGREE}."
            )
        for coefficient in coefficients:
            if isinstance(coefficient, bool) or not isinstance(coefficient, Real):
                raise TypeError(
                    f"Polynomial(coefficients=...): {coefficient!r} is not a real number."
                )
            if not math.isfinite(coefficient):
                raise ValueError(f"Polynomial(coefficients=...): {coefficient!r} is not finite.")
        return input_shape

    def terms(self) -> dict[int, Any]:
        return dict(enumerate(self.coefficients))

    def _field(self, name: str) -> Any:
        return tuple(super()._field(name))


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
        _check_degree(self)
        return input_shape

    def function(self, x: Array) -> Array:
        return jnp.where(x >= 0, x**self.degree, 0)

    def sample_moments(self, variance: Array) -> tuple[Array, Array, Statistics]:
        degree, positive = self.degree, variance > 0
        # A variable that is 0 always has step(0) = 1, and the mean of both one-sided derivatives.
        mean = jnp.where(positive, 0.5, 1).astype(variance.dtype)
        half = jnp.where(positive, 0.5, 0.25).astype(variance.dtype)
        value = mean if degree == 0 else _double_factorial(2 * degree - 1) / 2 * variance**degree
        if degree == 0:
            slope = jnp.zeros_like(variance)
        elif degree == 1:
            slope = half
        else:
            slope = degree**2 * _double_factorial(2 * degree - 3) / 2 * variance ** (degree - 1)
        std, reciprocal = scale_of(variance)
        lower = std ** max(degree - 1, 0)
        power = std**degree
        return value, slope, _Powers(reciprocal, power, lower, mean)

    def pair_moments(
        self, covariance: Array, left: Statistics, right: Statistics
    ) -> tuple[Array, Array]:
        correlation = covariance * left.reciprocal * right.reciprocal
        angle, cosine, _ = arcsine_terms(correlation)
        angle, cosine = angle / (2 * math.pi), cosine / (2 * math.pi)
        correlation = jnp.clip(correlation, -1, 1)
        of_angle, of_cosine = arc_cosine_polynomials(self.degree, self.degree)
        value = (left.power * right.power) * (
            _evaluate(of_angle, correlation) * (angle + left.mean * right.mean)
            + _evaluate(of_cosine, correlation) * cosine
        )
        if self.degree == 0:
            return value, jnp.zeros_like(value)
        of_angle, of_cosine = arc_cosine_polynomials(self.degree - 1, self.degree - 1)
        slope = (self.degree**2 * left.lower_power * right.lower_power) * (
            _evaluate(of_angle, correlation) * (angle + 0.25)
            + _evaluate(of_cosine, correlation) * cosine
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
    of_angle: Any = zero
    of_cosine: Any = zero
    if m >= 2:
        of_angle, of_cosine = ((m - 1) * each for each in arc_cosine_polynomials(m - 2, n))
    if n >= 1:
        by_parts = (polynomial.polymulx(n * each) for each in arc_cosine_polynomials(m - 1, n - 1))
        of_angle, of_cosine = map(polynomial.polyadd, (of_angle, of_cosine), by_parts)
    if m == 1:
        of_cosine = polynomial.polyadd(of_cosine, _half_moment(n))
    if n == 0:
        of_cosine = polynomial.polyadd(of_cosine, polynomial.polymulx(_half_moment(m - 1)))
    return of_angle, of_cosine


def _half_moment(n: int) -> np.ndarray:
    """Return (n - 1)!! (1 - r^2)^((n - 1) / 2), for odd n."""
    return _double_factorial(n - 1) * polynomial.polypow([1.0, 0.0, -1.0], (n - 1) // 2)


def _evaluate(coefficients: np.ndarray, x: Array) -> Array:
    """Evaluate a polynomial that is even or odd."""
    value, square = jnp.zeros_like(x), x * x
    degrees = np.flatnonzero(coefficients)
    if not len(degrees):
        return value
    for degree in range(degrees[-1], -1, -2):
        value = value * square + float(coefficients[degree])
    return value * x if degrees[-1] % 2 else value


class Hermite(_FinitePolynomial):
    """The Hermite polynomial He_m, m = degree, divided by sqrt(m!).

    Where K(x, x) = K(z, z) = 1 (behind `LayerNorm`, for one), ``K' = K^m`` and ``T' = m K^(m - 1)
    T`` [1]_; other variances add lower powers of K, as for `Polynomial`.

    Parameters
    ----------
    degree : int
        At least 0.

    References
    ----------
    .. [1] Daniely, Frostig, Singer, "Toward deeper understanding of neural networks", NeurIPS 2016,
       section 4.

    Examples
    --------
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import Hermite, LayerNorm, Serial
    >>> X = [[3.0, 4.0], [4.0, 3.0]]
    >>> gram_matrix(Serial([LayerNorm(), Hermite(2)]), X, kind="nngp").round(4)
    array([[1.    , 0.9216],
           [0.9216, 1.    ]])
    """

    category: ClassVar[str | None] = "activation"
    static: ClassVar[tuple[str, ...]] = ("degree",)

    def __init__(self, degree: int) -> None:
        self.degree = degree

    @classmethod
    def examples(cls) -> list[Hermite]:
        return [cls(2), cls(3), cls(0)]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        _check_degree(self)
        return input_shape

    def terms(self) -> dict[int, Any]:
        return {
            self.degree - 2 * pairs: (-1) ** pairs * self._pairings(pairs)
            for pairs in range(self.degree // 2 + 1)
        }

    def _expansion(self, variance: Array) -> dict[int, Array]:
        # He_m(sqrt(a) z) = sum_j binom(m, 2 j) (2 j - 1)!! (a - 1)^j a^((m - 2 j) / 2) He_(m - 2
        # j)(z).
        return {
            self.degree - 2 * pairs: math.sqrt(math.factorial(self.degree - 2 * pairs))
            * self._pairings(pairs)
            * (variance - 1) ** pairs
            for pairs in range(self.degree // 2, -1, -1)
        }

    def _pairings(self, pairs: int) -> float:
        """Return binom(m, 2 j) (2 j - 1)!! / sqrt(m!) for j pairs."""
        ways = math.comb(self.degree, 2 * pairs) * _double_factorial(2 * pairs - 1)
        return ways / math.sqrt(math.factorial(self.degree))
