"""Covariances gathered from other positions: layers that copy, move or spread pixels.

Every output position p of such a layer reads a few single pixels, ``indices[u, p]`` the one of
number u, and both samples of a pair are read at the same u: ``K'(p, p') = sum_u K(indices[u, p],
indices[u, p'])``. Strides that grow an image, and images in a row, gather pixels, but not by
windows, whose output offsets are multiples of input offsets of one period.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import product
from operator import mul

import jax.numpy as jnp
import numpy as np
from jax import lax

from skntk.architecture.propagation.dense_covariance import states_by_offset
from skntk.architecture.propagation.pixel_covariance import (
    Grid,
    LoopIndex,
    Offset,
    Offsets,
    PixelCovariance,
    value_of,
)
from skntk.architecture.propagation.state import Array, PairState

GatherIndices = Sequence[np.ndarray]
"""By axis, an array (n_indices, output period): the pixel that is read, or -1 for none."""


def gathered_offsets(offsets: Offsets, period: Sequence[int], indices: GatherIndices) -> Offsets:
    """Return the input offsets that some output offsets need, ascending.

    Parameters
    ----------
    offsets : Offsets
    period : sequence of int
        The period of the inputs.
    indices : GatherIndices
    """

    def on_axis(axis_offsets: Sequence[int], period: int, left: np.ndarray) -> tuple[int, ...]:
        found = {0}
        for offset in axis_offsets:
            right = np.roll(left, -offset, axis=1)
            distances = (right - left)[(left >= 0) & (right >= 0)]
            found.update((distances % period).tolist())
        return tuple(sorted(found))

    return tuple(map(on_axis, offsets, period, indices))


def gather_sum(
    covariance: PixelCovariance, offsets: Offsets, grid: Grid, indices: GatherIndices
) -> PixelCovariance:
    """Return the covariance of sums over the gathered pixels at both positions of every pair.

    Parameters
    ----------
    covariance : PixelCovariance
        What is read.
    offsets : Offsets
        The output offsets that will be asked for.
    grid : Grid
        The output grid.
    indices : GatherIndices
    """
    known = gathered_offsets(offsets, covariance.grid.period, indices)
    states = states_by_offset(covariance, list(product(*known)))
    numbers = [
        _numbers(axis_offsets, n)
        for axis_offsets, n in zip(known, covariance.grid.period, strict=True)
    ]

    def compute(offset: Offset) -> PairState:
        sources = [
            _sources(at, axis_indices, table, period)
            for at, axis_indices, table, period in zip(
                offset, indices, numbers, covariance.grid.period, strict=True
            )
        ]
        totals = [jnp.zeros((*grid.period, values.shape[-1]), values.dtype) for values in states]
        for read in product(*(range(len(axis_indices)) for axis_indices in indices)):
            number, pixel, inside = (
                jnp.ix_(*(part[u] for part, u in zip(parts, read, strict=True)))
                for parts in zip(*sources, strict=True)
            )
            row = jnp.ravel_multi_index(
                (*number, *pixel), (*map(len, known), *covariance.grid.period), mode="clip"
            )
            counted = reduce(mul, inside)[..., None]
            for kernel, values in enumerate(states):
                rows = jnp.take(values.reshape(-1, values.shape[-1]), row, axis=0)
                totals[kernel] += jnp.where(counted > 0, rows, 0)
        return PairState(*totals)

    return covariance.mapped(compute, grid)


def _sources(
    at: int | LoopIndex, left: np.ndarray, numbers: np.ndarray, period: int
) -> tuple[Array, Array, Array]:
    """Return arrays (n_indices, padded output positions) for an axis, at an offset.

    Returns
    -------
    number : array of int
        Where the offset of the two pixels stands among those that are known.
    pixel : array of int
        The left pixel.
    inside : array of int
        Whether there are two pixels.
    """
    # The offset of a loop has this type.
    left, n_outputs = left.astype(np.int32), left.shape[1]
    positions = np.arange(n_outputs, dtype=np.int32)
    right = jnp.asarray(left)[:, (positions + value_of(at)) % n_outputs]
    inside = (left >= 0) & (right >= 0)
    number = jnp.asarray(numbers)[(right - left) % period]
    return number, jnp.asarray(left), jnp.asarray(inside, jnp.int32)


def _numbers(offsets: Sequence[int], period: int) -> np.ndarray:
    numbers = np.zeros(period, np.int32)
    numbers[list(offsets)] = np.arange(len(offsets))
    return numbers


def translated(covariance: PixelCovariance, grid: Grid, start: Sequence[int]) -> PixelCovariance:
    """Return the covariance with its pixels moved; the period and the offsets stay the same.

    Parameters
    ----------
    covariance : PixelCovariance
    grid : Grid
        The output grid, with the period of the covariance.
    start : sequence of int
        Where the first pixel stands after, along every axis.
    """
    if covariance.grid == grid:
        return covariance

    def compute(offset: Offset) -> PairState:
        inside = covariance.inside(offset, covariance.at(offset))
        shifts = [*((first, -first, 0) for first in start), (0, 0, 0)]
        return PairState(
            *(lax.pad(values, jnp.zeros((), values.dtype), shifts) for values in inside)
        )

    return PixelCovariance(
        grid, compute, covariance.barriers, covariance.is_diagonal, (covariance,)
    )


def copy_indices(grid: Grid, period: Sequence[int], start: Sequence[int]) -> GatherIndices:
    """Return the indices of pixels that stand elsewhere with another period.

    Parameters
    ----------
    grid : Grid
        The pixels that are read.
    period : sequence of int
        The period of the outputs.
    start : sequence of int
        Where the first pixel stands among them, along every axis.
    """
    positions = [np.arange(period) - first for period, first in zip(period, start, strict=True)]
    return [
        np.where((at >= 0) & (at < n), at, -1)[None]
        for at, n in zip(positions, grid.sizes, strict=True)
    ]
