"""Layers that end the spatial part of a network."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial, reduce
from itertools import product
from math import prod
from operator import add
from typing import ClassVar

import jax.numpy as jnp

from skntk.architecture.core.layer import Layer
from skntk.architecture.core.protocols import Parameters
from skntk.architecture.propagation.fusion import Passes, mapped_parts, unpacked
from skntk.architecture.propagation.pixel_covariance import (
    NO_OFFSETS,
    Field,
    Grid,
    Offset,
    Offsets,
    in_loop,
)
from skntk.architecture.propagation.state import Array, PairState, Statistics

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
        return field if offsets == NO_OFFSETS else self._reduced(field), ()

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
        sums = unpacked(_summed(_pixels(field, field.zero), len(field.grid.sizes), field.passes))
        return PairState(*(values / prod(field.grid.sizes) for values in sums))

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
        if offsets == NO_OFFSETS:
            return ((),) * len(grid.canvas)
        return tuple(tuple(range(places)) for places in grid.canvas)

    def _scale(self, grid: Grid) -> float:
        return 1.0

    def _reduce(self, field: Field) -> PairState:
        others = list(product(*map(range, field.grid.canvas)))
        weights = [1.0] * len(others)
        rows, *columns = field.grid.canvas
        total = field.passes.empty((rows + 1, *columns), with_ntk=field.passes.with_ntk)
        if field.of_samples:
            # Offset 0 stands before the loop: samples with themselves may not meet it inside.
            others, weights = _one_of_opposites(others[1:], field.grid.canvas)
            total = _with_pixels(field, field.zero, total, 1.0)

        def add_offset(total: Array, step: tuple[Array, Array]) -> Array:
            offset, weight = step
            return _with_pixels(field, in_loop(offset), total, weight)

        if others:
            steps = jnp.array(others, jnp.int32), jnp.asarray(weights, jnp.finfo(total.dtype).dtype)
            total = field.passes.over_offsets(add_offset, total, steps)
        total = total[:rows]
        of_all = unpacked(_summed(total, len(field.grid.sizes), field.passes))
        return PairState(*(self._scale(field.grid) * values for values in of_all))

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


def _one_of_opposites(
    offsets: Sequence[tuple[int, ...]], canvas: tuple[int, ...]
) -> tuple[list[tuple[int, ...]], list[float]]:
    """Return one of every two opposite offsets, and how many it stands for.

    For a sample with itself the kernel of positions (p, q) is that of (q, p).
    """
    weights: dict[tuple[int, ...], float] = {}
    for offset in offsets:
        opposite = tuple(-at % places for at, places in zip(offset, canvas, strict=True))
        known = opposite if opposite in weights else offset
        weights[known] = weights.get(known, 0.0) + 1.0
    return list(weights), list(weights.values())


def _pixels(field: Field, offset: Offset) -> Array:
    """Return the packed state of an offset, 0 where there is no pixel."""
    field.prepare(offset)
    rows = field.grid.canvas[0]
    pixels = field.passes.in_place(
        lambda: field.inside(offset, field.at(offset)), field.grid.canvas
    )
    return pixels[:rows]


def _with_pixels(field: Field, offset: Offset, total: Array, weight: Array | float) -> Array:
    """Return a total, with one more row, to which the packed state of an offset is added."""
    field.prepare(offset)

    def compute() -> PairState:
        state = field.inside(offset, field.at(offset))
        before = unpacked(total[: field.grid.canvas[0]])
        sums = (old + weight * new for old, new in zip(before, state, strict=True))
        return PairState(*sums)

    return field.passes.replaced(total, compute)


def _summed(packed: Array, n_axes: int, passes: Passes) -> Array:
    """Return the sums over the first axes, each in a loop over whole vectors of pairs."""

    def of_first_axis(values: Array) -> Array:
        return reduce(add, (values[at] for at in range(len(values))))

    for _ in range(n_axes):
        packed = passes.alone(partial(mapped_parts, of_first_axis, packed))
    return packed
