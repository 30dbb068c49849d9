"""Layers one after the other, and what all layers made of layers share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, reduce
from itertools import accumulate
from operator import mul
from typing import Any, ClassVar, Self

import jax
import numpy as np
from jax import lax

from skntk.architecture.activations.loops import PackedState
from skntk.architecture.core.layer import HOOKS, Layer
from skntk.architecture.core.protocols import Parameters
from skntk.architecture.core.repetition import repeated_groups
from skntk.architecture.layers.dense import Dense
from skntk.architecture.propagation.correlation import CorrelationState
from skntk.architecture.propagation.pixel_covariance import Grid, Offsets, PixelCovariance
from skntk.architecture.propagation.state import (
    Array,
    InputSamples,
    PairState,
    SampleState,
    Statistics,
)

__all__ = ["Serial"]


class Composition(Layer):
    """A layer with a sequence of layers, reachable by position as in ``"0__weight_std"``."""

    sequence: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # What holds of a layer by default need not hold of its parts. `Symmetrized` is left out
        # because averages are no parts, see `check_part`.
        forgotten = [hook for hook in HOOKS if getattr(cls, hook) is getattr(Layer, hook)]
        if forgotten:
            raise TypeError(
                f"{cls.__name__} is made of layers and has to define {', '.join(forgotten)}."
            )

    @property
    def _members(self) -> Sequence[Layer]:
        members: Sequence[Layer] = getattr(self, self.sequence)
        return members

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the hyperparameters by name.

        Parameters
        ----------
        deep : bool, default=True
            Whether to add the members by position ("0", "1", ...) and their own hyperparameters
            ("0__weight_std").

        Returns
        -------
        dict
        """
        params = super().get_params(deep=False)
        if deep:
            for position, member in enumerate(self._members):
                params[str(position)] = member
                for name, value in member.get_params(deep=True).items():
                    params[f"{position}__{name}"] = value
        return params

    def set_params(self, **params: Any) -> Self:
        """Set hyperparameters by name: ``"0"`` is the first member.

        Parameters
        ----------
        **params : dict
            New values.

        Returns
        -------
        self
        """
        if self.sequence in params:
            setattr(self, self.sequence, params.pop(self.sequence))
        members = list(self._members)
        replaced = {name: params.pop(name) for name in list(params) if name.isdigit()}
        for name, member in replaced.items():
            if int(name) >= len(members):
                raise ValueError(
                    f"{type(self).__name__} has {len(members)} members, none at {name}."
                )
            members[int(name)] = member
        if replaced:
            setattr(self, self.sequence, members)
        return super().set_params(**params)

    def _checked_members(self) -> Sequence[Layer]:
        members = self._members
        if not isinstance(members, list | tuple):
            raise TypeError(
                f"{type(self).__name__}({self.sequence}=...) takes a list of layers, "
                f"got {type(members).__name__}."
            )
        if not members:
            raise ValueError(f"{type(self).__name__}({self.sequence}=[]) needs at least one layer.")
        for position, member in enumerate(members):
            check_part(member, self)
            self._check_first_layer(position, member)
            self._check_reader(position, member)
        return members

    def _check_first_layer(self, position: int, member: Layer) -> None:
        """Raise a TypeError if a member scales the inputs of the network and cannot do so here."""
        if member.scales_inputs:
            raise TypeError(
                f"{type(self).__name__} cannot have {type(member).__name__} at position "
                f"{position}: the inputs of the network are scaled, not those of a part of it. "
                "Put the layer that scales first, as in Serial([InputScale(...), ...])."
            )

    def _check_reader(self, position: int, member: Layer) -> None:
        """Raise a TypeError if a member reads features of the inputs and cannot do so here."""


class Serial(Composition):
    """Layers one after the other.

    On vectors, a group of layers that comes many times in a row is compiled once, with a loop
    around it: a hundred layers compile as fast as ten.

    Parameters
    ----------
    layers : list of layers
        In the order in which the data pass them. Their hyperparameters are reached by position:
        ``"0__weight_std"``.

    Examples
    --------
    >>> from skntk.architecture import Dense, Relu, Serial
    >>> network = Serial([Dense(), Relu(), Dense()])
    >>> network.set_params(**{"0__weight_std": 2.0}).layers[0]
    Dense(weight_std=2.0)
    """

    category: ClassVar[str | None] = "combinator"
    sequence: ClassVar[str] = "layers"

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = layers

    @classmethod
    def examples(cls) -> list[Serial]:
        return [cls([Dense(1.2, 0.1)]), cls([Dense(1.5, 0.1), cls([Dense(0.7, 0.2)])])]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return reduce(
            lambda shape, layer: layer.output_shape(shape), self._checked_members(), input_shape
        )

    def reshape_inputs(self, X: np.ndarray) -> np.ndarray:
        # Scales are those of the inputs as the layer after them reads them.
        reader = next((part for part in self._checked_members() if not _only_scales(part)), None)
        return X if reader is None else reader.reshape_inputs(X)

    @property
    def scales_inputs(self) -> bool:
        return bool(self.layers) and self.layers[0].scales_inputs

    def scale_inputs(self, X: Array) -> Array:
        return self.layers[0].scale_inputs(X)

    def _check_first_layer(self, position: int, member: Layer) -> None:
        if position > 0:
            super()._check_first_layer(position, member)

    def _check_reader(self, position: int, member: Layer) -> None:
        if member.reads_features and not all(map(_only_scales, self.layers[:position])):
            raise TypeError(
                f"Serial cannot have {type(member).__name__} at position {position}: it reads the "
                "features of the inputs, which the layers before it have replaced. Put it first, "
                "or behind an InputScale alone."
            )

    @property
    def reads_features(self) -> bool:
        return any(layer.reads_features for layer in self.layers)

    def outputs_are_gaussian(self, inputs_are_gaussian: bool = False) -> bool:
        return reduce(
            lambda inputs, layer: layer.outputs_are_gaussian(inputs),
            self.layers,
            inputs_are_gaussian,
        )

    def propagate_samples(self, state: SampleState) -> tuple[SampleState, Statistics]:
        return self._through_groups(_samples_through, state)

    def propagate_pairs(self, state: PairState, left: Statistics, right: Statistics) -> PairState:
        return self._through_groups(_pairs_through, state, left, right)[0]

    def propagate_scales(self, state: SampleState) -> tuple[SampleState, Statistics]:
        return self._through_groups(_scales_through, state)

    def propagate_correlations(
        self, state: CorrelationState, left: Statistics, right: Statistics
    ) -> CorrelationState:
        return self._through_groups(_correlations_through, state, left, right)[0]

    def _through_groups(
        self, through: Callable[[Any, Any], tuple[Any, Any]], state: Any, *statistics: Statistics
    ) -> tuple[Any, Statistics]:
        """Return the state after all layers, and what `through` returns of every group of them."""
        results = []
        for (group, repetitions), *of_group in zip(
            repeated_groups(self.layers), *statistics, strict=True
        ):
            layers = (group, *of_group)
            if repetitions == 1:
                state, result = through(state, layers)
            else:
                in_loop = partial(_same_structure, through)
                state, result = lax.scan(in_loop, _loop_state(state), layers, repetitions)
            results.append(result)
        return state, tuple(results)

    def smallest_period(
        self, sizes: tuple[int, ...]
    ) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        strides, smallest = (1,) * len(sizes), sizes
        for layer in self.layers:
            output_sizes, layer_strides, required = layer.smallest_period(sizes)
            if required:  # after `Flatten` no axes are left, and nothing is asked of them
                smallest = tuple(map(max, smallest, map(mul, required, strides)))
                strides = tuple(map(mul, strides, layer_strides))
            sizes = output_sizes
        return sizes, strides, smallest

    def output_grid(self, grid: Grid) -> Grid:
        return reduce(lambda inputs, layer: layer.output_grid(inputs), self.layers, grid)

    def _needed_offsets(self, offsets: Offsets, grid: Grid, is_diagonal: bool) -> list[Offsets]:
        """Return the offsets needed of the inputs and of the outputs of every layer."""
        grids = list(accumulate(self.layers, lambda g, layer: layer.output_grid(g), initial=grid))
        needed = [offsets]
        for layer, inputs in zip(reversed(self.layers), reversed(grids[:-1]), strict=True):
            needed.append(layer.input_offsets(needed[-1], inputs, is_diagonal))
        return needed[::-1]

    def input_offsets(self, offsets: Offsets, grid: Grid, is_diagonal: bool) -> Offsets:
        return self._needed_offsets(offsets, grid, is_diagonal)[0]

    def propagate_sample_pixels(
        self, covariance: PixelCovariance, offsets: Offsets
    ) -> tuple[PixelCovariance, Statistics]:
        _, *needed = self._needed_offsets(offsets, covariance.grid, is_diagonal=True)
        statistics = []
        for layer, outputs in zip(self.layers, needed, strict=True):
            covariance, layer_statistics = layer.propagate_sample_pixels(covariance, outputs)
            statistics.append(layer_statistics)
        return covariance, tuple(statistics)

    def propagate_pair_pixels(
        self, covariance: PixelCovariance, offsets: Offsets, left: Statistics, right: Statistics
    ) -> PixelCovariance:
        _, *needed = self._needed_offsets(offsets, covariance.grid, is_diagonal=False)
        for layer, outputs, *sides in zip(self.layers, needed, left, right, strict=True):
            covariance = layer.propagate_pair_pixels(covariance, outputs, *sides)
        return covariance

    def initialize(
        self, key: Array, input_shape: tuple[int, ...], width: int, outputs: int
    ) -> Parameters:
        parameters = []
        for position, layer in enumerate(self.layers):
            key, layer_key = jax.random.split(key)
            channels = outputs if position == len(self.layers) - 1 else width
            parameters.append(layer.initialize(layer_key, input_shape, width, channels))
            input_shape = layer.finite_output_shape(input_shape, channels)
        return parameters

    def apply(self, parameters: Parameters, inputs: Array, key: Array | None = None) -> Array:
        keys = split_key(key, len(self.layers))
        for layer, weights, layer_key in zip(self.layers, parameters, keys, strict=True):
            inputs = layer.apply(weights, inputs, layer_key)
        return inputs

    def finite_output_shape(self, input_shape: tuple[int, ...], outputs: int) -> tuple[int, ...]:
        return reduce(
            lambda shape, layer: layer.finite_output_shape(shape, outputs), self.layers, input_shape
        )


def _samples_through(
    state: SampleState, layers: tuple[tuple[Layer, ...]]
) -> tuple[SampleState, tuple[Statistics, ...]]:
    """Return the state after layers, and the statistics of each."""
    statistics = []
    for layer in layers[0]:
        state, layer_statistics = layer.propagate_samples(state)
        statistics.append(layer_statistics)
    return state, tuple(statistics)


def _scales_through(
    state: SampleState, layers: tuple[tuple[Layer, ...]]
) -> tuple[SampleState, tuple[Statistics, ...]]:
    """Return the state after layers, and the statistics of each, for single precision."""
    statistics = []
    for layer in layers[0]:
        state, layer_statistics = layer.propagate_scales(state)
        statistics.append(layer_statistics)
    return state, tuple(statistics)


_LayersOfPairs = tuple[tuple[Layer, ...], tuple[Statistics, ...], tuple[Statistics, ...]]
"""Layers with their left and right statistics."""


def _pairs_through(state: PairState, layers: _LayersOfPairs) -> tuple[PairState, None]:
    """Return the state after layers."""
    for layer, left, right in zip(*layers, strict=True):
        state = layer.propagate_pairs(state, left, right)
    return state, None


def _correlations_through(
    state: CorrelationState, layers: _LayersOfPairs
) -> tuple[CorrelationState, None]:
    """Return the state after layers, in single precision."""
    *loops, rest = _split_into_loops(list(zip(*layers, strict=True)))
    if loops:
        packed = PackedState.of(state)
        for loop in loops:
            packed = packed.after(partial(_correlations_through_loop, layers=loop))
        state = packed.unpacked()
    return _correlations_through_loop(state, rest), None


_LoopOfPairs = list[tuple[Layer, Statistics, Statistics]]
"""Layers, each with its left and right statistics."""


def _split_into_loops(layers: _LoopOfPairs) -> list[_LoopOfPairs]:
    """Return the layers of every loop, and at the end those that get none of their own."""
    loops: list[_LoopOfPairs] = [[]]
    for layer_of_pairs in layers:
        loops[-1].append(layer_of_pairs)
        if layer_of_pairs[0].ends_loop:
            loops.append([])
    return loops


def _correlations_through_loop(state: CorrelationState, layers: _LoopOfPairs) -> CorrelationState:
    for layer, left, right in layers:
        state = layer.propagate_correlations(state, left, right)
    return state


def _same_structure(
    through: Callable[[Any, Any], tuple[Any, Any]], state: Any, layers: Any
) -> tuple[Any, Any]:
    """Return what `through` does, with the structure of the state that a loop needs."""
    state, result = through(state, layers)
    return _loop_state(state), result


def _loop_state(state: Any) -> Any:
    """Return a state with one structure, whichever layer it comes from."""
    if isinstance(state, CorrelationState):
        return CorrelationState(*(correlation.complete() for correlation in state))
    # No layer of a group that is repeated reads the inputs.
    return SampleState(*state) if isinstance(state, InputSamples) else state


def _only_scales(layer: Layer) -> bool:
    """Return whether a layer scales the inputs of a network and does nothing else."""
    parts = layer.resolve()
    return (
        all(map(_only_scales, parts.layers)) if isinstance(parts, Serial) else parts.scales_inputs
    )


def check_layer(member: object, owner: object) -> Layer:
    """Return ``member``, or raise a TypeError unless it is a layer object."""
    if isinstance(member, type) and issubclass(member, Layer):
        raise TypeError(
            f"{type(owner).__name__} takes layer objects, got the class {member.__name__}: "
            f"write {member.__name__}(...)."
        )
    if not isinstance(member, Layer):
        raise TypeError(
            f"{type(owner).__name__} takes layers of skntk.architecture, "
            f"got {type(member).__name__}: {member!r}."
        )
    return member


def check_part(member: object, owner: object) -> None:
    """Raise a TypeError unless ``member`` is a layer object that can be a part of a network."""
    if check_layer(member, owner).n_transforms > 1:
        raise TypeError(
            f"{type(owner).__name__} cannot have {type(member).__name__} as a part: the mean over "
            "flips is that of a whole network. Put FlipAverage around the network, and set "
            "horizontal_flip=False in presets that are parts of another one."
        )


def split_key(key: Array | None, n_keys: int) -> Sequence[Array | None]:
    """Return keys for so many layers, or as many times None."""
    return [None] * n_keys if key is None else list(jax.random.split(key, n_keys))
