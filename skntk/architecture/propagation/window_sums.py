"""Weighted sums of neighboring pixels: what convolutions and pools have in common.

A sum over windows maps the covariance of input positions to that of output positions. By offset
(`windows`): the output offset A reads the input offsets ``stride * A + shift``. A convolution has
one shift, so that an output offset is computed from one input offset when it is asked for. A pool
has several: with windows of two pixels and stride 2, output offset 1 reads the input offsets 1, 2
and 3, and output offset 0 reads -1, 0 and 1. Both read 1. To compute every input offset once, the
loop runs over input offsets, and each is added to all output offsets that read it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial, reduce
from itertools import product
from operator import add
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from skntk.architecture.propagation.fusion import mapped_parts
from skntk.architecture.propagation.pixel_covariance import (
    Grid,
    Offset,
    Offsets,
    PackedCovariance,
    PixelCovariance,
    in_loop,
    moved,
    value_of,
)
from skntk.architecture.propagation.state import Array, PairState
from skntk.architecture.propagation.windows import Window


def window_sums(
    covariance: PixelCovariance, windows: Sequence[Window], offsets: Offsets, scale: float
) -> PixelCovariance:
    """Return the covariance of sums over the windows at both positions of every pair.

    Parameters
    ----------
    covariance : PixelCovariance
        What the windows read.
    windows : sequence of Window
        One for each spatial axis.
    offsets : Offsets
        The offsets of the output that will be asked for.
    scale : float
        Factor of every sum.
    """
    covariance = covariance.stored()
    shifts = [
        window.shifts(n, period)
        for window, n, period in zip(windows, *covariance.grid, strict=True)
    ]
    sums = _WindowSums(covariance, tuple(windows), scale)
    if not all(offsets):
        return PixelCovariance(
            sums.output_grid, _not_asked_for, covariance.barriers, covariance.is_diagonal
        )
    if all(len(axis_shifts) == 1 for axis_shifts in shifts):
        return _on_demand(covariance, sums)
    return _accumulated(covariance, sums, offsets)


class _WindowSums:
    """The sums of one layer, from one input offset to one output offset at a time."""

    def __init__(
        self, covariance: PixelCovariance, windows: tuple[Window, ...], scale: float
    ) -> None:
        self.barriers = covariance.barriers
        self.sizes = covariance.grid.sizes
        self.windows = windows
        self.output_grid = output_grid(covariance.grid, windows)
        self.tables = [
            np.stack([window.weights(n, period, d) for d in window.shifts(n, period)])
            for window, n, period in zip(windows, *covariance.grid, strict=True)
        ]
        self.tables[0] = scale * self.tables[0]

    def isolated_along(self, axis: int, packed: Array, shift: int | Array, offset: Any) -> Array:
        """Return the packed sums along one axis, from a loop of their own; see `along`."""
        shape = list(packed.shape)
        shape[axis] = self.output_grid.period[axis]
        return self.barriers.isolated(
            partial(self.along, axis, packed, shift, offset),
            jax.ShapeDtypeStruct(shape, packed.dtype),
        )

    def along(self, axis: int, packed: Array, shift: int | Array, offset: Any) -> PairState | Array:
        """Return the sums along one axis.

        Parameters
        ----------
        axis : int
        packed : array of shape (*period, ...)
            One more row of zeros changes nothing.
        shift : int or scalar array
            The number of the shift.
        offset : int, LoopIndex or scalar array
            The output offset on this axis.
        """
        tables = jnp.asarray(self.tables[axis], jnp.finfo(packed.dtype).dtype)
        weights = _one_of(tables, shift, offset)

        def along_axis(values: Array) -> Array:
            return _sum_along(values, weights, axis, self.windows[axis], self.sizes[axis])

        return mapped_parts(along_axis, packed)


def _one_of(tables: Array, *indices: Any) -> Array:
    """Return the table at nonnegative indices of the first axes."""
    for index in indices:
        tables = lax.dynamic_index_in_dim(
            tables, value_of(index), keepdims=False, allow_negative_indices=False
        )
    return tables


def _sum_along(values: Array, weights: Array, axis: int, window: Window, n: int) -> Array:
    """Return y[i] = sum_u weights[i, u] values[stride * i + u - before] along an axis."""
    before = window.before(n)
    shape = [1] * values.ndim
    shape[axis] = len(weights)
    if window.padding == "CIRCULAR":
        span = window.stride * (len(weights) - 1) + 1
        positions = np.arange(-before, span + window.size - 1 - before) % n
        values = jnp.take(values, positions, axis=axis)
        before = 0
    return reduce(
        add,
        (
            _strided(values, axis, place - before, window.stride, len(weights))
            * weights[:, place].reshape(shape)
            for place in range(window.size)
        ),
    )


def _strided(values: Array, axis: int, start: int, stride: int, count: int) -> Array:
    """Return ``values[start::stride]`` along an axis, 0 before the first and after the last.

    Every piece is padded by itself: what reads one padded array several times would have it
    written to memory before.
    """
    stop = start + stride * (count - 1) + 1
    pads = [(0, 0, 0)] * values.ndim
    pads[axis] = (-start, stop - values.shape[axis], 0)
    piece = lax.pad(values, jnp.zeros((), values.dtype), pads)
    return lax.slice_in_dim(piece, 0, None, stride, axis)


def _not_asked_for(offset: Offset) -> PairState:
    raise AssertionError("No offset of this covariance was asked for.")


def _on_demand(covariance: PackedCovariance, sums: _WindowSums) -> PixelCovariance:
    """Return the sums where every output offset reads one input offset."""
    (shift,) = product(
        *(w.shifts(n, period) for w, n, period in zip(sums.windows, *covariance.grid, strict=True))
    )

    def compute(offset: Offset) -> Array:
        below = tuple(
            moved(at, window.stride, d, period)
            for window, at, d, period in zip(
                sums.windows, offset, shift, covariance.grid.period, strict=True
            )
        )
        packed = covariance.packed(below)
        for axis, at in enumerate(offset):
            packed = sums.isolated_along(axis, packed, 0, at)
        return packed

    return PackedCovariance(
        sums.output_grid,
        compute,
        covariance.barriers,
        covariance.is_diagonal,
        with_ntk=covariance.with_ntk,
    )


def _accumulated(
    covariance: PackedCovariance, sums: _WindowSums, offsets: Offsets
) -> PixelCovariance:
    """Return the sums where an output offset reads several input offsets.

    All output offsets are held at once, in an array ``(*output offsets, *positions, pairs)``. One
    step of the loop computes the packed state of one input offset and adds it where it is read.
    Along axis 0 the state is first summed over the windows, once for each output offset on this
    axis that reads it; each of these sums is then summed along axis 1 likewise, and so on: `add`
    calls itself with one more entry of ``place``, and after the last axis the sums are added to
    one piece of the array. The output offsets that read different input offsets differ in number:
    `_schedule` fills up with entries that do not exist, and a condition skips these.
    """
    input_offsets, readers = _schedule(covariance.grid, sums.windows, offsets)
    steps = jnp.asarray(input_offsets), jax.tree.map(jnp.asarray, readers)
    period = sums.output_grid.period
    n_axes = len(period)
    empty = covariance.barriers.empty(period, with_ntk=covariance.with_ntk)
    pairs = empty.shape[n_axes:]
    piece_shape = (*(1,) * n_axes, *period, *pairs)

    def start(place: Iterable[int | Array]) -> tuple[Array, ...]:
        """Return where an output offset begins, with one type for all indices."""
        indices = (*place, *(0,) * (len(piece_shape) - n_axes))
        return tuple(jnp.asarray(index, jnp.int32) for index in indices)

    def added(total: Array, new: Array, place: Sequence[Array]) -> Array:
        old = _piece(total, start(place), piece_shape)
        sums_of_one = old + new.reshape(piece_shape)
        return lax.dynamic_update_slice(
            total, sums_of_one, start(place), allow_negative_indices=False
        )

    def add(total: Array, packed: Array, readers: Readers, place: tuple[Array, ...] = ()) -> Array:
        """Add to the output offsets of one place on the first axes, and of all on the others."""
        if covariance.barriers.is_dry_run:
            return total
        axis = len(place)

        def read(total: Array, packed: Array, numbers: Array) -> Array:
            shift, target, place_on_axis = numbers
            position = (*place, place_on_axis)
            if len(position) == n_axes:
                return added(
                    total,
                    covariance.barriers.packed(sums.along(axis, packed, shift, target)),
                    position,
                )
            return add(total, sums.isolated_along(axis, packed, shift, target), readers, position)

        def one(total: Array, reader: tuple[Array, Array]) -> tuple[Array, None]:
            exists, numbers = reader
            return lax.cond(exists, read, lambda total, *_: total, total, packed, numbers), None

        with covariance.barriers.without_buffers():
            return lax.scan(one, total, readers[axis])[0]

    def add_offset(total: Array, step: tuple[Array, Readers]) -> Array:
        offset, readers = step
        return add(total, covariance.packed(in_loop(offset)), readers)

    total = jnp.zeros((*map(len, offsets), *empty.shape), empty.dtype)
    if covariance.is_diagonal:
        # Offset 0 comes first, and stands before the loop.
        total = add(
            total, covariance.packed(covariance.zero), jax.tree.map(lambda leaf: leaf[0], readers)
        )
        steps = jax.tree.map(lambda leaf: leaf[1:], steps)
    total = covariance.barriers.over_offsets(add_offset, total, steps)
    positions = [
        _positions(axis_offsets, n) for axis_offsets, n in zip(offsets, period, strict=True)
    ]

    def compute(offset: Offset) -> Array:
        place = (_one_of(jnp.asarray(p), at) for p, at in zip(positions, offset, strict=True))
        return _piece(total, start(place), piece_shape).reshape(*period, *pairs)

    return PackedCovariance(
        sums.output_grid,
        compute,
        covariance.barriers,
        covariance.is_diagonal,
        with_ntk=covariance.with_ntk,
    )


def _piece(values: Array, start: Sequence[Array], shape: tuple[int, ...]) -> Array:
    return lax.dynamic_slice(values, start, shape, allow_negative_indices=False)


Readers = Sequence[tuple[Any, Any]]
"""For every axis, the output offsets that read an input offset.

Of every axis an array (most,) that is False where there are fewer, and one (most, 3) of the number
of the shift, the output offset, and where this stands among the offsets asked for.
"""


def _schedule(
    grid: Grid, windows: Sequence[Window], offsets: Offsets
) -> tuple[np.ndarray, Readers]:
    """Return the input offsets, shape (n_below, n_axes), and the readers of each of them."""
    per_axis = []
    for window, axis_offsets, n, period in zip(windows, offsets, *grid, strict=True):
        readers: dict[int, list[tuple[int, int, int]]] = {}
        for place, target in enumerate(axis_offsets):
            for number, shift in enumerate(window.shifts(n, period)):
                at = (window.stride * target + shift) % period
                readers.setdefault(at, []).append((number, target, place))
        per_axis.append(readers)
    below = list(product(*map(sorted, per_axis)))
    axis_readers = [
        _filled([readers[at] for at in on_axis])
        for readers, on_axis in zip(per_axis, zip(*below, strict=True), strict=True)
    ]
    return np.array(below, np.int32), axis_readers


def _filled(entries: Sequence[list[tuple[int, int, int]]]) -> tuple[np.ndarray, np.ndarray]:
    most = max(map(len, entries))
    exists = np.array([[number < len(entry) for number in range(most)] for entry in entries])
    filled = [entry + entry[:1] * (most - len(entry)) for entry in entries]
    return exists, np.array(filled, np.int32)


def _positions(offsets: tuple[int, ...], period: int) -> np.ndarray:
    positions = np.zeros(period, np.int32)
    positions[list(offsets)] = np.arange(len(offsets))
    return positions


def output_grid(grid: Grid, windows: Sequence[Window]) -> Grid:
    """Return the grid of the output of windows."""
    return Grid(
        tuple(window.output_size(n) for window, n in zip(windows, grid.sizes, strict=True)),
        tuple(period // window.stride for window, period in zip(windows, grid.period, strict=True)),
    )
