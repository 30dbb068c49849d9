"""Kernel matrices from tasks that workers compute: tiles of vectors, shifted pairs of images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, combinations_with_replacement, product, starmap
from typing import Any, ClassVar

import jax
import numpy as np

from skntk.gram.engine.compilation import Program
from skntk.gram.engine.devices import Devices
from skntk.gram.engine.engine import Engine, MatrixJob
from skntk.gram.engine.prepared_network import NetworkArguments, PreparedNetwork
from skntk.gram.engine.programs import pair_program
from skntk.gram.engine.results import TileResults, results_pool
from skntk.gram.engine.sizes import TileSizes
from skntk.gram.tiling.blocks import Block, check_finite, diagonal_of_blocks, make_blocks
from skntk.gram.tiling.shifted_pairs import ShiftedPairs, shifted_pairs

# Rows that are mirrored at a time; twice as many or half as many are no faster.
_SYMMETRIC_STEP = 125


@dataclass(frozen=True)
class Tile:
    """All pairs of two blocks of vectors."""

    left: Block
    right: Block

    program: ClassVar[Program] = pair_program
    numbers: ClassVar[tuple[np.int32, ...]] = (np.int32(0),)
    options: ClassVar[dict[str, Any]] = {}

    @property
    def key(self) -> tuple[int, ...]:
        """The identity of the tile within its matrix."""
        return (self.left.rows.start, self.right.rows.start)

    @property
    def entries(self) -> tuple[slice, ...]:
        """The results without the padding."""
        return (slice(self.left.n_rows), slice(self.right.n_rows))

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of the results."""
        return (len(self.left.X) + 1, len(self.right.X))

    def store(
        self, matrices: Sequence[np.ndarray], arrays: Sequence[Any], *, symmetric: bool
    ) -> None:
        """Write the results into the matrices, into both triangles of symmetric ones."""
        left, right = self.left, self.right
        for matrix, array in zip(matrices, arrays, strict=True):
            target = matrix[left.rows, right.rows]
            entries = np.asarray(array)[: len(target), : target.shape[1]]
            if left is right:
                _store_symmetric(target, entries)
                continue
            target[:] = entries
            if symmetric:
                matrix[right.rows, left.rows] = entries.T


def fill_matrices(
    job: MatrixJob,
    network: PreparedNetwork,
    kinds: tuple[str, ...],
    engine: Engine,
    matrices: Sequence[np.ndarray],
    X: np.ndarray,
    Y: np.ndarray | None = None,
) -> None:
    """Fill matrices with the kernels of X with Y, or of X with itself from half of the pairs."""
    blocks = make_blocks(network, X, job.sizes.left, engine)
    if Y is None:
        pairs: Iterable[tuple[Block, Block]] = combinations_with_replacement(blocks, 2)
    else:
        pairs = product(blocks, make_blocks(network, Y, job.sizes.right, engine))

    def store(task: Tile | ShiftedPairs, results: TileResults) -> None:
        task.store(matrices, results.arrays, symmetric=Y is None)
        results_pool.give(results.arrays)

    tasks, store_task = engine.followed(job, _tasks(pairs, job.sizes), store)
    compute = partial(compute_task, engine.devices, network.arguments, kinds)
    engine.run_tasks(compute, store_task, tasks)
    for matrix, kind in zip(matrices, kinds, strict=True):
        if not network.signature.with_kernels:
            check_finite(kind, matrix if Y is not None else np.diagonal(matrix))
        elif Y is None:
            # That a sample is the same as itself is known only to the per-sample program.
            np.fill_diagonal(matrix, diagonal_of_blocks(blocks, kind))


def diagonals(
    job: MatrixJob,
    network: PreparedNetwork,
    kinds: tuple[str, ...],
    engine: Engine,
    X: np.ndarray,
) -> list[np.ndarray]:
    """Return the kernels of the rows of X with themselves."""
    blocks = make_blocks(network, X, job.sizes.left, engine)
    if network.signature.with_kernels:
        return [diagonal_of_blocks(blocks, kind) for kind in kinds]
    found = [np.empty(len(X), network.signature.dtype) for _ in kinds]

    def store(task: ShiftedPairs, results: TileResults) -> None:
        for diagonal, array in zip(found, results.arrays, strict=True):
            diagonal[task.left.rows] = np.asarray(array)[0, : task.left.n_rows]
        results_pool.give(results.arrays)

    tasks = [ShiftedPairs(block, block, 0, 1, job.sizes.shifts_per_step) for block in blocks]
    compute = partial(compute_task, engine.devices, network.arguments, kinds)
    engine.run_tasks(compute, store, tasks)
    for diagonal, kind in zip(found, kinds, strict=True):
        check_finite(kind, diagonal)
    return found


def _tasks(pairs: Iterable[tuple[Block, Block]], sizes: TileSizes) -> Iterable[Tile | ShiftedPairs]:
    if not sizes.shifts_per_step:
        return starmap(Tile, pairs)
    return chain.from_iterable(shifted_pairs(left, right, sizes) for left, right in pairs)


def compute_task(
    devices: Devices, arguments: NetworkArguments, kinds: tuple[str, ...], task: Tile | ShiftedPairs
) -> TileResults:
    """Return the results of a task; a function of this module, so that it pickles."""
    with devices.borrowed() as device, jax.enable_x64(task.left.X.dtype == np.float64):
        left, right = task.left.on(device), task.right.on(device)
        shape, dtype = task.shape, left.dtype
        memory = tuple([results_pool.take(shape, dtype, device) for _ in kinds])
        arrays = task.program.on(device, arguments.structure)(
            arguments,
            (left.X, left.statistics),
            (right.X, right.statistics),
            memory,
            *task.numbers,
            kinds=kinds,
            **task.options,
        )
        return TileResults(jax.block_until_ready(arrays))


def _store_symmetric(target: np.ndarray, entries: np.ndarray) -> None:
    """Write a tile on the diagonal from its upper triangle: rounding differs on the two sides."""
    size = len(entries)
    for start in range(0, size, _SYMMETRIC_STEP):
        stop = min(start + _SYMMETRIC_STEP, size)
        target[start:stop, stop:] = entries[start:stop, stop:]
        target[stop:, start:stop] = entries[start:stop, stop:].T
        square = entries[start:stop, start:stop]
        target[start:stop, start:stop] = (square + square.T) / 2
