"""Layers that compute as another network does."""

from __future__ import annotations

import numpy as np

from skntk.architecture.core.layer import Layer, Parameters
from skntk.architecture.propagation.pixel_covariance import Field, Grid, Offsets
from skntk.architecture.propagation.state import Array, PairState, SampleState, Statistics


class DelegatingLayer(Layer):
    """A layer that stands for a network; subclasses say which, and override what differs."""

    def network_within(self) -> Layer:
        """Return the network that computes.

        Returns
        -------
        layer
            Made anew or kept; it takes the inputs that this layer takes.
        """
        raise NotImplementedError

    @property
    def scales_inputs(self) -> bool:
        return self.network_within().scales_inputs

    def scale_inputs(self, X: Array) -> Array:
        return self.network_within().scale_inputs(X)

    def views(self, X: np.ndarray) -> list[np.ndarray]:
        return self.network_within().views(X)

    def views_are_equivalent(self, input_shape: tuple[int, ...]) -> bool:
        return self.network_within().views_are_equivalent(input_shape)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return self.network_within().output_shape(input_shape)

    def tells_equal_samples_apart(self) -> bool:
        return self.network_within().tells_equal_samples_apart()

    def outputs_are_gaussian(self, inputs_are_gaussian: bool = False) -> bool:
        return self.network_within().outputs_are_gaussian(inputs_are_gaussian)

    def propagate_samples(self, state: SampleState) -> tuple[SampleState, Statistics]:
        return self.network_within().propagate_samples(state)

    def propagate_pairs(self, state: PairState, left: Statistics, right: Statistics) -> PairState:
        return self.network_within().propagate_pairs(state, left, right)

    def smallest_canvas(
        self, sizes: tuple[int, ...]
    ) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        return self.network_within().smallest_canvas(sizes)

    def grid_behind(self, grid: Grid) -> Grid:
        return self.network_within().grid_behind(grid)

    def offsets_below(self, offsets: Offsets, grid: Grid, of_samples: bool) -> Offsets:
        return self.network_within().offsets_below(offsets, grid, of_samples)

    def field_of_samples(self, field: Field, offsets: Offsets) -> tuple[Field, Statistics]:
        return self.network_within().field_of_samples(field, offsets)

    def field_of_pairs(
        self, field: Field, offsets: Offsets, left: Statistics, right: Statistics
    ) -> Field:
        return self.network_within().field_of_pairs(field, offsets, left, right)

    def initialize(
        self, key: Array, input_shape: tuple[int, ...], width: int, outputs: int
    ) -> Parameters:
        return self.network_within().initialize(key, input_shape, width, outputs)

    def apply(self, parameters: Parameters, inputs: Array, key: Array | None = None) -> Array:
        return self.network_within().apply(parameters, inputs, key)

    def width_behind(self, input_shape: tuple[int, ...], outputs: int) -> tuple[int, ...]:
        return self.network_within().width_behind(input_shape, outputs)
