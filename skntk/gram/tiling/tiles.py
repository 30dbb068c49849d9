"""Kernel matrices from tasks that workers compute: tiles of vectors, turns of images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, combinations_with_replacement, product

import jax
import numpy as np

from skntk.architecture.core.layer import Layer
from skntk.gram.engine.devices import Devices
from skntk.gram.engine.engine import Engine
from skntk.gram.engine.programs import pair_program
from skntk.gram.engine.results import TileResults, results_pool
from skntk.gram.engine.sizes import TileSizes, samples_as_pairs
from skntk.gram.tiling.blocks import Block, check_finite, make_blocks
from skntk.gram.tiling.shifted_pairs import Turns, turns_of

# Rows that are mirrored at a time; twice as many or half as many are no faster.
_SYMMETRIC_STEP = 125


@dataclass(frozen=True)
class Tile:
    """All pairs of two blocks of vectors."""

    left: Block
    right: Block

    @property
    def key(self) -> tuple[int, ...]:
        """What tells the tile from others of the same matrix."""
        return (self.left.rows.start, self.right.rows.start)

    @property
    def entries(self) -> tuple[slice, ...]:
        """Where the results are that have a meaning."""
        return (slice(self.left.n_rows), slice(self.right.n_rows))

    def compute(self, architecture: Layer, kinds: Sequence[str]) -> TileResults:
        """Return the kernels, arrays of shape (left block size, right block size)."""
        # Those of the samples were still on their way when the blocks were made.
        self.left.check()
        self.right.check()
        left, right = ((block.X, block.statistics) for block in (self.left, self.right))
        shape, dtype = (len(left[0]) + 1, len(right[0])), left[0].dtype
        with jax.enable_x64(dtype == np.float64):
            device = left[0].device
            memory = tuple(results_pool.take(shape, dtype, device) for _ in kinds)
            compute = pair_program.on(device)
            zero = np.int32(0)
            return TileResults(compute(architecture, left, right, memory, zero, kinds=tuple(kinds)))

    def store(
        self,
        matrices: Sequence[np.ndarray],
        kinds: Sequence[str],
        results: TileResults,
        *,
        symmetric: bool,
    ) -> None:
        """Write the results into the matrices, into both triangles of symmetric ones."""
        left, right = self.left, self.right
        for matrix, array in zip(matrices, results.arrays, strict=True):
            entries = np.asarray(array)[self.entries]
            if left is right:
                _store_symmetric(matrix[left.rows, left.rows], entries)
                continue
            matrix[left.rows, right.rows] = entries
            if symmetric:
                matrix[right.rows, left.rows] = entries.T


def symmetric_matrices(
    architecture: Layer,
    X: np.ndarray,
    kinds: Sequence[str],
    engine: Engine,
    matrices: Sequence[np.ndarray],
) -> None:
    """Fill matrices with the kernels of the rows of X with each other, from half of the pairs."""
    sizes = engine.begin(architecture, kinds, X)
    blocks = make_blocks(architecture, X, sizes.left, engine)
    tasks = _tasks(combinations_with_replacement(blocks, 2), sizes)
    _run(architecture, matrices, kinds, tasks, engine, symmetric=True)
    for matrix, kind in zip(matrices, kinds, strict=True):
        if all(block.state is not None for block in blocks):
            # That a sample is the same as itself is known only to the per-sample program.
            np.fill_diagonal(matrix, np.concatenate([block.diagonal(kind) for block in blocks]))
        else:
            check_finite(kind, np.diagonal(matrix))


def cross_matrices(
    architecture: Layer,
    X: np.ndarray,
    Y: np.ndarray,
    kinds: Sequence[str],
    engine: Engine,
    matrices: Sequence[np.ndarray],
) -> None:
    """Fill matrices with the kernels of the rows of X with those of Y."""
    sizes = engine.begin(architecture, kinds, X, Y)
    left_blocks = make_blocks(architecture, X, sizes.left, engine)
    right_blocks = make_blocks(architecture, Y, sizes.right, engine)
    tasks = _tasks(product(left_blocks, right_blocks), sizes)
    _run(architecture, matrices, kinds, tasks, engine, symmetric=False)
    if samples_as_pairs(architecture, X.shape):
        for matrix, kind in zip(matrices, kinds, strict=True):
            check_finite(kind, matrix)


def diagonals(
    architecture: Layer, X: np.ndarray, kinds: Sequence[str], engine: Engine
) -> list[np.ndarray]:
    """Return the kernels of the rows of X with themselves."""
    if not samples_as_pairs(architecture, X.shape):
        blocks = make_blocks(architecture, X, engine.begin(architecture, (), X).left, engine)
        for block in blocks:
            block.check()
        return [np.concatenate([block.diagonal(kind) for block in blocks]) for kind in kinds]
    sizes = engine.begin(architecture, kinds, X)
    results = [np.empty(len(X), X.dtype) for _ in kinds]

    def store(task: Turns, of_task: TileResults) -> None:
        for result, array in zip(results, of_task.arrays, strict=True):
            result[task.left.rows] = np.asarray(array)[0, : task.left.n_rows]
        of_task.release()

    blocks = make_blocks(architecture, X, sizes.left, engine)
    tasks = [Turns(block, block, 0, 1, sizes.together) for block in blocks]
    compute = partial(compute_task, engine.devices, architecture, tuple(kinds))
    engine.run_tiles(compute, store, tasks)
    for result, kind in zip(results, kinds, strict=True):
        check_finite(kind, result)
    return results


def _tasks(pairs: Iterable[tuple[Block, Block]], sizes: TileSizes) -> Iterable[Tile | Turns]:
    return chain.from_iterable(
        [Tile(left, right)] if left.X.ndim == 2 else turns_of(left, right, sizes)
        for left, right in pairs
    )


def _run(
    architecture: Layer,
    matrices: Sequence[np.ndarray],
    kinds: Sequence[str],
    tasks: Iterable[Tile | Turns],
    engine: Engine,
    *,
    symmetric: bool,
) -> None:
    def store(task: Tile | Turns, results: TileResults) -> None:
        task.store(matrices, kinds, results, symmetric=symmetric)
        results.release()

    compute = partial(compute_task, engine.devices, architecture, tuple(kinds))
    engine.run_tiles(compute, store, tasks)


def compute_task(
    devices: Devices, architecture: Layer, kinds: Sequence[str], task: Tile | Turns
) -> TileResults:
    """Return the results of a task; a function of this module, so that it pickles."""
    with devices.borrowed() as device:
        left, right = task.left.on(device), task.right.on(device)
        results = replace(task, left=left, right=right).compute(architecture, kinds)
        jax.block_until_ready(results.arrays)
        return results


def _store_symmetric(target: np.ndarray, entries: np.ndarray) -> None:
    """Write a tile on the diagonal from its upper triangle: rounding differs on the two sides."""
    size = len(entries)
    for start in range(0, size, _SYMMETRIC_STEP):
        stop = min(start + _SYMMETRIC_STEP, size)
        target[start:stop, stop:] = entries[start:stop, stop:]
        target[stop:, start:stop] = entries[start:stop, stop:].T
        square = entries[start:stop, start:stop]
        target[start:stop, start:stop] = (square + square.T) / 2
