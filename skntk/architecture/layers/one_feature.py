"""Units that read one feature each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import ArrayLike

from skntk._validation import check_choice
from skntk.architecture.activations.loops import apart, in_own_loop
from skntk.architecture.core.feature_arrays import check_feature_array
from skntk.architecture.core.protocols import Parameters
from skntk.architecture.core.pytree import CanonicalForms, one_leaf
from skntk.architecture.layers.feature_reader import FeatureReader, for_each_feature
from skntk.architecture.propagation.correlation import (
    Correlation,
    CorrelationState,
    Split,
    roots,
    single,
)
from skntk.architecture.propagation.feature_loops import (
    Values,
    distance,
    leading,
    n_numbers,
    sum_over_features,
)
from skntk.architecture.propagation.finite import as_channels
from skntk.architecture.propagation.state import Array, PairState, SampleState, Statistics

__all__ = ["OneFeatureDense"]

# Of numbers between 0 and 1, uniformly distributed: 1 / standard deviation.
_RECIPROCAL_STD = 2 * np.sqrt(3.0)


class _Units(NamedTuple):
    """An activation behind units that read one feature.

    Features are positions y in [0, 1] between the ends of their ranges.

    Attributes
    ----------
    function : callable
        The activation.
    variance : callable
        Maps y to the kernel of a sample with itself.
    distance : callable
        Maps abs(y - y') to half of the mean squared difference of the two activations.
    trained : bool
        Whether weights and biases have derivatives other than 0.
    """

    function: Callable[[Array], Array]
    variance: Callable[[Array], Array]
    distance: Callable[[Array], Array]
    trained: bool


# With t uniform in [0, 1] and s(y) = sqrt(3) (2 y - 1) the standardized feature, that of a step is
# P(t between y and y'), and that of the rectifier 6 E[(y - t)^2 + (y' - t)^2; t between y and y'] /
# 2 + 6 (y - y')^2 P(t not between them) / 2.
_UNITS = {
    "step": _Units(
        function=lambda x: jnp.where(x > 0, jnp.sqrt(2.0), 0),
        variance=jnp.ones_like,
        distance=lambda gap: gap,
        trained=False,
    ),
    "relu": _Units(
        function=lambda x: jnp.maximum(x, 0),
        variance=lambda y: (1 + 3 * jnp.square(2 * y - 1)) / 2,
        distance=lambda gap: gap * gap * (3 - gap),
        trained=True,
    ),
}


class _Lengths(NamedTuple):
    """What single precision needs of each sample: the square root of a kernel with itself.

    Attributes
    ----------
    length : Split
    reciprocal : array of shape (n,)
    """

    length: Split
    reciprocal: Array

    @classmethod
    def of(cls, variance: Array) -> _Lengths:
        """Return the lengths of numbers in double precision that are greater than 0."""
        length, reciprocal = roots(variance)
        return cls(Split.of(length), single(reciprocal))

    def correlation(self, other: _Lengths, half_square: Array) -> Correlation:
        """Return the correlation of vectors, given half of their squared distance.

        1 - r = (abs(u - v)^2 - (abs(u) - abs(v))^2) / (2 abs(u) abs(v)). Of these units, the second
        square is at most three quarters of the first, so that few digits are lost.
        """
        rest = half_square - jnp.square(self.length.minus(other.length)) / 2
        return Correlation(jnp.maximum(rest, 0) * (self.reciprocal * other.reciprocal))


class OneFeatureDense(FeatureReader):
    r"""A first layer whose units read one feature each, so that the network cuts along axes.

    Each output is

    .. math::

        f(x) = \phi \left( w \, \frac{x_j - t}{\sigma_j} \right)

    of a feature j, drawn with a probability :math:`p_j` in proportion to its weight, a standard
    normal w, and a threshold t, uniform in the range from ``low`` to ``high`` of this feature;
    :math:`\sigma_j` is the standard deviation of its thresholds. Features are clipped to their
    ranges: beyond, the units stay constant.

    With ``activation="step"`` units are random decision stumps [1]_,

    .. math::

        K(x, z) = \sum_j p_j \left( 1 - \delta_j \right) , \qquad T = 0 , \qquad
        \delta_j = \frac{|x_j - z_j|}{high_j - low_j} ,

    and nothing of the layer is trained, as a step has no slope. With ``activation="relu"`` they
    are linear splines,

    .. math::

        K(x, z) = \sum_j p_j \left( \frac{1 + s_j s'_j}{2} + \delta_j^3 \right) , \qquad
        T = K + \frac12 \sum_j p_j \left( 1 - \delta_j \right) ,

    where :math:`s_j` and :math:`s'_j` are the clipped features of x and z, minus the middle of the
    range and divided by :math:`\sigma_j`. Weights and thresholds are trained; which feature a unit
    reads stays as it is drawn. The variance of an output is 1, of steps for every sample, and of
    the rectifier on average over the range.

    Alone, the layer is additive: the kernel is a sum of one for each feature. Layers behind it let
    features interact.

    Parameters
    ----------
    activation : {"step", "relu"}, default="step"
        The function of every unit: sqrt(2) times a step from 0 to 1, or the rectifier.
    low, high : float or array-like of shape (n_features,), default=-3.0 and 3.0
        The range of the features, or of each. The defaults are for standardized features.
    feature_weights : array-like of shape (n_features,), float or None, default=None
        How often units read each feature, relative to the others; at least 0. None or one number is
        the same for all. Estimators learn them if they are an array.

    References
    ----------
    .. [1] Rahimi, Recht, "Uniform approximation of functions with random bases", Allerton 2008,
       section III: the kernel of random decision stumps.

    Examples
    --------
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import OneFeatureDense
    >>> stumps = OneFeatureDense(low=0.0, high=1.0, feature_weights=[3.0, 1.0])
    >>> gram_matrix(stumps, [[0.0, 0.0], [1.0, 0.0], [0.0, 0.5]], kind="nngp")
    array([[1.   , 0.25 , 0.875],
           [0.25 , 1.   , 0.125],
           [0.875, 0.125, 1.   ]])
    """

    category: ClassVar[str | None] = "layer"
    static: ClassVar[tuple[str, ...]] = ("activation",)
    fixed_by_default: ClassVar[tuple[str, ...]] = ("low", "high")

    canonical_forms: ClassVar[CanonicalForms] = {
        "low": one_leaf,
        "high": one_leaf,
        "feature_weights": one_leaf,
    }

    def __init__(
        self,
        activation: str = "step",
        low: ArrayLike = -3.0,
        high: ArrayLike = 3.0,
        feature_weights: ArrayLike | None = None,
    ) -> None:
        self.activation = activation
        self.low = low
        self.high = high
        self.feature_weights = feature_weights

    @classmethod
    def examples(cls) -> list[OneFeatureDense]:
        weights = [0.5, 1.5, 0.0, 1.0, 2.0]
        return [
            cls(),
            cls("step", [-1.0, -3.0, -2.0, -2.5, -4.0], 2.0, weights),
            cls("relu", feature_weights=weights),
        ]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        shape = super().output_shape(input_shape)
        check_choice(self, "activation", tuple(_UNITS))
        check_feature_array(self, "low", shape)
        check_feature_array(self, "high", shape)
        if not np.all(np.asarray(self.high, float) > np.asarray(self.low, float)):
            raise ValueError(
                f"OneFeatureDense(low={self.low!r}, high={self.high!r}): high must be greater than "
                "low for every feature. Leave out features that are constant."
            )
        if self.feature_weights is not None:
            self._check_weights(shape)
        return shape

    def _check_weights(self, input_shape: tuple[int, ...]) -> None:
        check_feature_array(self, "feature_weights", input_shape, minimum=0)
        if not np.any(np.asarray(self.feature_weights, float) > 0):
            raise ValueError(
                f"OneFeatureDense(feature_weights={self.feature_weights!r}): the weight of one "
                "feature at least must be greater than 0."
            )

    @property
    def _units(self) -> _Units:
        return _UNITS[self.activation]

    def _probabilities(self, n_features: int, dtype: Any) -> Array:
        """Return how probable it is that a unit reads each feature."""
        weights = self.canonical("feature_weights")
        weights = for_each_feature(1.0 if weights is None else weights, n_features)
        return jnp.asarray(weights / jnp.sum(weights), dtype)

    def _positions(self, features: Array) -> Array:
        """Return features (n_features, n) as numbers from 0 to 1, between the ends of ranges."""
        low, high = (
            for_each_feature(self.canonical(name), len(features))[:, None]
            for name in ("low", "high")
        )
        return (jnp.clip(features, low, high) - low) / (high - low)

    def _variances(self, positions: Array) -> SampleState:
        probabilities = self._probabilities(len(positions), positions.dtype)[:, None]
        variance = jnp.sum(probabilities * self._units.variance(positions), axis=0)
        return SampleState(variance, self._tangent(variance, jnp.full_like(variance, 0.5)))

    def _tangent(self, by_weights: Array, by_biases: Array) -> Array:
        return by_weights + by_biases if self._units.trained else jnp.zeros_like(by_weights)

    def _half_squared_distances(
        self, positive: Array, left: Values, right: Values
    ) -> tuple[Array, Array]:
        """Return half of the squared distances of both kernels, of pairs of positions."""
        if self._units.trained:
            return in_own_loop(self._sums_over_features, positive, left, right)
        nngp = apart(lambda *sides: self._sums_over_features(*sides)[0], positive, left, right)
        return nngp, jnp.zeros_like(nngp)

    def _sums_over_features(self, left: Values, right: Values) -> tuple[Array, Array]:
        def term(left: Values, right: Values, probability: Array) -> tuple[Array, Array]:
            gap = distance(left, right)
            return probability * self._units.distance(gap), probability * gap

        probabilities = self._probabilities(n_numbers(left), leading(left).dtype)
        nngp, gaps = sum_over_features(term, left, right, probabilities)
        return nngp, nngp + gaps / 2

    def propagate_samples(self, state: SampleState) -> tuple[SampleState, Statistics]:
        positions = self._positions(self._features(state))
        outputs = self._variances(positions)
        return outputs, (positions, outputs)

    def propagate_pairs(self, state: PairState, left: Statistics, right: Statistics) -> PairState:
        (left_positions, left_kernels), (right_positions, right_kernels) = left, right
        distances = self._half_squared_distances(left_kernels.nngp, left_positions, right_positions)
        sides = zip(left_kernels, right_kernels, distances, strict=True)
        return PairState(*((first + second) / 2 - gap for first, second, gap in sides))

    def propagate_scales(self, state: SampleState) -> tuple[SampleState, Statistics]:
        positions = self._positions(self._features(state))
        outputs = self._variances(positions)
        return outputs, (Split.of(positions), tuple(map(_Lengths.of, outputs)))

    def propagate_correlations(
        self, state: CorrelationState, left: Statistics, right: Statistics
    ) -> CorrelationState:
        (left_positions, left_lengths), (right_positions, right_lengths) = left, right
        positive = left_lengths[0].reciprocal
        distances = self._half_squared_distances(positive, left_positions, right_positions)
        sides = zip(left_lengths, right_lengths, distances, strict=True)
        return CorrelationState(*(length.correlation(other, gap) for length, other, gap in sides))

    def initialize(
        self, key: Array, input_shape: tuple[int, ...], width: int, outputs: int
    ) -> Parameters:
        weight_key, threshold_key, feature_key = jax.random.split(key, 3)
        return (
            jax.random.normal(weight_key, (outputs,)),
            # In units of their standard deviation, from the middle of the range.
            jax.random.uniform(threshold_key, (outputs,), minval=-1, maxval=1) * np.sqrt(3.0),
            jax.random.uniform(feature_key, (outputs,)),
        )

    def apply(self, parameters: Parameters, inputs: Array, key: Array | None = None) -> Array:
        weights, thresholds, drawn = parameters
        inputs = jnp.asarray(inputs)
        n_features = inputs.shape[-1]
        ends = jnp.cumsum(self._probabilities(n_features, inputs.dtype))
        # Rounding may end the sum below 1.
        numbers = jnp.searchsorted(ends / ends[-1], lax.stop_gradient(drawn), side="right")
        standardized = (self._positions(inputs.T) - 0.5) * _RECIPROCAL_STD
        read = standardized[jnp.minimum(numbers, n_features - 1)].T
        weights, thresholds = (as_channels(values, read) for values in (weights, thresholds))
        return self._units.function(weights * (read - thresholds)).astype(inputs.dtype)
