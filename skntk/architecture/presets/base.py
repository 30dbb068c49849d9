"""What all presets share: they are built from the public layers, and compute as these do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from skntk.architecture.activations.base import Activation
from skntk.architecture.activations.names import as_activation
from skntk.architecture.combinators import Serial
from skntk.architecture.dense import Dense
from skntk.architecture.layer import Layer, Parameters
from skntk.architecture.spatial.fields import Field, Grid, Offsets
from skntk.architecture.state import Array, PairState, SampleState, Statistics

__all__ = ["Preset"]

ActivationLike = str | Activation | Callable[[Array], Array]


class Preset(Layer):
    """A network described by a few hyperparameters; subclasses build it from layers."""

    weight_std: float
    bias_std: float | None
    last_layer: Dense | None

    def build(self) -> Serial:
        """Return the network as a `Serial` of public layers."""
        raise NotImplementedError

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if self.last_layer is not None and not isinstance(self.last_layer, Dense):
            raise TypeError(
                f"{type(self).__name__}(last_layer={self.last_layer!r}): last_layer must be a "
                "Dense layer or None."
            )
        return self.build().output_shape(input_shape)

    def outputs_are_gaussian(self, inputs_are_gaussian: bool = False) -> bool:
        return self.build().outputs_are_gaussian(inputs_are_gaussian)

    def propagate_samples(self, state: SampleState) -> tuple[SampleState, Statistics]:
        return self.build().propagate_samples(state)

    def propagate_pairs(self, state: PairState, left: Statistics, right: Statistics) -> PairState:
        return self.build().propagate_pairs(state, left, right)

    def smallest_canvas(
        self, sizes: tuple[int, ...]
    ) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        return self.build().smallest_canvas(sizes)

    def grid_behind(self, grid: Grid) -> Grid:
        return self.build().grid_behind(grid)

    def offsets_below(self, offsets: Offsets, grid: Grid, of_samples: bool) -> Offsets:
        return self.build().offsets_below(offsets, grid, of_samples)

    def field_of_samples(self, field: Field, offsets: Offsets) -> tuple[Field, Statistics]:
        return self.build().field_of_samples(field, offsets)

    def field_of_pairs(
        self, field: Field, offsets: Offsets, left: Statistics, right: Statistics
    ) -> Field:
        return self.build().field_of_pairs(field, offsets, left, right)

    def initialize(
        self, key: Array, input_shape: tuple[int, ...], width: int, outputs: int
    ) -> Parameters:
        return self.build().initialize(key, input_shape, width, outputs)

    def apply(self, parameters: Parameters, inputs: Array, key: Array | None = None) -> Array:
        return self.build().apply(parameters, inputs, key)

    def width_behind(self, input_shape: tuple[int, ...], outputs: int) -> tuple[int, ...]:
        return self.build().width_behind(input_shape, outputs)

    def _field(self, name: str) -> Any:
        value = super()._field(name)
        if name == "bias_std" and value is None:
            return 0.0  # no bias and a bias of size 0 are one network, and so one compiled program
        return as_activation(value) if name == "activation" else value

    def _last_layer(self) -> Dense:
        return Dense(self.weight_std, self.bias_std) if self.last_layer is None else self.last_layer
