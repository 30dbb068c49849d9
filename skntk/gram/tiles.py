"""Kernel matrices from tasks that workers compute: tiles of vectors, turns of images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, combinations_with_replacement, product

import jax
import numpy as np

from skntk.architecture.layer import Layer
from skntk.gram.blocks import Block, make_blocks
from skntk.gram.execution import RunTasks
from skntk.gram.programs import pair_program
from skntk.gram.results import TileResults, results_pool
from skntk.gram.turns import Turns, turns_of

# Rows that are mirrored at a time; twice as many or half as many are no faster.
_SYMMETRIC_STEP = 125


@dataclass(frozen=True)
class Tile:
    """All pairs of two blocks of vectors."""

    left: Block
    right: Block

    def compute(self, architecture: Layer, kinds: Sequence[str]) -> TileResults:
        """Return the kernels, arrays of shape (left block size, right block size)."""
        left, right = ((block.X, block.statistics) for block in (self.left, self.right))
        shape, dtype = (len(left[0]), len(right[0])), left[0].dtype
        with jax.enable_x64(dtype == np.float64):
            memory = tuple(results_pool.take(shape, dtype) for _ in kinds)
            return TileResults(pair_program(architecture, left, right, memory, kinds=tuple(kinds)))

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
            entries = np.asarray(array)[: left.n_rows, : right.n_rows]
            if left is right:
                _store_symmetric(matrix[left.rows, left.rows], entries)
                continue
            matrix[left.rows, right.rows] = entries
            if symmetric:
                matrix[right.rows, left.rows] = entries.T


def symmetric_matrices(
    architecture: Layer, X: np.ndarray, kinds: Sequence[str], run_tasks: RunTasks
) -> list[np.ndarray]:
    """Return the kernels of the rows of X with each other, from half of the pairs."""
    blocks = make_blocks(architecture, X, run_tasks)
    matrices = [np.empty((len(X), len(X)), X.dtype) for _ in kinds]
    tasks = _tasks(architecture, combinations_with_replacement(blocks, 2))
    _run(architecture, matrices, kinds, tasks, run_tasks, symmetric=True)
    for matrix, kind in zip(matrices, kinds, strict=True):
        # That a sample is the same as itself is known only to the per-sample program.
        np.fill_diagonal(matrix, np.concatenate([block.diagonal(kind) for block in blocks]))
    return matrices


def cross_matrices(
    architecture: Layer, X: np.ndarray, Y: np.ndarray, kinds: Sequence[str], run_tasks: RunTasks
) -> list[np.ndarray]:
    """Return the kernels of the rows of X with those of Y."""
    left_blocks, right_blocks = (make_blocks(architecture, each, run_tasks) for each in (X, Y))
    matrices = [np.empty((len(X), len(Y)), X.dtype) for _ in kinds]
    tasks = _tasks(architecture, product(left_blocks, right_blocks))
    _run(architecture, matrices, kinds, tasks, run_tasks, symmetric=False)
    return matrices


def _tasks(architecture: Layer, pairs: Iterable[tuple[Block, Block]]) -> Iterable[Tile | Turns]:
    return chain.from_iterable(
        [Tile(left, right)] if left.X.ndim == 2 else turns_of(architecture, left, right)
        for left, right in pairs
    )


def _run(
    architecture: Layer,
    matrices: Sequence[np.ndarray],
    kinds: Sequence[str],
    tasks: Iterable[Tile | Turns],
    run_tasks: RunTasks,
    *,
    symmetric: bool,
) -> None:
    def store(task: Tile | Turns, results: TileResults) -> None:
        task.store(matrices, kinds, results, symmetric=symmetric)
        results.release()

    run_tasks(_computing(architecture, kinds), store, tasks)


def _computing(architecture: Layer, kinds: Sequence[str]) -> Callable[[Tile | Turns], TileResults]:
    return partial(compute_task, architecture, tuple(kinds))


def compute_task(architecture: Layer, kinds: Sequence[str], task: Tile | Turns) -> TileResults:
    """Return the results of a task; a function of this module, so that it pickles."""
    return task.compute(architecture, kinds)


def _store_symmetric(target: np.ndarray, entries: np.ndarray) -> None:
    """Write a tile on the diagonal from its upper triangle: rounding differs on the two sides."""
    size = len(entries)
    for start in range(0, size, _SYMMETRIC_STEP):
        stop = min(start + _SYMMETRIC_STEP, size)
        target[start:stop, stop:] = entries[start:stop, stop:]
        target[stop:, start:stop] = entries[start:stop, stop:].T
        square = entries[start:stop, start:stop]
        target[start:stop, start:stop] = (square + square.T) / 2
