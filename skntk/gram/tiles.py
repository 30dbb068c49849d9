"""Kernel matrices from tiles, one for each pair of blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import combinations_with_replacement, product

import jax
import numpy as np

from skntk.architecture.layer import Layer
from skntk.gram.blocks import Block, make_blocks
from skntk.gram.execution import RunTasks
from skntk.gram.programs import pair_program
from skntk.gram.results import TileResults, results_pool

Tile = tuple[Block, Block]

# Rows that are mirrored at a time; twice as many or half as many are no faster.
_SYMMETRIC_STEP = 125


def symmetric_matrices(
    architecture: Layer, X: np.ndarray, kinds: Sequence[str], run_tasks: RunTasks
) -> list[np.ndarray]:
    """Return the kernels of the rows of X with each other, from half of the tiles."""
    blocks = make_blocks(architecture, X, run_tasks)
    matrices = [np.empty((len(X), len(X)), X.dtype) for _ in kinds]

    def store(tile: Tile, results: TileResults) -> None:
        left, right = tile
        of_rows = results.entries(left.n_rows, right.n_rows)
        for matrix, entries, kind in zip(matrices, of_rows, kinds, strict=True):
            if left is right:
                _store_symmetric(matrix[left.rows, left.rows], entries, left.diagonal(kind))
            else:
                matrix[left.rows, right.rows] = entries
                matrix[right.rows, left.rows] = entries.T

    _run(architecture, kinds, combinations_with_replacement(blocks, 2), store, run_tasks)
    return matrices


def cross_matrices(
    architecture: Layer, X: np.ndarray, Y: np.ndarray, kinds: Sequence[str], run_tasks: RunTasks
) -> list[np.ndarray]:
    """Return the kernels of the rows of X with those of Y."""
    left_blocks, right_blocks = (make_blocks(architecture, each, run_tasks) for each in (X, Y))
    matrices = [np.empty((len(X), len(Y)), X.dtype) for _ in kinds]

    def store(tile: Tile, results: TileResults) -> None:
        left, right = tile
        of_rows = results.entries(left.n_rows, right.n_rows)
        for matrix, entries in zip(matrices, of_rows, strict=True):
            matrix[left.rows, right.rows] = entries

    _run(architecture, kinds, product(left_blocks, right_blocks), store, run_tasks)
    return matrices


def _run(
    architecture: Layer,
    kinds: Sequence[str],
    tiles: Iterable[Tile],
    store: Callable[[Tile, TileResults], None],
    run_tasks: RunTasks,
) -> None:
    def store_and_release(tile: Tile, results: TileResults) -> None:
        store(tile, results)
        results.release()

    compute = partial(compute_tile, architecture, tuple(kinds))
    run_tasks(compute, store_and_release, tiles)


def compute_tile(architecture: Layer, kinds: tuple[str, ...], tile: Tile) -> TileResults:
    """Return the kernels of the rows of two blocks."""
    left, right = ((block.X, block.statistics) for block in tile)
    shape, dtype = (len(left[0]), len(right[0])), left[0].dtype
    with jax.enable_x64(dtype == np.float64):
        memory = tuple(results_pool.take(shape, dtype) for _ in kinds)
        return TileResults(pair_program(architecture, left, right, memory, kinds=kinds))


def _store_symmetric(target: np.ndarray, entries: np.ndarray, diagonal: np.ndarray) -> None:
    """Write a tile on the diagonal from its upper triangle and the exact diagonal.

    Rounding differs on the two sides of the diagonal, and on it: that a sample is the same as
    itself is known only to the per-sample program.
    """
    size = len(entries)
    for start in range(0, size, _SYMMETRIC_STEP):
        stop = min(start + _SYMMETRIC_STEP, size)
        target[start:stop, stop:] = entries[start:stop, stop:]
        target[stop:, start:stop] = entries[start:stop, stop:].T
        square = entries[start:stop, start:stop]
        target[start:stop, start:stop] = (square + square.T) / 2
    np.fill_diagonal(target, diagonal)
