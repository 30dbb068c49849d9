"""Powers and polynomials, whose kernels are finite sums."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import jax.numpy as jnp

from skntk._validation import check_integer, is_real
from skntk.architecture.activations.base import Activation
from skntk.architecture.core.pytree import CanonicalForms
from skntk.architecture.propagation.state import Array, Statistics

__all__ = ["Hermite", "Monomial", "Polynomial"]

# Beyond it the factorials in the expansions overflow.
_LARGEST_DEGREE = 80


class _FinitePolynomial(Activation):
    """f(x) = sum_n c_n x^n, from the coefficients that subclasses give.

    Expanded in Hermite polynomials of u / sqrt(a), f has the coefficients H_k(a) = sum_{n >= k, n -
    k even} c_n binom(n, k) (n - k - 1)!! a^((n - k) / 2) times a^(k / 2), so that E[f(u) f(v)] =
    sum_k k! H_k(a) H_k(c) k_uv^k, with no division by a variance.
    """

    def terms(self) -> dict[int, Any]:
        """Return the coefficients.

        Returns
        -------
        dict of int to float or scalar array
            By degree, without those known to be 0.
        """
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
            pairings = math.comb(degree, order) * double_factorial(degree - order - 1)
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


def check_degree(owner: Activation) -> None:
    """Check that the degree of an activation is a whole number from 0 to the largest."""
    degree = check_integer(owner, "degree", minimum=0)
    if degree > _LARGEST_DEGREE:
        raise ValueError(
            f"{type(owner).__name__}(degree={degree}): degree must be at most {_LARGEST_DEGREE}."
        )


def double_factorial(n: int) -> int:
    """Return n (n - 2) (n - 4) ..., which is 1 for n <= 0."""
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
        check_degree(self)
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
    canonical_forms: ClassVar[CanonicalForms] = {"coefficients": tuple}

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
            if not is_real(coefficient):
                raise TypeError(
                    f"Polynomial(coefficients=...): {coefficient!r} is not a real number."
                )
            if not math.isfinite(coefficient):
                raise ValueError(f"Polynomial(coefficients=...): {coefficient!r} is not finite.")
        return input_shape

    def terms(self) -> dict[int, Any]:
        return dict(enumerate(self.coefficients))


class Hermite(_FinitePolynomial):
    """The Hermite polynomial He_m, m = degree, divided by sqrt(m!).

    Where K(x, x) = K(z, z) = 1 (after `LayerNorm`, for one), ``K' = K^m`` and ``T' = m K^(m - 1)
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
        check_degree(self)
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
        ways = math.comb(self.degree, 2 * pairs) * double_factorial(2 * pairs - 1)
        return ways / math.sqrt(math.factorial(self.degree))
