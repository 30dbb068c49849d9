"""Kernels of networks of finite width, from the derivatives of their outputs by their parameters.

A tile holds the derivatives of one output at a time, for all rows of its two blocks, and sums their
products over the parameters and over the outputs. Both kinds of kernels are means over the outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations_with_replacement, product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from sklearn.utils import gen_batches

from skntk.architecture.layers.linearized import LinearizedNetwork, is_trained
from skntk.architecture.propagation.state import Array
from skntk.gram.engine.compilation import program
from skntk.gram.engine.devices import Devices
from skntk.gram.engine.engine import Engine, MatrixJob, Store
from skntk.gram.engine.padding import padded_rows, repeat_last_row
from skntk.gram.engine.results import TileResults
from skntk.gram.engine.sizes import Cut, TileSizes
from skntk.gram.tiling.blocks import check_finite

# With more rows in a block, products of derivatives take nearly all of the time.
_LARGEST_BLOCK = 64

# Derivatives of the rows of two blocks, and what leads to them.
_COPIES_OF_DERIVATIVES = 3


@dataclass(frozen=True)
class EmpiricalTile:
    """All pairs of two blocks of rows, or one block with itself row by row.

    Attributes
    ----------
    left, right : slice
        Rows of the matrix.
    X, Y : ndarray of shape (block size, ...)
        Their inputs, padded; without Y every row of X meets itself alone.
    """

    left: slice
    right: slice
    X: np.ndarray
    Y: np.ndarray | None

    @property
    def key(self) -> tuple[int, ...]:
        """What tells the tile from others of the same matrix."""
        return (self.left.start, self.right.start)

    @property
    def entries(self) -> tuple[slice, ...]:
        """Where the results are that have a meaning."""
        rows = slice(self.left.stop - self.left.start)
        return (rows,) if self.Y is None else (rows, slice(self.right.stop - self.right.start))


def empirical_matrices(
    network: LinearizedNetwork,
    kinds: Sequence[str],
    engine: Engine,
    X: np.ndarray,
    Y: np.ndarray | None = None,
) -> list[np.ndarray]:
    """Return the empirical kernels of the rows of X with those of Y, or with each other.

    Raises
    ------
    MemoryError
        If derivatives of two rows do not fit the working memory.
    ValueError
        If a kernel is not finite.
    """
    right_inputs = X if Y is None else Y
    matrices = [np.empty((len(X), len(right_inputs)), X.dtype) for _ in kinds]
    n_pairs = len(X) * (len(X) + 1) // 2 if Y is None else len(X) * len(Y)
    job = engine.begin_cut(partial(_cut, network, X, right_inputs, engine), n_pairs)
    sizes = job.sizes
    lefts = list(gen_batches(len(X), sizes.left))
    rights = list(gen_batches(len(right_inputs), sizes.right))
    pairs = combinations_with_replacement(lefts, 2) if Y is None else product(lefts, rights)
    tasks = [
        EmpiricalTile(
            left, right, _block(X, left, sizes.left), _block(right_inputs, right, sizes.right)
        )
        for left, right in pairs
    ]

    def store(task: EmpiricalTile, results: TileResults) -> None:
        for matrix, array in zip(matrices, results.arrays, strict=True):
            entries = np.asarray(array)[task.entries]
            if Y is None and task.left == task.right:
                entries = (entries + entries.T) / 2
            matrix[task.left, task.right] = entries
            if Y is None:
                matrix[task.right, task.left] = entries.T

    _run(job, network, kinds, engine, X.dtype, store, tasks)
    for matrix, kind in zip(matrices, kinds, strict=True):
        check_finite(kind, matrix)
    return matrices


def empirical_diagonals(
    network: LinearizedNetwork, kinds: Sequence[str], engine: Engine, X: np.ndarray
) -> list[np.ndarray]:
    """Return the empirical kernels of the rows of X with themselves; errors as for matrices."""
    diagonals = [np.empty(len(X), X.dtype) for _ in kinds]
    job = engine.begin_cut(partial(_cut, network, X, X, engine), len(X))
    size = job.sizes.left
    tasks = [
        EmpiricalTile(rows, rows, _block(X, rows, size), None) for rows in gen_batches(len(X), size)
    ]

    def store(task: EmpiricalTile, results: TileResults) -> None:
        for diagonal, array in zip(diagonals, results.arrays, strict=True):
            diagonal[task.left] = np.asarray(array)[task.entries]

    _run(job, network, kinds, engine, X.dtype, store, tasks)
    for diagonal, kind in zip(diagonals, kinds, strict=True):
        check_finite(kind, diagonal)
    return diagonals


def _run(
    job: MatrixJob,
    network: LinearizedNetwork,
    kinds: Sequence[str],
    engine: Engine,
    dtype: np.dtype,
    store: Store,
    tasks: Sequence[EmpiricalTile],
) -> None:
    arguments = network.with_precision(dtype)
    compute = partial(compute_empirical_tile, engine.devices, arguments, tuple(kinds))
    remaining, store_task = engine.followed(job, tasks, store)
    engine.run_tasks(compute, store_task, remaining)


def compute_empirical_tile(
    devices: Devices, network: LinearizedNetwork, kinds: tuple[str, ...], task: EmpiricalTile
) -> TileResults:
    """Return the results of a task; a function of this module, so that it pickles."""
    with jax.enable_x64(task.X.dtype == np.float64), devices.borrowed() as device:
        inputs = [task.X] if task.Y is None else [task.X, task.Y]
        moved = jax.device_put((network, *inputs), device)
        kernels = diagonal_program if task.Y is None else tile_program
        compute = kernels.on(device, jax.tree.structure(network))
        return TileResults(jax.block_until_ready(compute(*moved, kinds=kinds)))


@program(static_argnames="kinds")
def tile_program(
    network: LinearizedNetwork, X: Array, Y: Array, *, kinds: tuple[str, ...]
) -> tuple[Array, ...]:
    """Return the kernels of all rows of X with all rows of Y, for each kind."""

    def product_of(left: Array, right: Array) -> Array:
        left, right = (rows.reshape(len(rows), -1) for rows in (left, right))
        return jnp.matmul(left, right.T, precision="highest")

    return _kernels(network, (X, Y), product_of, kinds)


@program(static_argnames="kinds")
def diagonal_program(
    network: LinearizedNetwork, X: Array, *, kinds: tuple[str, ...]
) -> tuple[Array, ...]:
    """Return the kernels of all rows of X with themselves, for each kind."""

    def product_of(left: Array, right: Array) -> Array:
        return jnp.sum((left * right).reshape(len(left), -1), -1)

    return _kernels(network, (X, X), product_of, kinds)


def _kernels(
    network: LinearizedNetwork, sides: tuple[Array, Array], product_of: Any, kinds: tuple[str, ...]
) -> tuple[Array, ...]:
    outputs = [network.apply(network.parameters, X) for X in sides]
    n_outputs = outputs[0].shape[-1]
    by_kind = {"nngp": product_of(*outputs) / n_outputs}
    if "ntk" in kinds:

        def add_output(number: Array, total: Array) -> Array:
            left, right = (_derivatives(network, X, number, n_outputs) for X in sides)
            return total + sum(map(product_of, left, right))

        none = jnp.zeros_like(by_kind["nngp"])
        by_kind["ntk"] = lax.fori_loop(0, n_outputs, add_output, none) / n_outputs
    return tuple(by_kind[kind] for kind in kinds)


def _derivatives(
    network: LinearizedNetwork, X: Array, number: Array, n_outputs: int
) -> list[Array]:
    """Return the derivatives of one output at every row by each of the trained arrays."""
    leaves, structure = jax.tree.flatten(network.parameters)
    trained = [position for position, leaf in enumerate(leaves) if is_trained(leaf)]

    def output(trained_arrays: list[Array], x: Array) -> Array:
        values = list(leaves)
        for position, value in zip(trained, trained_arrays, strict=True):
            values[position] = value
        return network.apply(jax.tree.unflatten(structure, values), x[jnp.newaxis])[0]

    def derivatives(x: Array) -> list[Array]:
        outputs, transpose = jax.vjp(
            partial(output, x=x), [leaves[position] for position in trained]
        )
        (derivative,) = transpose(jnp.zeros_like(outputs).at[number].set(1))
        return derivative

    return jax.vmap(derivatives)(X)


def _cut(network: LinearizedNetwork, X: np.ndarray, Y: np.ndarray, engine: Engine) -> Cut:
    """Return the largest blocks whose derivatives fit the working memory."""
    n_parameters = sum(
        np.size(leaf) for leaf in jax.tree.leaves(network.parameters) if is_trained(leaf)
    )
    row_bytes = _COPIES_OF_DERIVATIVES * n_parameters * X.dtype.itemsize * engine.memory.n_threads
    at_once = min(engine.memory.n_bytes // row_bytes, _LARGEST_BLOCK)
    if at_once < 1:
        raise MemoryError(
            f"The derivatives of two samples by {n_parameters} parameters take "
            f"{row_bytes / 2**20:.3g} MiB in {engine.memory.n_threads} thread(s), but the working "
            f"memory is {engine.memory.n_bytes / 2**20:.3g} MiB. Increase working_memory, or set "
            "n_jobs=1."
        )
    sizes = TileSizes(*(min(at_once, padded_rows(len(rows))) for rows in (X, Y)))
    return max(len(X), len(Y)), sizes


def _block(X: np.ndarray, rows: slice, size: int) -> np.ndarray:
    return repeat_last_row(X[rows], size)
