"""Products over features: interactions of all orders."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import ArrayLike

from skntk._validation import is_boolean, is_integer
from skntk.architecture.core.feature_arrays import check_feature_array
from skntk.architecture.core.protocols import Parameters
from skntk.architecture.core.pytree import CanonicalForms, one_leaf
from skntk.architecture.layers.feature_reader import FixedUnits, for_each_feature
from skntk.architecture.propagation.feature_loops import (
    Values,
    distance,
    leading,
    n_numbers,
    one_minus_product,
    over_features,
)
from skntk.architecture.propagation.state import Array

__all__ = ["FeatureProduct"]

# The exponentials of numbers up to this are far from overflow in single precision, and so are their
# rounding errors from the smallest numbers.
_LARGEST_EXPONENT = 60.0


def _column_numbers(value: Any) -> tuple[int, ...]:
    """Return numbers of columns, or a mask of them, in ascending order."""
    if value is None:
        return ()
    if all(map(is_boolean, value)):
        return tuple(np.flatnonzero(np.asarray(value, bool)).tolist())
    return tuple(sorted({int(number) for number in value}))


class FeatureProduct(FixedUnits):
    r"""A first layer whose units multiply functions of single features: interactions of all orders.

    .. math::

        K(x, z) = \prod_j \frac{1 + s_j k_j(x_j, z_j)}{1 + s_j} , \qquad T = 0 ,

    with :math:`k_j = \exp(-|x_j - z_j| / l_j)`, or for categories 1 if they are equal and else 0.
    Expanded, the product is a sum over all sets of features, of the products of their kernels: an
    analysis of variance [1]_, in which every further feature of a set has the weight :math:`s_j`. A
    feature of weight 0 does not count. The kernel of a sample with itself is 1, so that
    :math:`s_j` changes how features interact, and not the size of the outputs.

    This is the kernel of units that multiply cosines, ``sqrt(2) cos(w x_j / l_j + b)``, of features
    drawn independently with the probabilities :math:`s_j / (1 + s_j)`; w has the Cauchy
    distribution, and for categories, whose numbers are integers, the uniform one from -pi to pi.
    The units stay as they are drawn: training changes what stands behind the layer, as the NTK 0
    says.

    Parameters
    ----------
    length_scales : float or array-like of shape (n_features,), default=2.0
        The distance within which values of a feature are alike, or that of each feature; greater
        than 0. Those of categories do not matter.
    interactions : float or array-like of shape (n_features,), default=0.1
        The weight s of all features, or of each; at least 0.
    categorical : array-like of int or bool, or None, default=None
        The numbers of columns that hold categories, or a mask of them. Categories are numbered;
        their numbers are rounded to integers. None is no column.

    See Also
    --------
    FeatureProductNet : The network of such a layer and a read-out.

    References
    ----------
    .. [1] Stitson et al., "Support vector regression with ANOVA decomposition kernels", in
       "Advances in kernel methods", MIT Press 1999.

    Examples
    --------
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import FeatureProduct
    >>> layer = FeatureProduct(interactions=1.0, categorical=[1])
    >>> gram_matrix(layer, [[0.0, 0.0], [0.0, 1.0], [500.0, 1.0]], kind="nngp")
    array([[1.  , 0.5 , 0.25],
           [0.5 , 1.  , 0.5 ],
           [0.25, 0.5 , 1.  ]])
    """

    category: ClassVar[str | None] = "layer"
    static: ClassVar[tuple[str, ...]] = ("categorical",)
    canonical_forms: ClassVar[CanonicalForms] = {
        "length_scales": one_leaf,
        "interactions": one_leaf,
        "categorical": _column_numbers,
    }

    def __init__(
        self,
        length_scales: ArrayLike = 2.0,
        interactions: ArrayLike = 0.1,
        categorical: Iterable[int] | Iterable[bool] | None = None,
    ) -> None:
        self.length_scales = length_scales
        self.interactions = interactions
        self.categorical = categorical

    @classmethod
    def examples(cls) -> list[FeatureProduct]:
        return [
            cls(),
            cls([0.5, 1.5, 3.0, 1.0, 2.0], [0.2, 0.0, 2.0, 1.0, 0.7], categorical=[1, 4]),
        ]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        shape = super().output_shape(input_shape)
        check_feature_array(self, "length_scales", shape, minimum=0, exclusive=True)
        check_feature_array(self, "interactions", shape, minimum=0)
        if self.categorical is not None:
            self._check_categorical(shape[0])
        return shape

    def _check_categorical(self, n_features: int) -> None:
        label = f"FeatureProduct(categorical={self.categorical!r})"
        is_iterable = isinstance(self.categorical, Iterable)
        values: list[Any] = list(self.categorical) if is_iterable else []  # type: ignore[arg-type]
        if values and all(map(is_boolean, values)):
            if len(values) != n_features:
                raise ValueError(
                    f"{label}: the mask has {len(values)} entries, but the samples have "
                    f"{n_features} features."
                )
        elif not (is_iterable and all(map(is_integer, values))):
            raise TypeError(
                f"{label}: categorical must be None, numbers of columns, or a mask with True or "
                "False for each column."
            )
        elif not all(0 <= number < n_features for number in values):
            raise ValueError(
                f"{label}: columns are numbered from 0 to {n_features - 1}, as the samples have "
                f"{n_features} features."
            )

    def _kinds_of_columns(self, n_features: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the numbers of the columns of numbers, and of those of categories."""
        categories = np.array(self.canonical("categorical"), int)
        return np.setdiff1d(np.arange(n_features), categories), categories

    def _depths(self, n_features: int) -> Array:
        """Return 1 minus the factor of each feature, where its values are not alike."""
        interactions = for_each_feature(self.canonical("interactions"), n_features)
        return interactions / (1 + interactions)

    def _coordinates(self, features: Array) -> dict[str, Array]:
        numbers, categories = self._kinds_of_columns(len(features))
        lengths = for_each_feature(self.canonical("length_scales"), len(features))
        positions = features[numbers] / lengths[numbers, None]
        growth = jnp.exp(jnp.clip(positions, -_LARGEST_EXPONENT, _LARGEST_EXPONENT))
        return {
            "positions": positions,
            "growth": growth,
            "decay": 1 / growth,
            "largest": jnp.max(jnp.abs(positions), axis=0, initial=0, keepdims=True),
            "categories": jnp.round(features[categories]),
        }

    def _dissimilarity(self, left: dict[str, Values], right: dict[str, Values]) -> Array:
        n_features = n_numbers(left["positions"]) + n_numbers(left["categories"])
        dtype = leading(left["largest"]).dtype
        depths = jnp.asarray(self._depths(n_features), dtype)
        numbers, categories = self._kinds_of_columns(n_features)
        parts = []
        if len(numbers):
            parts.append(_of_numbers(left, right, depths[numbers]))
        if len(categories):
            sides = left["categories"], right["categories"]
            parts.append(one_minus_product(_inequality, None, *sides, depths[categories]))
        return reduce(lambda rest, part: rest + part * (1 - rest), parts)

    def initialize(
        self, key: Array, input_shape: tuple[int, ...], width: int, outputs: int
    ) -> Parameters:
        shape = (input_shape[-1], outputs)
        keys = jax.random.split(key, 3)
        return tuple(jax.random.uniform(one, shape) for one in keys)

    def apply(self, parameters: Parameters, inputs: Array, key: Array | None = None) -> Array:
        drawn, frequencies, phases = lax.stop_gradient(parameters)
        inputs = jnp.asarray(inputs)
        n_features = inputs.shape[-1]
        _, categories = self._kinds_of_columns(n_features)
        is_category = np.isin(np.arange(n_features), categories)[:, None]
        lengths = for_each_feature(self.canonical("length_scales"), n_features)[:, None]
        turns = jnp.pi * (frequencies - 0.5)
        frequencies = jnp.where(is_category, 2 * turns, jnp.tan(turns) / lengths)
        values = jnp.where(is_category, jnp.round(inputs.T), inputs.T)
        is_read = drawn < self._depths(n_features)[:, None]

        def times(product: Array, *feature: Array) -> Array:
            value, frequency, phase, is_read = feature
            angles = value[:, None] * frequency[None] + 2 * jnp.pi * phase[None]
            return product * jnp.where(is_read[None], jnp.sqrt(2.0) * jnp.cos(angles), 1)

        ones = jnp.ones((len(inputs), drawn.shape[-1]), inputs.dtype)
        units: Array = over_features(times, ones, (values, frequencies, phases, is_read))
        return units


def _of_numbers(left: dict[str, Values], right: dict[str, Values], depths: Array) -> Array:
    """Return 1 minus the product of the kernels of features that are numbers."""

    def by_exponentials() -> Array:
        sides = left["growth"], right["growth"], leading(left["decay"]), leading(right["decay"])
        return one_minus_product(_gap_by_exponentials, None, *sides, depths)

    def by_positions() -> Array:
        # Rarely needed, and slow to compile if it were written out.
        return one_minus_product(_gap, False, left["positions"], right["positions"], depths)

    largest = (jnp.max(leading(side["largest"])) for side in (left, right))
    fits = jnp.maximum(*largest) <= _LARGEST_EXPONENT
    result: Array = lax.cond(fits, by_exponentials, by_positions)
    return result


def _gap_by_exponentials(
    left: Values, right: Values, left_decay: Array, right_decay: Array, depth: Array
) -> Array:
    # 1 - exp(-abs(a - b)) = abs(exp(a) - exp(b)) min(exp(-a), exp(-b)): no exponential of a pair.
    return depth * distance(left, right) * jnp.minimum(left_decay, right_decay)


def _gap(left: Values, right: Values, depth: Array) -> Array:
    return -depth * jnp.expm1(-distance(left, right))


def _inequality(left: Values, right: Values, depth: Array) -> Array:
    return jnp.where(distance(left, right) > 0, depth, 0)
