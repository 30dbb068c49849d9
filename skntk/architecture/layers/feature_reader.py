"""What layers share that read the features of the inputs one by one."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from skntk.architecture.activations.loops import apart
from skntk.architecture.core.input_shapes import check_vector_input
from skntk.architecture.core.layer import Layer
from skntk.architecture.propagation.correlation import (
    Correlation,
    CorrelationState,
    Split,
    single,
)
from skntk.architecture.propagation.feature_loops import Values
from skntk.architecture.propagation.state import (
    Array,
    InputSamples,
    PairState,
    SampleState,
    Statistics,
)


class FeatureReader(Layer):
    """A first layer of vectors, whose kernel is no function of their covariance.

    What it knows of each sample are arrays of shape (n_features, n), which it returns as
    statistics: from them alone it makes the kernels of pairs.
    """

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        check_vector_input(self, input_shape)
        return input_shape

    @property
    def reads_features(self) -> bool:
        return True

    def finite_output_shape(self, input_shape: tuple[int, ...], outputs: int) -> tuple[int, ...]:
        return (outputs,)

    def _features(self, state: SampleState) -> Array:
        """Return the inputs, an array of shape (n_features, n)."""
        features = state.features if isinstance(state, InputSamples) else None
        if features is None:
            raise ValueError(
                f"{type(self).__name__} reads the features of the inputs: put it first in the "
                "network, or behind an InputScale alone."
            )
        return features


class FixedUnits(FeatureReader):
    """A first layer of which nothing is trained, with units of variance 1: its NTK is 0.

    Subclasses define ``_coordinates(features)``, what pairs need to know of each sample as arrays
    of shape (n_features, n) in double precision, and ``_dissimilarity(left, right)``, the kernels
    of pairs subtracted from 1. In single precision each array comes as a `Split`.
    """

    def _coordinates(self, features: Array) -> dict[str, Array]:
        raise NotImplementedError

    def _dissimilarity(self, left: dict[str, Values], right: dict[str, Values]) -> Array:
        raise NotImplementedError

    def propagate_samples(self, state: SampleState) -> tuple[SampleState, Statistics]:
        outputs = SampleState(jnp.ones_like(state.nngp), jnp.zeros_like(state.nngp))
        return outputs, (self._coordinates(self._features(state)), outputs.nngp)

    def propagate_pairs(self, state: PairState, left: Statistics, right: Statistics) -> PairState:
        nngp = 1 - self._in_own_loop(left, right)
        return PairState(nngp, jnp.zeros_like(nngp))

    def propagate_scales(self, state: SampleState) -> tuple[SampleState, Statistics]:
        outputs, (coordinates, ones) = self.propagate_samples(state)
        split = {name: Split.of(values) for name, values in coordinates.items()}
        return outputs, (split, single(ones))

    def propagate_correlations(
        self, state: CorrelationState, left: Statistics, right: Statistics
    ) -> CorrelationState:
        nngp = self._in_own_loop(left, right)
        return CorrelationState(Correlation(nngp), Correlation(jnp.ones_like(nngp)))

    def _in_own_loop(self, left: Statistics, right: Statistics) -> Array:
        (left_coordinates, ones), (right_coordinates, _) = left, right
        return apart(self._dissimilarity, ones, left_coordinates, right_coordinates)


def for_each_feature(values: Any, n_features: int) -> Array:
    """Return a hyperparameter with one number for all features as one for each."""
    return jnp.broadcast_to(jnp.asarray(values), (n_features,))
