"""Fields read at other positions: layers that copy, move or spread pixels.

Every position p behind such a layer reads a few single pixels, ``reads[u, p]`` the one of number u,
and both samples of a pair are read at the same u: ``K'(p, p') = sum_u K(reads[u, p], reads[u,
p'])``. Strides that grow an image, and images in a row, are reads, but not windows, whose output
offsets are multiples of input offsets on one canvas.
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
    Field,
    Grid,
    LoopIndex,
    Offset,
    Offsets,
    value_of,
)
from skntk.architecture.propagation.state import Array, PairState

Reads = Sequence[np.ndarray]
"""Of every axis an array (n_reads, places behind): the pixel that is read, or -1 for none."""


def offsets_read(offsets: Offsets, canvas: Sequence[int], reads: Reads) -> Offsets:
    """Return the offsets before a layer that are needed for some behind it, ascending.

    Parameters
    ----------
    offsets : Offsets
    canvas : sequence of int
        The places before the layer.
    reads : Reads
    """

    def on_axis(of_axis: Sequence[int], places: int, left: np.ndarray) -> tuple[int, ...]:
        found = {0}
        for offset in of_axis:
            right = np.roll(left, -offset, axis=1)
            distances = (right - left)[(left >= 0) & (right >= 0)]
            found.update((distances % places).tolist())
        return tuple(sorted(found))

    return tuple(map(on_axis, offsets, canvas, reads))


def sums_of_reads(field: Field, offsets: Offsets, grid: Grid, reads: Reads) -> Field:
    """Return the field of sums over the reads at both positions of every pair.

    Parameters
    ----------
    field : Field
        What is read.
    offsets : Offsets
        The offsets behind the layer that will be asked for.
    grid : Grid
        The grid behind the layer.
    reads : Reads
    """
    known = offsets_read(offsets, field.grid.canvas, reads)
    states = states_by_offset(field, list(product(*known)))
    numbers = [_numbers(of_axis, n) for of_axis, n in zip(known, field.grid.canvas, strict=True)]

    def compute(offset: Offset) -> PairState:
        sources = [
            _sources(at, of_axis, table, places)
            for at, of_axis, table, places in zip(
                offset, reads, numbers, field.grid.canvas, strict=True
            )
        ]
        totals = [jnp.zeros((*grid.canvas, values.shape[-1]), values.dtype) for values in states]
        for read in product(*(range(len(of_axis)) for of_axis in reads)):
            number, pixel, inside = (
                jnp.ix_(*(part[u] for part, u in zip(of_axes, read, strict=True)))
                for of_axes in zip(*sources, strict=True)
            )
            row = jnp.ravel_multi_index(
                (*number, *pixel), (*map(len, known), *field.grid.canvas), mode="clip"
            )
            counted = reduce(mul, inside)[..., None]
            for kernel, values in enumerate(states):
                rows = jnp.take(values.reshape(-1, values.shape[-1]), row, axis=0)
                totals[kernel] += jnp.where(counted > 0, rows, 0)
        return PairState(*totals)

    return field.mapped(compute, grid)


def _sources(
    at: int | LoopIndex, left: np.ndarray, numbers: np.ndarray, places: int
) -> tuple[Array, Array, Array]:
    """Return arrays (n_reads, places behind) for an axis, at an offset.

    Returns
    -------
    number : array of int
        Where the offset of the two pixels stands among those that are known.
    pixel : array of int
        The left pixel.
    inside : array of int
        Whether there are two pixels.
    """
    n_behind = left.shape[1]
    right = jnp.asarray(left)[:, (np.arange(n_behind) + value_of(at)) % n_behind]
    inside = (left >= 0) & (right >= 0)
    number = jnp.asarray(numbers)[(right - left) % places]
    return number, jnp.asarray(left), jnp.asarray(inside, jnp.int32)


def _numbers(offsets: Sequence[int], canvas: int) -> np.ndarray:
    numbers = np.zeros(canvas, np.int32)
    numbers[list(offsets)] = np.arange(len(offsets))
    return numbers


def moved_along(field: Field, grid: Grid, start: Sequence[int]) -> Field:
    """Return the field with its pixels elsewhere on the same canvas, where offsets stay the same.

    Parameters
    ----------
    field : Field
    grid : Grid
        The grid behind, with the canvas of the field.
    start : sequence of int
        Where the first pixel stands behind, along every axis.
    """
    if field.grid == grid:
        return field

    def compute(offset: Offset) -> PairState:
        inside = field.inside(offset, field.at(offset))
        shifts = [*((first, -first, 0) for first in start), (0, 0, 0)]
        return PairState(
            *(lax.pad(values, jnp.zeros((), values.dtype), shifts) for values in inside)
        )

    return Field(grid, compute, field.passes, field.of_samples, (field,))


def copied(grid: Grid, canvas: Sequence[int], start: Sequence[int]) -> Reads:
    """Return the reads of pixels that stand elsewhere on another canvas.

    Parameters
    ----------
    grid : Grid
        The pixels that are read.
    canvas : sequence of int
        The places behind.
    start : sequence of int
        Where the first pixel stands among them, along every axis.
    """
    positions = [np.arange(places) - first for places, first in zip(canvas, start, strict=True)]
    return [
        np.where((at >= 0) & (at < n), at, -1)[None]
        for at, n in zip(positions, grid.sizes, strict=True)
    ]
