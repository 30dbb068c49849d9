"""The kernels of all pairs of pixels, offset by offset, computed when a layer above asks for them.

A `PixelCovariance` holds the state of pairs of samples as a function of the offset: arrays of shape
(*period, pairs) whose spatial axes are the left position h, the right one being h plus the offset
modulo the period. Most layers never mix offsets, so that a chain of them runs through cache for one
offset after the other; what the network above does not need is never computed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from operator import add, mul
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from skntk.architecture.propagation.fusion import FusionBarriers, unpacked
from skntk.architecture.propagation.state import Array, PairState


class LoopIndex(NamedTuple):
    """An offset on one axis inside of a loop.

    Attributes
    ----------
    value : scalar integer array
    key : tuple
        What it is made of: equal keys mean equal values.
    """

    value: Array
    key: tuple[Any, ...]


_MOST_UNROLLED_CHANNELS = 16

Offset = tuple[int | LoopIndex, ...]
"""The offset on every spatial axis."""

Offsets = tuple[tuple[int, ...], ...]
"""The offsets that a layer above needs: of each axis some, and all their combinations."""

NO_OFFSETS: Offsets = ((),)
"""Asked of a network after whose last spatial layer nothing is needed but the statistics."""


class Grid(NamedTuple):
    """Pixels and padded positions of every spatial axis.

    Attributes
    ----------
    sizes : tuple of int
        Pixels.
    period : tuple of int
        Positions with those of the padding: the period of offsets, at least as many as pixels.
    """

    sizes: tuple[int, ...]
    period: tuple[int, ...]


def input_grid(network: Any, sizes: tuple[int, ...]) -> Grid:
    """Return the grid of a network's input: a period that suits all of its layers."""
    _, strides, smallest = network.smallest_period(sizes)
    period = (-(-least // stride) * stride for least, stride in zip(smallest, strides, strict=True))
    return Grid(sizes, tuple(period))


class PixelCovariance:
    """The state of pairs for every offset.

    Parameters
    ----------
    grid : Grid
    compute : callable
        Returns the `PairState` of an offset, arrays of shape ``(*period, pairs)``.
    barriers : FusionBarriers
        How the loops of the program are kept apart.
    is_diagonal : bool
        Whether pairs are samples with themselves. Then offset 0 is a position with itself, which is
        more than a pair of equal ones (to `Dropout`), and may not be met inside of a loop.
    sources : sequence of PixelCovariance, default=()
        The covariances that ``compute`` reads, all at the offset asked for.
    """

    def __init__(
        self,
        grid: Grid,
        compute: Callable[[Offset], PairState],
        barriers: FusionBarriers,
        is_diagonal: bool,
        sources: Sequence[PixelCovariance] = (),
    ) -> None:
        self.grid = grid
        self.barriers = barriers
        self.is_diagonal = is_diagonal
        self._compute = compute
        self._sources = sources

    def at(self, offset: Offset) -> PairState:
        """Return the state of one offset."""
        return self._compute(offset)

    def prepare(self, offset: Offset) -> None:
        """Compute what ``at(offset)`` reads from memory, ahead of the loop that will read it."""
        for source in self._sources:
            source.prepare(offset)

    @property
    def zero(self) -> Offset:
        """The offset of a position with itself."""
        return (0,) * len(self.grid.sizes)

    def mapped(
        self,
        compute: Callable[[Offset], PairState],
        grid: Grid | None = None,
        sources: Sequence[PixelCovariance] | None = None,
    ) -> PixelCovariance:
        """Return the covariance of another function of the offset.

        Parameters
        ----------
        compute : callable
        grid : Grid, default=None
            None is the same; on another grid offsets have another meaning, so that ``compute``
            reads no covariance.
        sources : sequence of PixelCovariance, default=None
            The covariances that ``compute`` reads; None is this one.
        """
        if grid is not None:
            return PixelCovariance(grid, compute, self.barriers, self.is_diagonal)
        read = (self,) if sources is None else sources
        return PixelCovariance(self.grid, compute, self.barriers, self.is_diagonal, read)

    def stored(self) -> PackedCovariance:
        """Return the covariance with the state of every offset computed once, by one loop."""

        def compute(offset: Offset) -> Array:
            self.prepare(offset)
            if self.grid.period and not self._is_input:
                return self.barriers.isolated_in_place(lambda: self.at(offset), self.grid.period)
            return self.barriers.isolated(lambda: self._stored_state(offset))

        with_ntk = self.barriers.with_ntk and not self._is_input
        return PackedCovariance(
            self.grid, compute, self.barriers, self.is_diagonal, with_ntk=with_ntk
        )

    _is_input: ClassVar[bool] = False

    def _stored_state(self, offset: Offset) -> PairState | Array:
        return self.at(offset)

    def inside(self, offset: Offset, state: PairState) -> PairState:
        """Return the state with 0 where one of the positions is no pixel."""
        for axis, (at, n, period) in enumerate(zip(offset, *self.grid, strict=True)):
            if n == period:
                continue
            position = np.arange(period, dtype=np.int32)
            both = (position < n) & ((position + value_of(at)) % period < n)
            shape = [1] * state.nngp.ndim
            shape[axis] = period
            mask = jnp.asarray(both).reshape(shape)
            state = PairState(*(jnp.where(mask, values, 0) for values in state))
        return state


class InputCovariance(PixelCovariance):
    """A covariance of inputs: their NTK is 0."""

    _is_input: ClassVar[bool] = True

    def _stored_state(self, offset: Offset) -> PairState | Array:
        return self.at(offset).nngp


class PackedCovariance(PixelCovariance):
    """A covariance whose states are kept in memory, each packed into one complex array.

    Parameters
    ----------
    grid, barriers, is_diagonal
        As for `PixelCovariance`.
    compute_packed : callable
        Returns the state of an offset as `FusionBarriers` packs it.
    with_ntk : bool
        Whether states have an NTK; the others are real arrays.
    """

    def __init__(
        self,
        grid: Grid,
        compute_packed: Callable[[Offset], Array],
        barriers: FusionBarriers,
        is_diagonal: bool,
        *,
        with_ntk: bool,
    ) -> None:
        super().__init__(grid, self._unpacked, barriers, is_diagonal)
        self.with_ntk = with_ntk
        self._compute_packed = compute_packed
        self._known: dict[tuple[Any, ...], Array] = {}

    def packed(self, offset: Offset) -> Array:
        """Return the state of one offset, computed once; it may have one more row of zeros."""
        key = tuple(at.key if isinstance(at, LoopIndex) else at for at in offset)
        if key not in self._known:
            self._known[key] = self._compute_packed(offset)
        return self._known[key]

    def prepare(self, offset: Offset) -> None:
        self.packed(offset)

    def stored(self) -> PackedCovariance:
        return self

    def _unpacked(self, offset: Offset) -> PairState:
        rows = tuple(map(slice, self.grid.period[:1]))
        return unpacked(self.packed(offset)[rows])


def value_of(at: int | LoopIndex) -> int | Array:
    """Return the number of an offset on one axis."""
    return at.value if isinstance(at, LoopIndex) else at


def in_loop(offset: Array) -> Offset:
    """Return the offset of one step of a loop from an integer array of shape (n_axes,)."""
    loop = object()
    return tuple(LoopIndex(value, (loop, axis)) for axis, value in enumerate(offset))


def moved(at: int | LoopIndex, factor: int, shift: int, period: int) -> int | LoopIndex:
    """Return (factor * at + shift) modulo the period."""
    if isinstance(at, int):
        return (factor * at + shift) % period
    if (factor, shift) == (1, 0):
        return at
    return LoopIndex(
        lax.rem(factor * at.value + shift, jnp.int32(period)), (*at.key, factor, shift, period)
    )


class Shifted:
    """Arrays of positions, as they stand at an offset.

    What is read inside of a loop is laid out before it, twice in a row along every axis, so that
    every offset is one piece of it.

    Parameters
    ----------
    values : pytree of arrays of shape ``(..., *period, pairs)``
    n_axes : int
        Number of spatial axes.
    """

    def __init__(self, values: Any, n_axes: int) -> None:
        self._values = values
        self._twice = jax.tree.map(lambda leaf: _twice_in_a_row(leaf, n_axes), values)

    def at(self, offset: Offset) -> Any:
        """Return the values whose entry at position h is the one at h plus the offset."""
        if all(isinstance(at, int) and at == 0 for at in offset):
            return self._values

        def piece(values: Array, twice: Array) -> Array:
            at = (*(0,) * (values.ndim - 1 - len(offset)), *map(value_of, offset), 0)
            start = tuple(jnp.asarray(index, jnp.int32) for index in at)
            return lax.dynamic_slice(twice, start, values.shape, allow_negative_indices=False)

        return jax.tree.map(piece, self._values, self._twice)


def _twice_in_a_row(values: Array, n_axes: int) -> Array:
    for axis in range(values.ndim - 1 - n_axes, values.ndim - 1):
        values = jnp.concatenate([values, values], axis)
    return values


def input_covariance(
    left: Array, right: Array, grid: Grid, barriers: FusionBarriers, *, is_diagonal: bool
) -> PixelCovariance:
    """Return the covariance of mean products of the channels of pairs of images.

    Parameters
    ----------
    left, right : arrays of shape (channels, *period, pairs)
        0 where there is no pixel.
    grid : Grid
    barriers : FusionBarriers
    is_diagonal : bool
        Whether pairs are samples with themselves.
    """
    unrolled = len(left) <= _MOST_UNROLLED_CHANNELS
    shifted = Shifted(tuple(right) if unrolled else right, len(grid.sizes))

    def compute(offset: Offset) -> PairState:
        nngp = _mean_of_products(left, shifted.at(offset))
        return PairState(nngp, jnp.zeros_like(nngp))

    return InputCovariance(grid, compute, barriers, is_diagonal)


def _mean_of_products(left: Array, right: Array | Sequence[Array]) -> Array:
    """Return the mean over the first axis, in a form that XLA computes for whole vectors."""
    if isinstance(right, jax.Array):
        return jnp.mean(left * right, axis=0)
    return reduce(add, map(mul, left, right)) / len(right)
