"""The kernels of all pairs of pixels, offset by offset, computed when a layer above asks for them.

A field holds the state of pairs of samples as a function of the offset: arrays of shape (*canvas,
pairs) whose spatial axes are the left position h, the right one being h plus the offset modulo the
canvas. Most layers never mix offsets, so that a chain of them runs through cache for one offset
after the other; what the network above does not need is never computed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from skntk.architecture.state import Array, PairState


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


Offset = tuple[int | LoopIndex, ...]
"""The offset on every spatial axis."""

Offsets = tuple[tuple[int, ...], ...]
"""The offsets that a layer above needs: of each axis some, and all their combinations."""


class Grid(NamedTuple):
    """Pixels and places of every spatial axis.

    Attributes
    ----------
    sizes : tuple of int
        Pixels.
    canvas : tuple of int
        Places on the circle on which offsets are counted, at least as many as pixels.
    """

    sizes: tuple[int, ...]
    canvas: tuple[int, ...]


def canvas_for(network: Any, sizes: tuple[int, ...]) -> Grid:
    """Return the grid of a network's input: a canvas that suits all of its layers."""
    _, strides, smallest = network.smallest_canvas(sizes)
    places = (-(-least // stride) * stride for least, stride in zip(smallest, strides, strict=True))
    return Grid(sizes, tuple(places))


class Field:
    """The state of pairs for every offset.

    Parameters
    ----------
    grid : Grid
    compute : callable
        Returns the `PairState` of an offset, arrays of shape ``(*canvas, pairs)``.
    nonnegative : array
        Any array that holds no negative numbers: it keeps computations apart, see `in_own_loop`.
    of_samples : bool
        Whether pairs are samples with themselves. Then offset 0 is a position with itself, which is
        more than a pair of equal ones (to `Dropout`), and may not be met inside of a loop.
    """

    def __init__(
        self,
        grid: Grid,
        compute: Callable[[Offset], PairState],
        nonnegative: Array,
        of_samples: bool,
    ) -> None:
        self.grid = grid
        self.nonnegative = nonnegative
        self.of_samples = of_samples
        self._compute = compute
        self._known: dict[tuple[Any, ...], PairState] = {}

    def at(self, offset: Offset) -> PairState:
        """Return the state of one offset, computed once."""
        key = tuple(each.key if isinstance(each, LoopIndex) else each for each in offset)
        if key not in self._known:
            self._known[key] = self._compute(offset)
        return self._known[key]

    @property
    def zero(self) -> Offset:
        """The offset of a position with itself."""
        return (0,) * len(self.grid.sizes)

    def mapped(self, compute: Callable[[Offset], PairState], grid: Grid | None = None) -> Field:
        """Return the field of another function of the offset."""
        grid = self.grid if grid is None else grid
        return Field(grid, compute, self.nonnegative, self.of_samples)

    def inside(self, offset: Offset, state: PairState) -> PairState:
        """Return the state with 0 where one of the positions is no pixel."""
        for axis, (at, n, places) in enumerate(zip(offset, *self.grid, strict=True)):
            position = np.arange(places)
            both = (position < n) & ((position + value_of(at)) % places < n)
            shape = [1] * state.nngp.ndim
            shape[axis] = places
            mask = jnp.asarray(both).reshape(shape)
            state = PairState(*(jnp.where(mask, values, 0) for values in state))
        return state


def value_of(at: int | LoopIndex) -> int | Array:
    """Return the number of an offset on one axis."""
    return at.value if isinstance(at, LoopIndex) else at


def in_loop(offset: Array) -> Offset:
    """Return the offset of a turn of a loop from an integer array of shape (n_axes,)."""
    turn = object()
    return tuple(LoopIndex(value, (turn, axis)) for axis, value in enumerate(offset))


def moved(at: int | LoopIndex, factor: int, shift: int, places: int) -> int | LoopIndex:
    """Return (factor * at + shift) modulo the number of places."""
    if isinstance(at, int):
        return (factor * at + shift) % places
    if (factor, shift) == (1, 0):
        return at
    return LoopIndex((factor * at.value + shift) % places, (*at.key, factor, shift, places))


class Shifted:
    """Arrays of positions, as they stand at an offset.

    What is read inside of a loop is laid out before it, twice in a row along every axis, so that
    every offset is one piece of it.

    Parameters
    ----------
    values : pytree of arrays of shape ``(..., *canvas, pairs)``
    n_axes : int
        Number of spatial axes.
    """

    def __init__(self, values: Any, n_axes: int) -> None:
        self._values = values
        self._twice = jax.tree.map(lambda leaf: _twice_in_a_row(leaf, n_axes), values)

    def at(self, offset: Offset) -> Any:
        """Return the values whose entry at position h is the one at h plus the offset."""
        if all(isinstance(each, int) and each == 0 for each in offset):
            return self._values

        def piece(values: Array, twice: Array) -> Array:
            at = (*(0,) * (values.ndim - 1 - len(offset)), *map(value_of, offset), 0)
            start = tuple(jnp.asarray(index, jnp.int32) for index in at)
            return lax.dynamic_slice(twice, start, values.shape)

        return jax.tree.map(piece, self._values, self._twice)


def _twice_in_a_row(values: Array, n_axes: int) -> Array:
    for axis in range(values.ndim - 1 - n_axes, values.ndim - 1):
        values = jnp.concatenate([values, values], axis)
    return values


def input_field(left: Array, right: Array, grid: Grid, *, of_samples: bool) -> Field:
    """Return the field of mean products of the channels of pairs of images.

    Parameters
    ----------
    left, right : arrays of shape (channels, *canvas, pairs)
        0 where there is no pixel.
    grid : Grid
    of_samples : bool
        Whether pairs are samples with themselves.
    """
    shifted = Shifted(right, len(grid.sizes))

    def compute(offset: Offset) -> PairState:
        nngp = jnp.mean(left * shifted.at(offset), axis=0)
        return PairState(nngp, jnp.zeros_like(nngp))

    return Field(grid, compute, jnp.square(left), of_samples)


def in_own_pass(function: Callable[..., Array], nonnegative: Array, *operands: Any) -> Array:
    """Return an array computed by one loop that is fused with no other, see `in_own_loop`.

    XLA would compute what a sum over neighbours reads anew for every neighbour.
    """
    shape = jax.eval_shape(function, *operands)
    always = jnp.logical_not(jnp.ravel(nonnegative)[0] < 0)
    result: Array = lax.cond(
        always, function, lambda *_: jnp.full(shape.shape, jnp.nan, shape.dtype), *operands
    )
    return result
