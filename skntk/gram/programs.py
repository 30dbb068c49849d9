"""The compiled programs: kernels of samples with themselves, and of one tile of pairs.

`jax.jit` keys its cache by the structure of the architecture, by shapes and by dtype. Numeric
hyperparameters are arguments, so that a search over them compiles nothing. The cache lives in this
module, never on an instance.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from skntk.architecture.layer import Layer
from skntk.architecture.spatial.fields import (
    Grid,
    canvas_for,
    in_own_pass,
    input_field,
)
from skntk.architecture.state import (
    Array,
    PairState,
    SampleState,
    Statistics,
    as_left,
    as_right,
    input_pairs,
    input_samples,
)

# XLA prefers vectors of half the width that AVX-512 offers; the fused loops gain a fifth from all
# of it. Threads compute whole tiles: those of XLA within a tile would only wait for each other.
_COMPILER_OPTIONS = {"xla_cpu_prefer_vector_width": 512, "xla_cpu_multi_thread_eigen": False}


def as_arguments(architecture: Layer, dtype: np.dtype) -> Layer:
    """Return the architecture with every numeric hyperparameter as an array of ``dtype``.

    A Python int, a float and a NumPy number then are one type to `jax.jit`, and so one compiled
    program.
    """
    arguments: Layer = jax.tree.map(lambda leaf: np.asarray(leaf, dtype), architecture)
    return arguments


@partial(jax.jit, compiler_options=_COMPILER_OPTIONS)
def sample_program(architecture: Layer, X: Array) -> tuple[SampleState, Statistics]:
    """Return the kernels of the rows of X with themselves, and the statistics that pairs need."""
    if X.ndim == 2:
        return architecture.propagate_samples(input_samples(X))
    grid = canvas_for(architecture, X.shape[1:-1])
    images = _on_canvas(X, grid)
    field = input_field(images, images, grid, of_samples=True)
    field, statistics = architecture.field_of_samples(field, ())
    return SampleState(*field.at(())), statistics


@partial(
    jax.jit,
    static_argnames="kinds",
    donate_argnames="memory",
    keep_unused=True,
    compiler_options=_COMPILER_OPTIONS,
)
def pair_program(
    architecture: Layer,
    left: tuple[Array, Statistics],
    right: tuple[Array, Statistics],
    memory: tuple[Array, ...],
    *,
    kinds: Sequence[str],
) -> tuple[Array, ...]:
    """Return the kernels of left with right rows, both (X, statistics), one for each kind.

    The results take the place of ``memory``, arrays of their shape whose values do not matter.
    """
    (X, of_left), (Y, of_right) = left, right
    if X.ndim == 2:
        statistics = as_left(of_left), as_right(of_right)
        state = architecture.propagate_pairs(input_pairs(X, Y), *statistics)
    else:
        state = _pairs_of_images(architecture, left, right)
    return tuple(getattr(state, kind) for kind in kinds)


def _pairs_of_images(
    architecture: Layer, left: tuple[Array, Statistics], right: tuple[Array, Statistics]
) -> PairState:
    (X, of_left), (Y, of_right) = left, right
    grid = canvas_for(architecture, X.shape[1:-1])
    # All pairs stand on one axis, the innermost, so that whole vectors of them are computed at
    # once. What belongs to one sample is laid out once for all offsets.
    left_images, of_left = jax.tree.map(
        lambda leaf: in_own_pass(lambda a: jnp.repeat(a, len(Y), axis=-1), jnp.square(X), leaf),
        (_on_canvas(X, grid), of_left),
    )
    right_images, of_right = jax.tree.map(
        lambda leaf: in_own_pass(lambda a: jnp.concatenate([a] * len(X), -1), jnp.square(X), leaf),
        (_on_canvas(Y, grid), of_right),
    )
    field = input_field(left_images, right_images, grid, of_samples=False)
    state = architecture.field_of_pairs(field, (), of_left, of_right).at(())
    return PairState(*(values.reshape(len(X), len(Y)) for values in state))


def _on_canvas(X: Array, grid: Grid) -> Array:
    """Return images (n, *sizes, channels) as an array of shape (channels, *canvas, n)."""
    pads = [(0, places - n) for n, places in zip(*grid, strict=True)]
    return jnp.moveaxis(jnp.pad(X, [(0, 0), *pads, (0, 0)]), (-1, 0), (0, -1))
