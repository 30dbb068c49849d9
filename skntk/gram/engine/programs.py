"""The compiled programs: kernels of samples with themselves, and of pairs of samples.

`jax.jit` keys its cache by the structure of the architecture, by shapes and by dtype. Numeric
hyperparameters are arguments, so that a search over them compiles nothing. The cache lives in this
module, never on an instance. `Program.on` gives the function for the platform of a device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from skntk.architecture.core.layer import Layer
from skntk.architecture.propagation.fusion import FusionBarriers
from skntk.architecture.propagation.pixel_covariance import (
    NO_OFFSETS,
    Grid,
    input_covariance,
    input_grid,
)
from skntk.architecture.propagation.state import (
    Array,
    PairState,
    SampleState,
    Statistics,
    as_left,
    as_right,
    input_pairs,
    input_samples,
)
from skntk.gram.engine.devices import program
from skntk.gram.engine.directional_derivative import DirectionalDerivative


def as_arguments(architecture: Layer, dtype: np.dtype) -> Layer:
    """Return the architecture with every numeric hyperparameter as an array of ``dtype``.

    A Python int, a float and a NumPy number then are one type to `jax.jit`, and so one compiled
    program.
    """
    arguments: Layer = jax.tree.map(lambda leaf: np.asarray(leaf, dtype), architecture)
    return arguments


@program(static_argnames="with_kernels")
def sample_program(
    architecture: Layer, X: Array, *, with_kernels: bool
) -> tuple[SampleState | None, Statistics]:
    """Return the kernels of the rows of X with themselves, and the statistics that pairs need.

    Without the kernels, which images can do, only offsets that the statistics need are computed. Of
    a `DirectionalDerivative` the kernels are the derivatives, and the statistics come in pairs.
    """
    compute = partial(kernels_of_samples, X=X, with_kernels=with_kernels)
    if not isinstance(architecture, DirectionalDerivative):
        return compute(architecture)
    (_, statistics), (derivatives, of_statistics) = architecture.of(compute)
    return derivatives, (statistics, of_statistics)


def kernels_of_samples(
    architecture: Layer, X: Array, *, with_kernels: bool
) -> tuple[SampleState | None, Statistics]:
    """Return what `sample_program` computes of a network."""
    X = architecture.scale_inputs(X)
    if X.ndim == 2:
        return architecture.propagate_samples(input_samples(X))
    grid = input_grid(architecture, X.shape[1:-1])
    images = _on_canvas(X, grid)
    passes = FusionBarriers(jnp.square(images), with_ntk=with_kernels)
    field = input_covariance(images, images, grid, passes, is_diagonal=True)
    field, statistics = architecture.propagate_sample_pixels(
        field, () if with_kernels else NO_OFFSETS
    )
    return SampleState(*field.at(())) if with_kernels else None, statistics


@program(static_argnames="kinds", donate_argnames="memory", keep_unused=True)
def pair_program(
    architecture: Layer,
    left: tuple[Array, Statistics],
    right: tuple[Array, Statistics],
    memory: tuple[Array, ...],
    zero: Array,
    *,
    kinds: Sequence[str],
) -> tuple[Array, ...]:
    """Return the kernels of all left with all right vectors, both (X, statistics), for each kind.

    The results overwrite ``memory``, arrays whose values do not matter, all but the last row: XLA
    leaves a loop that writes into a piece of an array to the thread that asks for the tile.
    """
    (X, of_left), (Y, of_right) = left, right
    state = _of_pairs(partial(kernels_of_pairs, X=X, Y=Y), architecture, of_left, of_right)
    return tuple(
        lax.dynamic_update_slice(array, getattr(state, kind), (zero, zero))
        for array, kind in zip(memory, kinds, strict=True)
    )


def kernels_of_pairs(
    architecture: Layer, left: Statistics, right: Statistics, *, X: Array, Y: Array
) -> PairState:
    """Return the kernels of all rows of X with all of Y, given the statistics of both."""
    X, Y = architecture.scale_inputs(X), architecture.scale_inputs(Y)
    return architecture.propagate_pairs(input_pairs(X, Y), as_left(left), as_right(right))


def _of_pairs(
    compute: Callable[[Layer, Statistics, Statistics], Any],
    architecture: Layer,
    left: Statistics,
    right: Statistics,
) -> Any:
    """Return what a function of a network and of statistics computes, or how that changes."""
    if not isinstance(architecture, DirectionalDerivative):
        return compute(architecture, left, right)
    (left, of_left), (right, of_right) = left, right
    return architecture.of(compute, (left, right), (of_left, of_right))[1]


@program(static_argnames=("kinds", "together"), donate_argnames="memory")
def turn_program(
    architecture: Layer,
    left: tuple[Array, Statistics],
    right: tuple[Array, Statistics],
    memory: tuple[Array, ...],
    first: Array,
    count: Array,
    *,
    kinds: Sequence[str],
    together: int,
) -> tuple[Array, ...]:
    """Return the kernels of left with right images, both (X, statistics), for each kind.

    In turn d every left image i meets the right image (i + d) modulo their number: pairs stand
    side by side as the images do, nothing has to be laid out for them, and a block with itself
    takes half of the turns.

    Parameters
    ----------
    architecture : layer
    left, right : (X, statistics)
    memory : tuple of arrays of shape (rounds, together * n_left)
        For each kind. The first ``count`` rows are overwritten.
    first, count : scalar integer arrays
        The first turn, and how many rounds to compute.
    kinds : sequence of {"nngp", "ntk"}
    together : int
        Turns in one round, side by side, so that whole vectors are computed of a few images.

    Returns
    -------
    tuple of arrays of shape (rounds, together * n_left)
    """
    (X, of_left), (Y, of_right) = left, right

    def compute(architecture: Layer, left: Statistics, right: Statistics) -> tuple[Array, ...]:
        sides = (X, left), (Y, right)
        return _kernels_in_turns(architecture, *sides, memory, first, count, kinds, together)

    results: tuple[Array, ...] = _of_pairs(compute, architecture, of_left, of_right)
    return results


def _kernels_in_turns(
    architecture: Layer,
    left: tuple[Array, Statistics],
    right: tuple[Array, Statistics],
    memory: tuple[Array, ...],
    first: Array,
    count: Array,
    kinds: Sequence[str],
    together: int,
) -> tuple[Array, ...]:
    grid = input_grid(architecture, left[0].shape[1:-1])
    n_left, n_right = len(left[0]), len(right[0])
    left, right = (
        (_on_canvas(architecture.scale_inputs(X), grid), statistics)
        for X, statistics in (left, right)
    )
    left = jax.tree.map(lambda leaf: _repeated(leaf, together * n_left), left)
    # Right images come again after so many, one further on: from there the next turn starts.
    step = -(-(n_left - 1) // n_right) * n_right + 1
    right = jax.tree.map(lambda leaf: _repeated(leaf, n_right + together * step), right)

    def of_turns(first: Array) -> tuple[Array, Statistics]:
        def piece(leaf: Array) -> Array:
            turns = lax.dynamic_slice_in_dim(
                leaf, first, together * step, -1, allow_negative_indices=False
            )
            of_turn = turns.reshape(*leaf.shape[:-1], together, step)[..., :n_left]
            return of_turn.reshape(*leaf.shape[:-1], together * n_left)

        return jax.tree.map(piece, right)

    passes = FusionBarriers(jnp.square(left[0]), with_ntk="ntk" in kinds)

    def kernels(number: Array) -> list[Array]:
        images, of_right = of_turns(lax.rem(first + together * number, np.int32(n_right)))
        field = input_covariance(left[0], images, grid, passes, is_diagonal=False)
        state = architecture.propagate_pair_pixels(field, (), left[1], of_right).at(())
        return [getattr(state, kind) for kind in kinds]

    of_passes, body = passes.with_buffers(kernels, (count,))

    def one_round(number: Array, carry: tuple[Any, Any]) -> tuple[Any, Any]:
        memory, of_passes = carry
        rows, of_passes = body(of_passes, number)
        memory = tuple(
            lax.dynamic_update_index_in_dim(all_rows, row, number, 0, allow_negative_indices=False)
            for all_rows, row in zip(memory, rows, strict=True)
        )
        return memory, of_passes

    return lax.fori_loop(0, count, one_round, (memory, of_passes))[0]


def _repeated(values: Array, length: int) -> Array:
    """Return the last axis over and over again, until it has so many entries."""
    times = -(-length // values.shape[-1])
    return values if times == 1 else jnp.concatenate([values] * times, -1)[..., :length]


def _on_canvas(X: Array, grid: Grid) -> Array:
    """Return images (n, *sizes, channels) as an array of shape (channels, *canvas, n)."""
    pads = [(0, places - n) for n, places in zip(*grid, strict=True)]
    return jnp.moveaxis(jnp.pad(X, [(0, 0), *pads, (0, 0)]), (-1, 0), (0, -1))
