"""Kernels of p-norms, as those of cosines with stable weights."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import lax
from numpy.typing import ArrayLike

from skntk._validation import check_real
from skntk.architecture.core.feature_arrays import check_feature_array
from skntk.architecture.core.protocols import Parameters
from skntk.architecture.core.pytree import CanonicalForms, one_leaf
from skntk.architecture.layers.feature_reader import FixedUnits, for_each_feature
from skntk.architecture.propagation.feature_loops import (
    Values,
    distance,
    sum_over_features,
)
from skntk.architecture.propagation.finite import as_channels
from skntk.architecture.propagation.state import Array

__all__ = ["PNormExponential"]


class PNormExponential(FixedUnits):
    r"""A first layer whose kernel falls exponentially with the distance in a p-norm.

    .. math::

        K(x, z) = \exp \left( -\Big( \sum_j |x_j - z_j|^p / l_j^p \Big)^{q / p} \right) , \qquad
        T = 0 ,

    which is positive definite for p up to 2 and q up to p [1]_. With p = q = 1, the default, it is
    the product of a Laplace kernel for each feature: it cuts along axes. With p = 2 it is blind to
    rotations, as the Gaussian kernel (q = 2) and the Laplace kernel (q = 1) are.

    This is the kernel of units ``sqrt(2) cos(sum_j w_j x_j / l_j + b)``. Their weights have a
    symmetric stable distribution with the characteristic function :math:`\exp(-\|t\|_p^q)`: for
    p = q = 1 independent Cauchy weights [2]_. The units stay as they are drawn: training changes
    what stands behind the layer, as the NTK 0 says.

    Parameters
    ----------
    length_scales : float or array-like of shape (n_features,), default=1.0
        The length l of all features, or of each; greater than 0.
    p : float, default=1.0
        Which norm: greater than 0 and at most 2.
    q : float or None, default=None
        The power of the norm: greater than 0 and at most p; None is p.

    References
    ----------
    .. [1] Schoenberg, "Metric spaces and positive definite functions", Transactions of the American
       Mathematical Society 44, 1938.
    .. [2] Rahimi, Recht, "Random features for large-scale kernel machines", NeurIPS 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import PNormExponential
    >>> gram_matrix(PNormExponential(2.0), [[0.0, 0.0], [1.0, 1.0]], kind="nngp")
    array([[1.        , 0.36787944],
           [0.36787944, 1.        ]])
    """

    category: ClassVar[str | None] = "layer"
    static: ClassVar[tuple[str, ...]] = ("p", "q")
    canonical_forms: ClassVar[CanonicalForms] = {"length_scales": one_leaf, "p": float}

    def __init__(
        self, length_scales: ArrayLike = 1.0, p: float = 1.0, q: float | None = None
    ) -> None:
        self.length_scales = length_scales
        self.p = p
        self.q = q

    @classmethod
    def examples(cls) -> list[PNormExponential]:
        return [cls(), cls([2.0, 1.5, 3.0, 1.0, 2.0], 1.5, 0.8), cls(2.0, 2.0)]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        shape = super().output_shape(input_shape)
        check_feature_array(self, "length_scales", shape, minimum=0, exclusive=True)
        self._check_power("p", 2.0)
        if self.q is not None:
            self._check_power("q", float(self.p))
        return shape

    def _check_power(self, name: str, maximum: float) -> None:
        if check_real(self, name, minimum=0, maximum=maximum) == 0:
            raise ValueError(f"PNormExponential({name}=0): {name} must be > 0.")

    def canonical(self, name: str) -> Any:
        # Without a power of its own, the norm has that of its differences.
        if name == "q":
            return float(self.p if self.q is None else self.q)
        return super().canonical(name)

    @property
    def _powers(self) -> tuple[float, float]:
        return self.canonical("p"), self.canonical("q")

    def _coordinates(self, features: Array) -> dict[str, Array]:
        lengths = for_each_feature(self.canonical("length_scales"), len(features))
        return {"positions": features / lengths[:, None]}

    def _dissimilarity(self, left: dict[str, Values], right: dict[str, Values]) -> Array:
        p, q = self._powers
        sides = left["positions"], right["positions"]

        def term(left: Values, right: Values) -> Array:
            return _power(distance(left, right), p)

        return -jnp.expm1(-_power(sum_over_features(term, *sides), q / p))

    def initialize(
        self, key: Array, input_shape: tuple[int, ...], width: int, outputs: int
    ) -> Parameters:
        weight_key, size_key, phase_key = jax.random.split(key, 3)
        n_features = input_shape[-1]
        return (
            _uniform_and_exponential(weight_key, (n_features, outputs)),
            _uniform_and_exponential(size_key, (outputs,)),
            jax.random.uniform(phase_key, (outputs,)),
        )

    def apply(self, parameters: Parameters, inputs: Array, key: Array | None = None) -> Array:
        weights, sizes, phases = lax.stop_gradient(parameters)
        p, q = self._powers
        lengths = for_each_feature(self.canonical("length_scales"), inputs.shape[-1])
        scales = _positive_stable(sizes, q / p) ** (1 / p)
        stable = _symmetric_stable(weights, p) * scales[None] / lengths[:, None]
        angles = jnp.matmul(inputs, stable, precision="highest")
        return jnp.sqrt(2.0) * jnp.cos(angles + 2 * jnp.pi * as_channels(phases, angles))


def _power(values: Array, exponent: float) -> Array:
    """Return powers of numbers that are at least 0, with the derivative 0 at 0."""
    if exponent == 1:
        return values
    if exponent == 2:
        return values * values
    positive = values > 0
    return jnp.where(positive, jnp.where(positive, values, 1) ** exponent, 0)


def _uniform_and_exponential(key: Array, shape: tuple[int, ...]) -> tuple[Array, Array]:
    uniform_key, exponential_key = jax.random.split(key)
    return jax.random.uniform(uniform_key, shape), jax.random.exponential(exponential_key, shape)


def _symmetric_stable(drawn: tuple[Array, Array], p: float) -> Array:
    """Return numbers with the characteristic function exp(-abs(t)^p), by Chambers et al. (1976)."""
    uniform, exponential = drawn
    angle = jnp.pi * (uniform - 0.5)
    ratio = jnp.cos((1 - p) * angle) / exponential
    return jnp.sin(p * angle) / jnp.cos(angle) ** (1 / p) * ratio ** ((1 - p) / p)


def _positive_stable(drawn: tuple[Array, Array], power: float) -> Array:
    """Return positive numbers with the Laplace transform exp(-s^power), by Kanter (1975)."""
    uniform, exponential = drawn
    if power == 1:
        return jnp.ones_like(uniform)
    angle = jnp.pi * uniform
    ratio = jnp.sin((1 - power) * angle) / exponential
    return jnp.sin(power * angle) / jnp.sin(angle) ** (1 / power) * ratio ** ((1 - power) / power)
