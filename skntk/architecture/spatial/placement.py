"""Fields laid onto another grid, for branches that come from different strides or stand in a row.

Whether two pixels are a distance apart does not depend on the canvas, but the offset that stands
for that distance does, and so do the positions that read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod

import jax.numpy as jnp
import numpy as np

from skntk.architecture.spatial.fields import Field, Grid, Offset, Offsets, value_of
from skntk.architecture.spatial.whole import states_by_offset
from skntk.architecture.state import Array, PairState


def offsets_before(offsets: Offsets, grid: Grid, canvas: Sequence[int]) -> Offsets:
    """Return the offsets of a grid that are needed for some on another canvas, ascending.

    Parameters
    ----------
    offsets : Offsets
        On the other canvas.
    grid : Grid
    canvas : sequence of int
        The other canvas.
    """

    def on_axis(of_axis: Sequence[int], n: int, places: int, behind: int) -> tuple[int, ...]:
        distances = (d for offset in of_axis for d in (offset, offset - behind) if abs(d) < n)
        return tuple(sorted({0, *(distance % places for distance in distances)}))

    return tuple(map(on_axis, offsets, *grid, canvas))


def placed(field: Field, offsets: Offsets, grid: Grid, start: Sequence[int]) -> Field:
    """Return the field with its pixels at other places of another grid, and 0 elsewhere.

    Parameters
    ----------
    field : Field
    offsets : Offsets
        What `offsets_before` returns for the offsets that will be asked for.
    grid : Grid
        The other grid.
    start : sequence of int
        Where the first pixel stands on it, along every axis.
    """
    states = states_by_offset(field, list(product(*offsets)))
    tables = [_numbers(of_axis, n) for of_axis, n in zip(offsets, field.grid.canvas, strict=True)]

    def compute(offset: Offset) -> PairState:
        number = place = jnp.zeros(grid.canvas, jnp.int32)
        known = jnp.ones(grid.canvas, bool)
        for axis, at in enumerate(offset):
            n, places, behind = (sizes[axis] for sizes in (*field.grid, grid.canvas))
            position = np.arange(behind, dtype=np.int32)
            left, right = (
                jnp.reshape(each - start[axis], (-1, *(1,) * (len(offset) - 1 - axis)))
                for each in (position, (position + value_of(at)) % behind)
            )
            known &= (left >= 0) & (left < n) & (right >= 0) & (right < n)
            number = (
                number * len(offsets[axis]) + jnp.asarray(tables[axis])[(right - left) % places]
            )
            place = place * places + left

        def at_offset(values: Array) -> Array:
            sources = number * prod(field.grid.canvas) + place
            rows = values.reshape(-1, values.shape[-1])
            return jnp.where(known[..., None], jnp.take(rows, sources, axis=0, mode="clip"), 0)

        return PairState(*map(at_offset, states))

    return field.mapped(compute, grid)


def _numbers(offsets: Sequence[int], canvas: int) -> np.ndarray:
    numbers = np.zeros(canvas, np.int32)
    numbers[list(offsets)] = np.arange(len(offsets))
    return numbers
