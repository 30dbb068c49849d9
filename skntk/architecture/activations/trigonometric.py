"""Sines and cosines, whose kernels are exponentials."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from skntk._validation import check_real
from skntk.architecture.activations.base import Activation
from skntk.architecture.propagation.correlation import (
    Correlation,
    CorrelationState,
    Split,
    roots,
    single,
)
from skntk.architecture.propagation.state import Array, SampleState, Statistics

__all__ = ["Cos", "Rbf", "Sin"]


@jax.custom_jvp
def squared_distance(covariance: Array, left: Array, right: Array) -> Array:
    """Return E[(u - v)^2] = left + right - 2 covariance of two variances and the covariance.

    Exactly 0 where rounding cannot tell u from v, and never negative. The derivatives are 1, 1 and
    -2 everywhere.
    """
    total = left + right
    distance = total - 2 * covariance
    rounding = 4 * float(jnp.finfo(total.dtype).eps)
    return jnp.where(distance > rounding * total, distance, 0)


@squared_distance.defjvp
def _squared_distance_jvp(
    primals: tuple[Array, Array, Array], tangents: tuple[Array, Array, Array]
) -> tuple[Array, Array]:
    covariance, left, right = tangents
    return squared_distance(*primals), left + right - 2 * covariance


class _Sinusoid(Activation):
    """f(x) = a sin(b x + c) or a cos(b x + c): an even and an odd part, cos(b x) and sin(b x).

    With a_u and a_v the variances, k the covariance and E, O the weights of the parts (their
    amplitudes squared), E[f(u) f(v)] = a^2 exp(-b^2 (a_u + a_v) / 2) (E cosh(b^2 k) + O sinh(b^2
    k)) and, exchanging E and O, E[f'(u) f'(v)] = a^2 b^2 exp(-b^2 (a_u + a_v) / 2) (O cosh(b^2 k) +
    E sinh(b^2 k)).
    """

    def __init__(self, a: float = 1.0, b: float = 1.0, c: float = 0.0) -> None:
        self.a = a
        self.b = b
        self.c = c

    @classmethod
    def examples(cls) -> list[Any]:
        return [cls(), cls(1.2, 0.8, 0.3), cls(-0.7, 2.5, -2.0)]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        for name in ("a", "b", "c"):
            check_real(self, name)
        return input_shape

    def even_and_odd(self) -> tuple[Any, Any]:
        """Return the squared amplitudes of the two parts.

        Returns
        -------
        even, odd : float or scalar array
            Their sum is 1.
        """
        raise NotImplementedError

    def sample_moments(self, variance: Array) -> tuple[Array, Array, Statistics]:
        return *self.pair_moments(variance, variance, variance), variance

    def pair_moments(
        self, covariance: Array, left: Statistics, right: Statistics
    ) -> tuple[Array, Array]:
        even, odd = self.even_and_odd()
        frequency = self.b * self.b
        # exp(-(a_u + a_v) / 2) cosh k and sinh k from the exponential of the smaller of E[(u -
        # v)^2] and E[(u + v)^2], which cannot overflow, and gap = 1 - exp(-2 k), which expm1 gives
        # to full precision for small k.
        sign = jnp.where(covariance < 0, -1, 1).astype(covariance.dtype)
        magnitude = sign * covariance
        nearest = jnp.exp(-frequency / 2 * squared_distance(magnitude, left, right)) / 2
        gap = -jnp.expm1(-2 * frequency * magnitude)
        cosh, sinh = nearest * (2 - gap), sign * nearest * gap
        power = self.a * self.a
        return power * (even * cosh + odd * sinh), power * frequency * (odd * cosh + even * sinh)


class Sin(_Sinusoid):
    """The sine ``a sin(b x + c)``.

    ``K' = a^2 exp(-b^2 (K(x, x) + K(z, z)) / 2) (sin(c)^2 cosh(b^2 K) + cos(c)^2 sinh(b^2 K))``; T'
    is T times the derivative of K' with respect to K.

    Parameters
    ----------
    a : float, default=1.0
        Amplitude.
    b : float, default=1.0
        Factor of the argument.
    c : float, default=0.0
        Phase, in radians.

    Examples
    --------
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import Serial, Sin
    >>> gram_matrix(Serial([Sin()]), [[1.0], [-1.0]], kind="nngp").round(3)
    array([[ 0.432, -0.432],
           [-0.432,  0.432]])
    """

    category: ClassVar[str | None] = "activation"

    def function(self, x: Array) -> Array:
        return self.a * jnp.sin(self.b * x + self.c)

    def even_and_odd(self) -> tuple[Any, Any]:
        return jnp.sin(self.c) ** 2, jnp.cos(self.c) ** 2


class Cos(_Sinusoid):
    """The cosine ``a cos(b x + c)``.

    ``K' = a^2 exp(-b^2 (K(x, x) + K(z, z)) / 2) (cos(c)^2 cosh(b^2 K) + sin(c)^2 sinh(b^2 K))``; T'
    is T times the derivative of K' with respect to K.

    Parameters
    ----------
    a : float, default=1.0
        Amplitude.
    b : float, default=1.0
        Factor of the argument.
    c : float, default=0.0
        Phase, in radians.

    Examples
    --------
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import Cos, Serial
    >>> gram_matrix(Serial([Cos()]), [[1.0], [-1.0]], kind="nngp").round(3)
    array([[0.568, 0.568],
           [0.568, 0.568]])
    """

    category: ClassVar[str | None] = "activation"

    def function(self, x: Array) -> Array:
        return self.a * jnp.cos(self.b * x + self.c)

    def even_and_odd(self) -> tuple[Any, Any]:
        return jnp.cos(self.c) ** 2, jnp.sin(self.c) ** 2


class Rbf(Activation):
    """The function ``sqrt(2) sin(sqrt(2 gamma) x + pi / 4)``, of the Gaussian kernel [1]_.

    ``K' = exp(-gamma (K(x, x) + K(z, z) - 2 K))`` and ``T' = 2 gamma K' T``.

    Parameters
    ----------
    gamma : float, default=1.0
        Inverse squared length scale, greater than 0.

    References
    ----------
    .. [1] Rahimi, Recht, "Random features for large-scale kernel machines", NeurIPS 2007.

    Examples
    --------
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import Rbf, Serial
    >>> gram_matrix(Serial([Rbf(gamma=0.5)]), [[0.0], [1.0]], kind="nngp").round(3)
    array([[1.   , 0.607],
           [0.607, 1.   ]])
    """

    category: ClassVar[str | None] = "activation"

    def __init__(self, gamma: float = 1.0) -> None:
        self.gamma = gamma

    @classmethod
    def examples(cls) -> list[Rbf]:
        return [cls(), cls(0.2)]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        check_real(self, "gamma", minimum=0, exclusive=True)
        return input_shape

    def function(self, x: Array) -> Array:
        return math.sqrt(2) * jnp.sin(jnp.sqrt(2 * self.gamma) * x + math.pi / 4)

    def sample_moments(self, variance: Array) -> tuple[Array, Array, Statistics]:
        return *self.pair_moments(variance, variance, variance), variance

    def pair_moments(
        self, covariance: Array, left: Statistics, right: Statistics
    ) -> tuple[Array, Array]:
        value = jnp.exp(-self.gamma * squared_distance(covariance, left, right))
        return value, 2 * self.gamma * value

    def propagate_scales(self, state: SampleState) -> tuple[SampleState, Statistics]:
        return self.propagate_samples(state)[0], Split.of(roots(state.nngp)[0])

    def propagate_correlations(
        self, state: CorrelationState, left: Statistics, right: Statistics
    ) -> CorrelationState:
        # E[(u - v)^2] = 2 s t (1 - r) + (s - t)^2, s and t the standard deviations.
        distance = 2 * left.high * right.high * state.nngp.from_one
        distance += jnp.square(left.minus(right))
        from_one = -jnp.expm1(-single(self.gamma) * distance)
        correlation = Correlation(from_one)
        return state.with_slopes(correlation, correlation)
