"""Layers that end the spatial part of a network."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import ClassVar

import jax.numpy as jnp
from jax import lax

from skntk.architecture.layer import Layer, Parameters
from skntk.architecture.spatial.fields import Field, Grid, Offset, Offsets, in_loop
from skntk.architecture.state import Array, PairState, Statistics

__all__ = ["Flatten", "GlobalAvgPool", "GlobalSumPool"]


class _Reduction(Layer):
    """What they share: behind them there is one position."""

    def grid_behind(self, grid: Grid) -> Grid:
        return Grid((), ())

    def smallest_canvas(
        self, sizes: tuple[int, ...]
    ) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        return (), (1,) * len(sizes), sizes

    def outputs_are_gaussian(self, inputs_are_gaussian: bool = False) -> bool:
        return inputs_are_gaussian

    def field_of_samples(self, field: Field, offsets: Offsets) -> tuple[Field, Statistics]:
        return self._reduced(field), ()

    def field_of_pairs(
        self, field: Field, offsets: Offsets, left: Statistics, right: Statistics
    ) -> Field:
        return self._reduced(field)

    def _reduced(self, field: Field) -> Field:
        if not field.grid.sizes:
            return field
        state = self._reduce(field)
        return field.mapped(lambda offset: state, Grid((), ()))

    def _reduce(self, field: Field) -> PairState:
        raise NotImplementedError


class Flatten(_Reduction):
    """All positions as channels: ``K' = mean_p K(p, p)`` and ``T'`` alike.

    Examples
    --------
    >>> from skntk.architecture import Flatten
    >>> Flatten().output_shape((8, 8, 3))
    (192,)
    """

    category: ClassVar[str | None] = "spatial"

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        return (prod(input_shape),)

    def offsets_below(self, offsets: Offsets, grid: Grid, of_samples: bool) -> Offsets:
        return ((0,),) * len(grid.sizes)

    def _reduce(self, field: Field) -> PairState:
        axes = tuple(range(len(field.grid.sizes)))
        state = field.inside(field.zero, field.at(field.zero))
        return PairState(*(jnp.sum(values, axes) / prod(field.grid.sizes) for values in state))

    def apply(self, parameters: Parameters, inputs: Array, key: Array | None = None) -> Array:
        return inputs.reshape(len(inputs), -1)

    def width_behind(self, input_shape: tuple[int, ...], outputs: int) -> tuple[int, ...]:
        return (prod(input_shape),)


class GlobalSumPool(_Reduction):
    """The sum over all positions: ``K' = sum_pq K(p, q)`` and ``T'`` alike.

    Examples
    --------
    >>> from skntk.architecture import GlobalSumPool
    >>> GlobalSumPool().output_shape((8, 8, 3))
    (3,)
    """

    category: ClassVar[str | None] = "spatial"

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(input_shape) < 2:
            raise ValueError(
                f"{type(self).__name__} takes images or sequences, but one sample has shape "
                f"{tuple(input_shape)}."
            )
        return input_shape[-1:]

    def offsets_below(self, offsets: Offsets, grid: Grid, of_samples: bool) -> Offsets:
        return tuple(tuple(range(places)) for places in grid.canvas)

    def _scale(self, grid: Grid) -> float:
        return 1.0

    def _reduce(self, field: Field) -> PairState:
        axes = tuple(range(len(field.grid.sizes)))

        def summed(offset: Offset) -> PairState:
            inside = field.inside(offset, field.at(offset))
            return PairState(*(jnp.sum(values, axes) for values in inside))

        def add(total: PairState, offset: Array) -> tuple[PairState, None]:
            return PairState(*map(jnp.add, total, summed(in_loop(offset)))), None

        # Offset 0 stands before the loop: samples with themselves may not meet it inside.
        _, *others = product(*map(range, field.grid.canvas))
        total = summed(field.zero)
        if others:
            total, _ = lax.scan(add, total, jnp.array(others, jnp.int32))
        return PairState(*(self._scale(field.grid) * values for values in total))

    def apply(self, parameters: Parameters, inputs: Array, key: Array | None = None) -> Array:
        return jnp.sum(inputs, axis=tuple(range(1, inputs.ndim - 1)))

    def width_behind(self, input_shape: tuple[int, ...], outputs: int) -> tuple[int, ...]:
        return input_shape[-1:]


class GlobalAvgPool(GlobalSumPool):
    """The mean over all positions: ``K' = mean_pq K(p, q)`` and ``T'`` alike.

    Examples
    --------
    >>> from skntk.architecture import GlobalAvgPool
    >>> GlobalAvgPool().output_shape((8, 8, 3))
    (3,)
    """

    category: ClassVar[str | None] = "spatial"

    def _scale(self, grid: Grid) -> float:
        return 1 / prod(grid.sizes) ** 2

    def apply(self, parameters: Parameters, inputs: Array, key: Array | None = None) -> Array:
        return jnp.mean(inputs, axis=tuple(range(1, inputs.ndim - 1)))
