"""Covariances as dense matrices of pixels: for layers that read positions at any distance.

Offsets serve layers that read a neighborhood. A layer that reads everything takes the whole
covariance at once, as arrays of shape (pixels, pixels, pairs), and hands one on: memory for all
pairs of pixels, where other layers hold one offset.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod

import jax.numpy as jnp
import numpy as np
from jax import lax

from skntk.architecture.propagation.pixel_covariance import (
    Grid,
    Offset,
    Offsets,
    PixelCovariance,
    in_loop,
    value_of,
)
from skntk.architecture.propagation.state import Array, PairState


def all_offsets(grid: Grid) -> Offsets:
    """Return the offsets between any two pixels, ascending."""
    return tuple(
        tuple(sorted({difference % period for difference in range(1 - n, n)}))
        for n, period in zip(*grid, strict=True)
    )


def states_by_offset(covariance: PixelCovariance, offsets: Sequence[tuple[int, ...]]) -> PairState:
    """Return the kernels of some offsets, arrays of shape ``(offsets, *period, pairs)``.

    Every offset is computed once, in one loop.

    Parameters
    ----------
    covariance : PixelCovariance
    offsets : sequence of tuple of int
        At least one; offset 0, if it is among them, comes first.
    """
    covariance, (first, *others) = covariance.stored(), offsets
    # Offset 0 stands before the loop: samples with themselves may not meet it inside.
    states = [values[None] for values in covariance.at(first)]
    if others:
        with covariance.barriers.without_buffers():
            _, looped = lax.scan(
                lambda nothing, offset: (nothing, covariance.at(in_loop(offset))),
                None,
                jnp.array(others, jnp.int32),
            )
        states = [jnp.concatenate(parts) for parts in zip(states, looped, strict=True)]
    return PairState(*states)


def to_dense(covariance: PixelCovariance) -> PairState:
    """Return the kernels of all pairs of pixels, arrays of shape (pixels, pixels, pairs).

    The first axis is the pixel of the left sample. Every offset is computed once.
    """
    offsets = list(product(*all_offsets(covariance.grid)))
    states = states_by_offset(covariance, offsets)
    sources = _pixel_pair_indices(covariance.grid, offsets)
    return PairState(
        *(
            jnp.take(values.reshape(-1, values.shape[-1]), sources, axis=0, mode="clip")
            for values in states
        )
    )


def from_dense(
    covariance: PixelCovariance, state: PairState, grid: Grid | None = None
) -> PixelCovariance:
    """Return the covariance of matrices of pixels, 0 where no pixel is.

    Parameters
    ----------
    covariance : PixelCovariance
        The input covariance.
    state : PairState
        Arrays of shape (pixels, pixels, pairs).
    grid : Grid, default=None
        The grid of these pixels; None is that of ``covariance``.
    """
    grid = covariance.grid if grid is None else grid

    def compute(offset: Offset) -> PairState:
        sources, known = _pixel_pairs_at(offset, grid)

        def at_offset(values: Array) -> Array:
            rows = jnp.take(values.reshape(-1, values.shape[-1]), sources, axis=0, mode="clip")
            return jnp.where(known[..., None], rows, 0)

        return PairState(*map(at_offset, state))

    return covariance.mapped(compute, grid)


def pad_positions(values: Array, grid: Grid) -> Array:
    """Return arrays (..., pixels, n) as statistics of shape ``(..., *period, n)``."""
    pads = [(0, period - n) for n, period in zip(*grid, strict=True)]
    leading = values.shape[:-2]
    values = values.reshape(*leading, *grid.sizes, values.shape[-1])
    return jnp.pad(values, [*[(0, 0)] * len(leading), *pads, (0, 0)])


def crop_positions(statistics: Array, grid: Grid) -> Array:
    """Undo `pad_positions`."""
    inside = statistics[(..., *map(slice, grid.sizes), slice(None))]
    leading = inside.shape[: -1 - len(grid.sizes)]
    return inside.reshape(*leading, prod(grid.sizes), inside.shape[-1])


def coordinates(grid: Grid) -> np.ndarray:
    """Return the coordinates of all pixels, shape (n_axes, pixels)."""
    return np.indices(grid.sizes).reshape(len(grid.sizes), -1)


def _pixel_pair_indices(grid: Grid, offsets: list[tuple[int, ...]]) -> np.ndarray:
    """Return where the pairs (left, right) of pixels stand in an array ``(offset, *period)``."""
    at = coordinates(grid)
    period = np.array(grid.period)[:, None, None]
    numbers = np.zeros(grid.period, int)
    numbers[tuple(np.transpose(offsets))] = np.arange(len(offsets))
    offset = numbers[tuple((at[:, None, :] - at[:, :, None]) % period)]
    place: np.ndarray = np.ravel_multi_index(tuple(at), grid.period)
    return offset * prod(grid.period) + place[:, None]


def _pixel_pairs_at(offset: Offset, grid: Grid) -> tuple[Array, Array]:
    """Return the number of the pair of pixels by left place, and whether there is one."""
    left_pixel = right_pixel = jnp.zeros(grid.period, jnp.int32)
    known = jnp.ones(grid.period, bool)
    for axis, (at, n, period) in enumerate(zip(offset, *grid, strict=True)):
        shape = [1] * len(offset)
        shape[axis] = period
        left = np.arange(period, dtype=np.int32).reshape(shape)
        right = (left + value_of(at)) % period
        known &= (left < n) & (right < n)
        left_pixel, right_pixel = left_pixel * n + left, right_pixel * n + right
    return left_pixel * prod(grid.sizes) + right_pixel, known
