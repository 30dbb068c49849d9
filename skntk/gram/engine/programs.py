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
from skntk.gram.engine.compilation import program
from skntk.gram.engine.directional_derivative import DirectionalDerivative
from skntk.gram.engine.prepared_network import NetworkArguments


@program(static_argnames="with_kernels")
def sample_program(
    arguments: NetworkArguments, X: Array, *, with_kernels: bool
) -> tuple[SampleState | None, Statistics]:
    """Return the kernels of the rows of X with themselves, and the statistics that pairs need.

    Without the kernels, which images can do, only offsets that the statistics need are computed. Of
    a `DirectionalDerivative` the kernels are the derivatives, and the statistics come in pairs.
    """
    network = arguments.network()
    compute = partial(kernels_of_samples, X=X, with_kernels=with_kernels)
    if not isinstance(network, DirectionalDerivative):
        return compute(network)
    (_, statistics), (derivatives, changes) = network.of(compute)
    return derivatives, (statistics, changes)


def kernels_of_samples(
    architecture: Layer, X: Array, *, with_kernels: bool
) -> tuple[SampleState | None, Statistics]:
    """Return the result of `sample_program` for a network."""
    X = architecture.scale_inputs(X)
    if X.ndim == 2:
        return architecture.propagate_samples(input_samples(X))
    grid = input_grid(architecture, X.shape[1:-1])
    images = padded_images(X, grid)
    barriers = FusionBarriers(jnp.square(images), with_ntk=with_kernels)
    covariance = input_covariance(images, images, grid, barriers, is_diagonal=True)
    covariance, statistics = architecture.propagate_sample_pixels(
        covariance, () if with_kernels else NO_OFFSETS
    )
    return SampleState(*covariance.at(())) if with_kernels else None, statistics


@program(static_argnames="kinds", donate_argnames="memory", keep_unused=True)
def pair_program(
    arguments: NetworkArguments,
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
    (X, left_statistics), (Y, right_statistics) = left, right
    compute = partial(kernels_of_pairs, X=X, Y=Y)
    state = _kernels_or_changes(compute, arguments, left_statistics, right_statistics)
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


def _kernels_or_changes(
    compute: Callable[[Layer, Statistics, Statistics], Any],
    arguments: NetworkArguments,
    left: Statistics,
    right: Statistics,
) -> Any:
    """Return a function of a network and of statistics, or its directional derivative."""
    network = arguments.network()
    if not isinstance(network, DirectionalDerivative):
        return compute(network, left, right)
    (left, left_changes), (right, right_changes) = left, right
    return network.of(compute, (left, right), (left_changes, right_changes))[1]


@program(static_argnames=("kinds", "shifts_per_step"), donate_argnames="memory")
def shift_program(
    arguments: NetworkArguments,
    left: tuple[Array, Statistics],
    right: tuple[Array, Statistics],
    memory: tuple[Array, ...],
    first_shift: Array,
    n_steps: Array,
    *,
    kinds: Sequence[str],
    shifts_per_step: int,
) -> tuple[Array, ...]:
    """Return the kernels of left with right images, both (X, statistics), for each kind.

    At shift d every left image i meets the right image (i + d) modulo their number: pairs stand
    side by side as the images do, nothing has to be laid out for them, and a block with itself
    takes half of the shifts.

    Parameters
    ----------
    arguments : NetworkArguments
    left, right : (X, statistics)
    memory : tuple of arrays of shape (steps, shifts_per_step * n_left)
        For each kind. The first ``n_steps`` rows are overwritten.
    first_shift, n_steps : scalar integer arrays
    kinds : sequence of {"nngp", "ntk"}
    shifts_per_step : int
        Shifts side by side in one step, so that whole vectors are computed of a few images.

    Returns
    -------
    tuple of arrays of shape (steps, shifts_per_step * n_left)
    """
    (X, left_statistics), (Y, right_statistics) = left, right

    def compute(architecture: Layer, left: Statistics, right: Statistics) -> tuple[Array, ...]:
        sides = (X, left), (Y, right)
        return _shifted_kernels(
            architecture, *sides, memory, first_shift, n_steps, kinds, shifts_per_step
        )

    results: tuple[Array, ...] = _kernels_or_changes(
        compute, arguments, left_statistics, right_statistics
    )
    return results


# With 4 left images, 3 right images and 2 shifts per step, step 0 has the pairs of these columns:
#
#                   shift 0    shift 1
#     left images   0 1 2 3    0 1 2 3
#     right images  0 1 2 0    1 2 0 1
#
# and step 1 those of shift 2, which completes all 4 x 3 pairs. The left images are the same in
# every step, and laid out once. The right images of a step are one piece of 0 1 2 0 1 2 0 ...,
# which is laid out once as well: ``stride`` entries further on, it has the same images shifted by
# one, so that a piece of ``shifts_per_step * stride`` entries, cut into rows of ``stride``, has the
# images of a shift at the beginning of every row. To copy one piece is cheaper than to gather.
def _shifted_kernels(
    architecture: Layer,
    left: tuple[Array, Statistics],
    right: tuple[Array, Statistics],
    memory: tuple[Array, ...],
    first_shift: Array,
    n_steps: Array,
    kinds: Sequence[str],
    shifts_per_step: int,
) -> tuple[Array, ...]:
    """Fill one row of ``memory`` in every step, with the kernels of some shifts."""
    grid = input_grid(architecture, left[0].shape[1:-1])
    n_left, n_right = len(left[0]), len(right[0])
    left, right = (
        (padded_images(architecture.scale_inputs(X), grid), statistics)
        for X, statistics in (left, right)
    )
    left = jax.tree.map(lambda leaf: _repeated(leaf, shifts_per_step * n_left), left)
    # A multiple of the number of right images, at least n_left - 1, and one more.
    stride = -(-(n_left - 1) // n_right) * n_right + 1
    right = jax.tree.map(lambda leaf: _repeated(leaf, n_right + shifts_per_step * stride), right)

    def shifted(first: Array) -> tuple[Array, Statistics]:
        def piece(leaf: Array) -> Array:
            rows = lax.dynamic_slice_in_dim(
                leaf, first, shifts_per_step * stride, -1, allow_negative_indices=False
            )
            rows = rows.reshape(*leaf.shape[:-1], shifts_per_step, stride)[..., :n_left]
            return rows.reshape(*leaf.shape[:-1], shifts_per_step * n_left)

        return jax.tree.map(piece, right)

    barriers = FusionBarriers(jnp.square(left[0]), with_ntk="ntk" in kinds)

    def kernels(number: Array) -> list[Array]:
        shift = lax.rem(first_shift + shifts_per_step * number, np.int32(n_right))
        images, statistics = shifted(shift)
        covariance = input_covariance(left[0], images, grid, barriers, is_diagonal=False)
        state = architecture.propagate_pair_pixels(covariance, (), left[1], statistics).at(())
        return [getattr(state, kind) for kind in kinds]

    buffers, body = barriers.with_buffers(kernels, (n_steps,))

    def step(number: Array, carry: tuple[Any, Any]) -> tuple[Any, Any]:
        memory, buffers = carry
        rows, buffers = body(buffers, number)
        memory = tuple(
            lax.dynamic_update_index_in_dim(all_rows, row, number, 0, allow_negative_indices=False)
            for all_rows, row in zip(memory, rows, strict=True)
        )
        return memory, buffers

    return lax.fori_loop(0, n_steps, step, (memory, buffers))[0]


def _repeated(values: Array, length: int) -> Array:
    """Return the last axis over and over again, until it has so many entries."""
    times = -(-length // values.shape[-1])
    return values if times == 1 else jnp.concatenate([values] * times, -1)[..., :length]


def padded_images(X: Array, grid: Grid) -> Array:
    """Return images (n, *sizes, channels) as an array of shape (channels, *period, n)."""
    pads = [(0, places - n) for n, places in zip(*grid, strict=True)]
    return jnp.moveaxis(jnp.pad(X, [(0, 0), *pads, (0, 0)]), (-1, 0), (0, -1))
