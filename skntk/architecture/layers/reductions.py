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
from skntk.architecture.propagation.fusion import FusionBarriers, mapped_parts, unpacked
from skntk.architecture.propagation.pixel_covariance import (
    NO_OFFSETS,
    Grid,
    Offset,
    Offsets,
    PixelCovariance,
    in_loop,
)
from skntk.architecture.propagation.state import Array, PairState, Statistics

__all__ = ["Flatten", "GlobalAvgPool", "GlobalSumPool"]


class _Reduction(Layer):
    """What they share: after them there is one position."""

    def output_grid(self, grid: Grid) -> Grid:
        return Grid((), ())

    def smallest_period(
        self, sizes: tuple[int, ...]
    ) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        return (), (1,) * len(sizes), sizes

    def outputs_are_gaussian(self, inputs_are_gaussian: bool = False) -> bool:
        return inputs_are_gaussian

    def propagate_sample_pixels(
        self, covariance: PixelCovariance, offsets: Offsets
    ) -> tuple[PixelCovariance, Statistics]:
        return covariance if offsets == NO_OFFSETS else self._reduced(covariance), ()

    def propagate_pair_pixels(
        self, covariance: PixelCovariance, offsets: Offsets, left: Statistics, right: Statistics
    ) -> PixelCovariance:
        return self._reduced(covariance)

    def _reduced(self, covariance: PixelCovariance) -> PixelCovariance:
        if not covariance.grid.sizes:
            return covariance
        state = self._reduce(covariance)
        return covariance.mapped(lambda offset: state, Grid((), ()))

    def _reduce(self, covariance: PixelCovariance) -> PairState:
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

    def input_offsets(self, offsets: Offsets, grid: Grid, is_diagonal: bool) -> Offsets:
        return ((0,),) * len(grid.sizes)

    def _reduce(self, covariance: PixelCovariance) -> PairState:
        sums = unpacked(
            _summed(
                _pixels(covariance, covariance.zero),
                len(covariance.grid.sizes),
                covariance.barriers,
            )
        )
        return PairState(*(values / prod(covariance.grid.sizes) for values in sums))

    def apply(self, parameters: Parameters, inputs: Array, key: Array | None = None) -> Array:
        return inputs.reshape(len(inputs), -1)

    def finite_output_shape(self, input_shape: tuple[int, ...], outputs: int) -> tuple[int, ...]:
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

    def input_offsets(self, offsets: Offsets, grid: Grid, is_diagonal: bool) -> Offsets:
        if offsets == NO_OFFSETS:
            return ((),) * len(grid.period)
        return tuple(tuple(range(period)) for period in grid.period)

    def _scale(self, grid: Grid) -> float:
        return 1.0

    def _reduce(self, covariance: PixelCovariance) -> PairState:
        others = list(product(*map(range, covariance.grid.period)))
        weights = [1.0] * len(others)
        rows, *columns = covariance.grid.period
        total = covariance.barriers.empty(
            (rows + 1, *columns), with_ntk=covariance.barriers.with_ntk
        )
        if covariance.is_diagonal:
            # Offset 0 stands before the loop: samples with themselves may not meet it inside.
            others, weights = _one_of_opposites(others[1:], covariance.grid.period)
            total = _with_pixels(covariance, covariance.zero, total, 1.0)

        def add_offset(total: Array, step: tuple[Array, Array]) -> Array:
            offset, weight = step
            return _with_pixels(covariance, in_loop(offset), total, weight)

        if others:
            steps = jnp.array(others, jnp.int32), jnp.asarray(weights, jnp.finfo(total.dtype).dtype)
            total = covariance.barriers.over_offsets(add_offset, total, steps)
        total = total[:rows]
        sums = unpacked(_summed(total, len(covariance.grid.sizes), covariance.barriers))
        return PairState(*(self._scale(covariance.grid) * values for values in sums))

    def apply(self, parameters: Parameters, inputs: Array, key: Array | None = None) -> Array:
        return jnp.sum(inputs, axis=tuple(range(1, inputs.ndim - 1)))

    def finite_output_shape(self, input_shape: tuple[int, ...], outputs: int) -> tuple[int, ...]:
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
    offsets: Sequence[tuple[int, ...]], period: tuple[int, ...]
) -> tuple[list[tuple[int, ...]], list[float]]:
    """Return one of every two opposite offsets, and how many it stands for.

    For a sample with itself the kernel of positions (p, q) is that of (q, p).
    """
    weights: dict[tuple[int, ...], float] = {}
    for offset in offsets:
        opposite = tuple(-at % period for at, period in zip(offset, period, strict=True))
        known = opposite if opposite in weights else offset
        weights[known] = weights.get(known, 0.0) + 1.0
    return list(weights), list(weights.values())


def _pixels(covariance: PixelCovariance, offset: Offset) -> Array:
    """Return the packed state of an offset, 0 where there is no pixel."""
    covariance.prepare(offset)
    rows = covariance.grid.period[0]
    pixels = covariance.barriers.isolated_in_place(
        lambda: covariance.inside(offset, covariance.at(offset)), covariance.grid.period
    )
    return pixels[:rows]


def _with_pixels(
    covariance: PixelCovariance, offset: Offset, total: Array, weight: Array | float
) -> Array:
    """Return a total, with one more row, to which the packed state of an offset is added."""
    covariance.prepare(offset)

    def compute() -> PairState:
        state = covariance.inside(offset, covariance.at(offset))
        before = unpacked(total[: covariance.grid.period[0]])
        sums = (old + weight * new for old, new in zip(before, state, strict=True))
        return PairState(*sums)

    return covariance.barriers.overwritten(total, compute)


def _summed(packed: Array, n_axes: int, barriers: FusionBarriers) -> Array:
    """Return the sums over the first axes, each in a loop over whole vectors of pairs."""

    def sum_of_first_axis(values: Array) -> Array:
        return reduce(add, (values[at] for at in range(len(values))))

    for _ in range(n_axes):
        packed = barriers.isolated(partial(mapped_parts, sum_of_first_axis, packed))
    return packed
