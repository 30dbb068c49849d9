"""Rows in blocks of a few fixed sizes, each with the statistics of its samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from typing import Any

import jax
import numpy as np

from skntk.architecture.layer import Layer
from skntk.architecture.spatial.fields import canvas_for
from skntk.architecture.state import SampleState
from skntk.gram.execution import RunTasks
from skntk.gram.programs import sample_program

# No powers of two: rows of such a tile would fall on the same cache lines when it is written
# transposed.
BLOCK_SIZES = (56, 120, 248, 504, 1000)

# The same for samples with many positions.
IMAGE_BLOCK_SIZES = (4, 8, 16, 32, 64)

# One array of a program holds the two kernels of so many pairs of images at one offset.
_ARRAY_BYTES = 128 * 2**10
# Two vectors: both kernels stand in turns.
_LEAST_BYTES = 128

# What one tile costs beside its entries, in units of the time of one entry: dispatch from Python.
_ENTRIES_PER_DISPATCH = 60_000


@dataclass(frozen=True)
class Block:
    """Consecutive rows, padded with zeros to one of `BLOCK_SIZES`.

    Attributes
    ----------
    rows : slice
        Where the rows stand in X.
    X : jax.Array of shape (block size, n_features)
        The rows and the padding.
    statistics : pytree of jax.Array of shape (..., block size)
        What the pair program reads of each.
    state : SampleState of ndarray of shape (block size,)
        Their kernels with themselves.
    """

    rows: slice
    X: jax.Array
    statistics: Any
    state: SampleState

    @property
    def n_rows(self) -> int:
        """Number of rows without the padding."""
        return int(self.rows.stop - self.rows.start)

    def __reduce__(self) -> tuple[Any, ...]:
        # JAX arrays of double precision would arrive in another process as single precision.
        arrays = jax.tree.map(np.asarray, (self.X, self.statistics, self.state))
        return _from_numpy, (self.rows, *arrays)

    def diagonal(self, kind: str) -> np.ndarray:
        """Return the kernels of the rows with themselves, without the padding."""
        values: np.ndarray = getattr(self.state, kind)[: self.n_rows]
        return values


def _from_numpy(rows: slice, X: np.ndarray, statistics: Any, state: SampleState) -> Block:
    with jax.enable_x64(X.dtype == np.float64):
        return Block(rows, jax.device_put(X), jax.device_put(statistics), state)


def block_size(n_rows: int) -> int:
    """Return the block size for which a symmetric matrix of ``n_rows`` costs least.

    Few sizes keep the number of compiled programs small: folds of different lengths share one.
    Small blocks waste less on padding, large ones less on dispatch.
    """

    def cost(size: int) -> int:
        n_blocks = -(-n_rows // size)
        return n_blocks * (n_blocks + 1) // 2 * (size**2 + _ENTRIES_PER_DISPATCH)

    return min(BLOCK_SIZES, key=cost)


def image_block_size(architecture: Layer, X: np.ndarray) -> int:
    """Return the block size for images or sequences: at most as many as are computed at once.

    One pair is work for all offsets that the network needs. A block with itself takes half of the
    pairs.
    """
    n_pixels = prod(X.shape[1:-1])
    pairs_per_dispatch = _ENTRIES_PER_DISPATCH // (n_pixels * n_offsets(architecture, X.shape))

    def cost(size: int) -> tuple[int, int]:
        n_blocks = -(-len(X) // size)
        # Of equal costs the larger blocks: their programs run longer without Python.
        return n_blocks**2 * (size**2 + pairs_per_dispatch), -size

    most = pairs_at_once(n_pixels, X.dtype)
    return min((size for size in IMAGE_BLOCK_SIZES if size <= most), key=cost)


def n_offsets(architecture: Layer, shape: tuple[int, ...]) -> int:
    """Return how many offsets of the pixels of samples ``(n, *sizes, channels)`` are needed."""
    grid = canvas_for(architecture, shape[1:-1])
    return prod(map(len, architecture.offsets_below((), grid, of_samples=False)))


def pairs_at_once(n_pixels: int, dtype: np.dtype) -> int:
    """Return how many pairs of images fill vectors and fit into cache at one offset."""
    return max(_LEAST_BYTES // dtype.itemsize, _ARRAY_BYTES // (2 * dtype.itemsize * n_pixels))


def make_blocks(architecture: Layer, X: np.ndarray, run_tasks: RunTasks) -> list[Block]:
    """Cut the rows of X into blocks and compute the kernels of every sample with itself.

    Parameters
    ----------
    architecture : layer
        With its numeric hyperparameters as arrays of the dtype of X.
    X : ndarray of shape (n_samples, n_features)
        Inputs.
    run_tasks : callable
        The workers that compute the kernels, see `workers`.

    Returns
    -------
    list of Block

    Raises
    ------
    ValueError
        If the kernel of a sample with itself is not finite. Every entry of the matrix is bounded by
        these, so that nothing else can overflow.
    """
    size = block_size(len(X)) if X.ndim == 2 else image_block_size(architecture, X)
    starts = range(0, len(X), size)
    rows = [slice(start, min(start + size, len(X))) for start in starts]
    tasks = [(of_block, X[of_block]) for of_block in rows]
    compute = partial(_compute_block, architecture, size)
    in_order = (
        _started_together(compute, tasks) if X.ndim == 2 else _shared(compute, tasks, run_tasks)
    )
    for block in in_order:
        _check_finite(block)
    return in_order


Task = tuple[slice, np.ndarray]


def _started_together(compute: Callable[[Task], Block], tasks: list[Task]) -> list[Block]:
    """Return blocks of vectors: a short program for each, which XLA runs while the next starts.

    Workers would take longer to come and go.
    """
    return [_finished(block) for block in [compute(task) for task in tasks]]


def _shared(
    compute: Callable[[Task], Block], tasks: list[Task], run_tasks: RunTasks
) -> list[Block]:
    """Return blocks that workers compute."""
    blocks: dict[int, Block] = {}

    def store(task: Task, block: Block) -> None:
        blocks[block.rows.start] = _finished(block)

    run_tasks(compute, store, tasks)
    return [blocks[rows.start] for rows, _ in tasks]


def _compute_block(architecture: Layer, size: int, task: Task) -> Block:
    """Return a block whose kernels are still on their way."""
    rows, X = task
    padded = np.zeros((size, *X.shape[1:]), X.dtype)
    padded[: len(X)] = X
    with jax.enable_x64(X.dtype == np.float64):
        on_device = jax.device_put(padded)
        state, statistics = sample_program(architecture, on_device)
    return Block(rows, on_device, statistics, state)


def _finished(block: Block) -> Block:
    return replace(block, state=jax.tree.map(np.asarray, block.state))


def _check_finite(block: Block) -> None:
    for kind in SampleState._fields:
        failed = ~np.isfinite(block.diagonal(kind))
        if failed.any():
            row = block.rows.start + int(np.argmax(failed))
            raise ValueError(
                f"The {kind.upper()} kernel of sample {row} with itself is not finite in "
                f"{block.X.dtype}: its inputs are too large for this architecture. Rescale the "
                "inputs (for example with StandardScaler), reduce weight_std, or choose an "
                "activation that grows more slowly."
            )
