"""Fields as matrices of pixels: for layers in which a position reads others at any distance.

Offsets serve layers that read a neighbourhood. A layer that reads everything takes the whole field
at once, as arrays of shape (pixels, pixels, pairs), and hands one on: memory for all pairs of
pixels, where other layers hold one offset.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod

import jax.numpy as jnp
import numpy as np
from jax import lax

from skntk.architecture.propagation.pixel_covariance import (
    Field,
    Grid,
    Offset,
    Offsets,
    in_loop,
    value_of,
)
from skntk.architecture.propagation.state import Array, PairState


def all_offsets(grid: Grid) -> Offsets:
    """Return the offsets between any two pixels, ascending."""
    return tuple(
        tuple(sorted({difference % places for difference in range(1 - n, n)}))
        for n, places in zip(*grid, strict=True)
    )


def states_by_offset(field: Field, offsets: Sequence[tuple[int, ...]]) -> PairState:
    """Return the kernels of some offsets, arrays of shape ``(offsets, *canvas, pairs)``.

    Every offset is computed once, in one loop.

    Parameters
    ----------
    field : Field
    offsets : sequence of tuple of int
        At least one; offset 0, if it is among them, comes first.
    """
    field, (first, *others) = field.kept(), offsets
    # Offset 0 stands before the loop: samples with themselves may not meet it inside.
    states = [values[None] for values in field.at(first)]
    if others:
        with field.passes.apart():
            _, in_turns = lax.scan(
                lambda nothing, offset: (nothing, field.at(in_loop(offset))),
                None,
                jnp.array(others, jnp.int32),
            )
        states = [jnp.concatenate(each) for each in zip(states, in_turns, strict=True)]
    return PairState(*states)


def pixel_matrices(field: Field) -> PairState:
    """Return the kernels of all pairs of pixels, arrays of shape (pixels, pixels, pairs).

    The first axis is the pixel of the left sample. Every offset is computed once.
    """
    offsets = list(product(*all_offsets(field.grid)))
    states = states_by_offset(field, offsets)
    sources = _places_of_pixel_pairs(field.grid, offsets)
    return PairState(
        *(
            jnp.take(values.reshape(-1, values.shape[-1]), sources, axis=0, mode="clip")
            for values in states
        )
    )


def from_pixel_matrices(field: Field, state: PairState, grid: Grid | None = None) -> Field:
    """Return the field of matrices of pixels, 0 where no pixel is.

    Parameters
    ----------
    field : Field
        The field before the layer.
    state : PairState
        Arrays of shape (pixels, pixels, pairs).
    grid : Grid, default=None
        The grid of these pixels; None is that of ``field``.
    """
    grid = field.grid if grid is None else grid

    def compute(offset: Offset) -> PairState:
        sources, known = _pixel_pairs_at(offset, grid)

        def at_offset(values: Array) -> Array:
            rows = jnp.take(values.reshape(-1, values.shape[-1]), sources, axis=0, mode="clip")
            return jnp.where(known[..., None], rows, 0)

        return PairState(*map(at_offset, state))

    return field.mapped(compute, grid)


def onto_canvas(values: Array, grid: Grid) -> Array:
    """Return arrays (..., pixels, n) as statistics of shape ``(..., *canvas, n)``."""
    pads = [(0, places - n) for n, places in zip(*grid, strict=True)]
    leading = values.shape[:-2]
    values = values.reshape(*leading, *grid.sizes, values.shape[-1])
    return jnp.pad(values, [*[(0, 0)] * len(leading), *pads, (0, 0)])


def from_canvas(statistics: Array, grid: Grid) -> Array:
    """Undo `onto_canvas`."""
    inside = statistics[(..., *map(slice, grid.sizes), slice(None))]
    leading = inside.shape[: -1 - len(grid.sizes)]
    return inside.reshape(*leading, prod(grid.sizes), inside.shape[-1])


def coordinates(grid: Grid) -> np.ndarray:
    """Return the coordinates of all pixels, shape (n_axes, pixels)."""
    return np.indices(grid.sizes).reshape(len(grid.sizes), -1)


def _places_of_pixel_pairs(grid: Grid, offsets: list[tuple[int, ...]]) -> np.ndarray:
    """Return where the pairs (left, right) of pixels stand in an array ``(offset, *canvas)``."""
    at = coordinates(grid)
    canvas = np.array(grid.canvas)[:, None, None]
    numbers = np.zeros(grid.canvas, int)
    numbers[tuple(np.transpose(offsets))] = np.arange(len(offsets))
    offset = numbers[tuple((at[:, None, :] - at[:, :, None]) % canvas)]
    place: np.ndarray = np.ravel_multi_index(tuple(at), grid.canvas)
    return offset * prod(grid.canvas) + place[:, None]


def _pixel_pairs_at(offset: Offset, grid: Grid) -> tuple[Array, Array]:
    """Return the number of the pair of pixels by left place, and whether there is one."""
    left_pixel = right_pixel = jnp.zeros(grid.canvas, jnp.int32)
    known = jnp.ones(grid.canvas, bool)
    for axis, (at, n, places) in enumerate(zip(offset, *grid, strict=True)):
        left = np.arange(places, dtype=np.int32).reshape(-1, *(1,) * (len(offset) - 1 - axis))
        right = (left + value_of(at)) % places
        known &= (left < n) & (right < n)
        left_pixel, right_pixel = left_pixel * n + left, right_pixel * n + right
    return left_pixel * prod(grid.sizes) + right_pixel, known
