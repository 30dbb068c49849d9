"""Exponential and Gaussian activations, and kernels that are exponentials."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp

from skntk._validation import check_boolean, check_real
from skntk.architecture.activations.arcsine import Scale, scale_of, squared_cosine
from skntk.architecture.activations.base import Activation, SmoothActivation
from skntk.architecture.propagation.state import Array, Statistics

__all__ = ["Exp", "ExpNormalized", "Gabor", "Gaussian"]


class Exp(SmoothActivation):
    """The exponential ``a exp(b x)``.

    ``K' = a^2 exp(b^2 (K(x, x) + K(z, z) + 2 K) / 2)`` and ``T' = b^2 K' T``. The kernel overflows
    where b^2 times a variance passes some 350 in float64 or 44 in float32.

    Parameters
    ----------
    a : float, default=1.0
        Amplitude.
    b : float, default=1.0
        Factor of the argument.

    Examples
    --------
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import Exp, Serial
    >>> gram_matrix(Serial([Exp()]), [[0.0], [1.0]], kind="nngp").round(3)
    array([[1.   , 1.649],
           [1.649, 7.389]])
    """

    category: ClassVar[str | None] = "activation"

    def __init__(self, a: float = 1.0, b: float = 1.0) -> None:
        self.a = a
        self.b = b

    @classmethod
    def examples(cls) -> list[Exp]:
        return [cls(), cls(0.8, 0.3), cls(-0.5, -0.7)]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        _check_reals(self, "a", "b")
        return input_shape

    def function(self, x: Array) -> Array:
        return self.a * jnp.exp(self.b * x)

    def dual(self, covariance: Array, left_variance: Array, right_variance: Array) -> Array:
        exponent = (left_variance + right_variance) / 2 + covariance
        return self.a * self.a * jnp.exp(self.b * self.b * exponent)


class ExpNormalized(Activation):
    """The kernel ``s exp(gamma (K / s + shift))`` with ``s = sqrt(K(x, x) K(z, z))`` [1]_.

    ``T' = gamma T exp(gamma (K / s + shift))``. It is defined by its kernel alone: there is no
    elementwise function, and so no network of finite width.

    Parameters
    ----------
    gamma : float, default=1.0
        Factor in the exponent, at least 0.
    shift : float, default=-1.0
        Added to the correlation; -1 keeps variances as they are.
    clip : bool, default=False
        Whether to clip correlations to [-1, 1], which rounding may pass.

    References
    ----------
    .. [1] Mairal, Koniusz, Harchaoui, Schmid, "Convolutional kernel networks", NeurIPS 2014.

    Examples
    --------
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import ExpNormalized, Serial
    >>> gram_matrix(Serial([ExpNormalized()]), [[1.0], [-1.0]], kind="nngp").round(3)
    array([[1.   , 0.135],
           [0.135, 1.   ]])
    """

    category: ClassVar[str | None] = "activation"
    static: ClassVar[tuple[str, ...]] = ("clip",)
    has_function: ClassVar[bool] = False

    def __init__(self, gamma: float = 1.0, shift: float = -1.0, clip: bool = False) -> None:
        self.gamma = gamma
        self.shift = shift
        self.clip = clip

    @classmethod
    def examples(cls) -> list[ExpNormalized]:
        return [cls(), cls(1.5, -0.5, True)]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        check_real(self, "gamma", minimum=0)
        check_real(self, "shift")
        check_boolean(self, "clip")
        return input_shape

    def function(self, x: Array) -> Array:
        """Raise NotImplementedError: the kernel is all there is."""
        raise NotImplementedError(
            "ExpNormalized is defined by its kernel alone and has no elementwise function: "
            "it cannot be part of a network of finite width."
        )

    def sample_moments(self, variance: Array) -> tuple[Array, Array, Statistics]:
        scale = scale_of(variance)
        return *self._moments(
            jnp.where(variance > 0, 1, 0).astype(variance.dtype), scale, scale
        ), scale

    def pair_moments(
        self, covariance: Array, left: Statistics, right: Statistics
    ) -> tuple[Array, Array]:
        correlation = covariance * left.reciprocal * right.reciprocal
        return self._moments(
            jnp.clip(correlation, -1, 1) if self.clip else correlation, left, right
        )

    def _moments(self, correlation: Array, left: Scale, right: Scale) -> tuple[Array, Array]:
        growth = jnp.exp(self.gamma * (correlation + self.shift))
        return left.std * right.std * growth, self.gamma * growth


class _TiltedScale(NamedTuple):
    """A variance a under the weight exp(-gain x^2 / 2), which multiplies normal densities.

    Attributes
    ----------
    variance : array
        a.
    reciprocal : array
        a^(-1/2), 0 where a is 0.
    spread : array
        gain a.
    """

    variance: Array
    reciprocal: Array
    spread: Array


def _tilted_scale(variance: Array, gain: Any) -> _TiltedScale:
    return _TiltedScale(variance, scale_of(variance).reciprocal, gain * variance)


def _tilted_determinant(
    covariance: Array, left: _TiltedScale, right: _TiltedScale
) -> tuple[Array, Array]:
    """Return D = (1 + p)(1 + q) - gain^2 k^2 and p q (1 - r^2), p and q the spreads.

    No term cancels another.
    """
    distance = squared_cosine(covariance * left.reciprocal * right.reciprocal)
    separation = left.spread * right.spread * distance
    return 1 + (left.spread + right.spread) + separation, separation


class Gaussian(Activation):
    """The Gaussian function ``a exp(b x^2)``.

    ``K' = a^2 / sqrt(D)`` and ``T' = 4 a^2 b^2 K T / D^(3/2)`` with ``D = (1 - 2 b K(x, x))(1 - 2 b
    K(z, z)) - 4 b^2 K^2``. For positive b the kernel exists only for variances below 1 / (4 b); it
    is NaN or infinite otherwise.

    Parameters
    ----------
    a : float, default=1.0
        Amplitude.
    b : float, default=-1.0
        Factor of the squared argument, usually negative.

    Examples
    --------
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import Gaussian, Serial
    >>> gram_matrix(Serial([Gaussian()]), [[0.0], [1.0]], kind="nngp").round(3)
    array([[1.   , 0.577],
           [0.577, 0.447]])
    """

    category: ClassVar[str | None] = "activation"

    def __init__(self, a: float = 1.0, b: float = -1.0) -> None:
        self.a = a
        self.b = b

    @classmethod
    def examples(cls) -> list[Gaussian]:
        return [cls(), cls(-0.7, -0.2), cls(1.2, 0.02)]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        _check_reals(self, "a", "b")
        return input_shape

    def function(self, x: Array) -> Array:
        return self.a * jnp.exp(self.b * x * x)

    def sample_moments(self, variance: Array) -> tuple[Array, Array, Statistics]:
        scale = _tilted_scale(variance, -2 * self.b)
        # Where f(u)^2 has no expectation, pairs have none either: NaN rather than a number without
        # meaning.
        exists = 1 + 2 * scale.spread > 0
        scale = scale._replace(spread=jnp.where(exists, scale.spread, jnp.nan))
        return *self._moments(variance, 1 + 2 * scale.spread), scale

    def pair_moments(
        self, covariance: Array, left: Statistics, right: Statistics
    ) -> tuple[Array, Array]:
        return self._moments(covariance, _tilted_determinant(covariance, left, right)[0])

    def _moments(self, covariance: Array, determinant: Array) -> tuple[Array, Array]:
        value = self.a * self.a / jnp.sqrt(determinant)
        return value, (4 * self.b * self.b) * covariance * value / determinant


class Gabor(Activation):
    """The Gabor function ``exp(-x^2) sin(x)``.

    With a = K(x, x), c = K(z, z), k = K(x, z) and D = (1 + 2 a)(1 + 2 c) - 4 k^2, ``K' = exp(-(a +
    c + 4 (a c - k^2)) / (2 D)) sinh(k / D) / sqrt(D)``; T' is T times its derivative with respect
    to k.

    Examples
    --------
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import Gabor, Serial
    >>> gram_matrix(Serial([Gabor()]), [[1.0], [-1.0]], kind="nngp").round(3)
    array([[ 0.074, -0.074],
           [-0.074,  0.074]])
    """

    category: ClassVar[str | None] = "activation"

    def function(self, x: Array) -> Array:
        return jnp.exp(-x * x) * jnp.sin(x)

    def sample_moments(self, variance: Array) -> tuple[Array, Array, Statistics]:
        scale = _tilted_scale(variance, 2.0)
        moments = _gabor_moments(variance, 2 * variance, 1 + 2 * scale.spread, 0.0)
        return *moments, scale

    def pair_moments(
        self, covariance: Array, left: Statistics, right: Statistics
    ) -> tuple[Array, Array]:
        determinant, separation = _tilted_determinant(covariance, left, right)
        return _gabor_moments(covariance, left.variance + right.variance, determinant, separation)


def _gabor_moments(
    covariance: Array, total: Array, determinant: Array, separation: Array | float
) -> tuple[Array, Array]:
    # Under the weight exp(-u^2 - v^2) the variables are normal with covariance q = k / D and
    # variances that add up to V; then E[sin u sin v] = exp(-V / 2) sinh q. The derivatives with
    # respect to k are D' = -8 k, q' = (1 + 8 k q) / D and V' = (8 k V - 8 k) / D.
    per_determinant = 1 / determinant
    tilted = covariance * per_determinant
    total_tilted = (total + separation) * per_determinant
    weight = jnp.exp(-total_tilted / 2) * jnp.sqrt(per_determinant)
    sinh, cosh = _small_sinh_cosh(tilted)
    decay = 4 * covariance * (2 - total_tilted)
    slope = weight * per_determinant * (decay * sinh + (1 + 8 * covariance * tilted) * cosh)
    return weight * sinh, slope


def _small_sinh_cosh(x: Array) -> tuple[Array, Array]:
    """Return sinh x and cosh x for |x| <= 1/4 to full precision, from their power series."""
    square = x * x
    sinh, cosh = jnp.zeros_like(x), jnp.zeros_like(x)
    for order in (5, 4, 3, 2, 1):
        sinh = (sinh + 1) * square * (1 / (2 * order * (2 * order + 1)))
        cosh = (cosh + 1) * square * (1 / ((2 * order - 1) * 2 * order))
    return x * (1 + sinh), 1 + cosh


def _check_reals(owner: Activation, *names: str) -> None:
    for name in names:
        check_real(owner, name)
