"""Kernel matrices, in chunks of samples where the working memory is short.

What is computed of each sample by itself grows with the size of the samples and with their number.
Where it would take more than the working memory, a matrix is computed chunk by chunk, so that what
the tiles read of two chunks fits, and every sample once for every chunk that it meets.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from sklearn.utils import gen_batches

from skntk.gram.engine.engine import Engine
from skntk.gram.engine.prepared_network import PreparedNetwork
from skntk.gram.tiling.tiles import diagonals, fill_matrices


def kernel_matrices(
    network: PreparedNetwork,
    kinds: tuple[str, ...],
    engine: Engine,
    X: np.ndarray,
    Y: np.ndarray | None = None,
) -> list[np.ndarray]:
    """Return the kernels of the rows of X with those of Y, or with each other."""
    shape = len(X), len(X if Y is None else Y)
    matrices = [np.empty(shape, network.signature.dtype) for _ in kinds]
    job = engine.begin(network.signature, kinds, len(X), None if Y is None else len(Y))
    if job.rows_at_once >= max(shape):
        fill_matrices(job, network, kinds, engine, matrices, X, Y)
        return matrices
    for left, right in _chunk_pairs(shape, job.rows_at_once, is_symmetric=Y is None):
        chunks = [matrix[left, right] for matrix in matrices]
        columns = None if Y is None and left == right else (X if Y is None else Y)[right]
        n_right = None if columns is None else len(columns)
        chunk_job = engine.begin(network.signature, kinds, len(X[left]), n_right, is_chunk=True)
        fill_matrices(chunk_job, network, kinds, engine, chunks, X[left], columns)
        if Y is None and left != right:
            for matrix in matrices:
                matrix[right, left] = matrix[left, right].T
    return matrices


def kernel_diagonals(
    network: PreparedNetwork, kinds: tuple[str, ...], engine: Engine, X: np.ndarray
) -> list[np.ndarray]:
    """Return the kernels of the rows of X with themselves."""
    pair_kinds = () if network.signature.with_kernels else kinds
    job = engine.begin(network.signature, pair_kinds, len(X))
    if job.rows_at_once >= len(X):
        return diagonals(job, network, kinds, engine, X)
    chunks = []
    for rows in gen_batches(len(X), job.rows_at_once):
        chunk_job = engine.begin(
            network.signature, pair_kinds, rows.stop - rows.start, is_chunk=True
        )
        chunks.append(diagonals(chunk_job, network, kinds, engine, X[rows]))
    return [np.concatenate(pieces) for pieces in zip(*chunks, strict=True)]


def _chunk_pairs(
    shape: tuple[int, int], rows_at_once: int, *, is_symmetric: bool
) -> Iterator[tuple[slice, slice]]:
    n_left, n_right = shape
    for left in gen_batches(n_left, rows_at_once):
        for right in gen_batches(n_right, rows_at_once):
            if not is_symmetric or left.start <= right.start:
                yield left, right
