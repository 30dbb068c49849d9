"""Matrices from groups of samples: so many that what the tiles read of two groups fits into memory.

What is computed of each sample by itself grows with the size of the samples and with their number.
Where it would take more than the working memory, the matrix is computed group by group, and
every sample once for every group that it meets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from skntk.architecture.core.layer import Layer
from skntk.gram.engine.engine import Engine
from skntk.gram.engine.sizes import samples_as_pairs
from skntk.gram.tiling.tiles import cross_matrices, diagonals, symmetric_matrices


def symmetric_in_groups(
    architecture: Layer, X: np.ndarray, kinds: Sequence[str], engine: Engine
) -> list[np.ndarray]:
    """Return the kernels of the rows of X with each other."""
    matrices = [np.empty((len(X), len(X)), X.dtype) for _ in kinds]
    groups = list(_groups(len(X), engine.rows_at_once(architecture, kinds, X)))
    for position, left in enumerate(groups):
        on_diagonal = [matrix[left, left] for matrix in matrices]
        symmetric_matrices(architecture, X[left], kinds, engine, on_diagonal)
        for right in groups[position + 1 :]:
            beside = [matrix[left, right] for matrix in matrices]
            cross_matrices(architecture, X[left], X[right], kinds, engine, beside)
            for matrix in matrices:
                matrix[right, left] = matrix[left, right].T
    return matrices


def cross_in_groups(
    architecture: Layer, X: np.ndarray, Y: np.ndarray, kinds: Sequence[str], engine: Engine
) -> list[np.ndarray]:
    """Return the kernels of the rows of X with those of Y."""
    matrices = [np.empty((len(X), len(Y)), X.dtype) for _ in kinds]
    n_rows = engine.rows_at_once(architecture, kinds, X, Y)
    for left in _groups(len(X), n_rows):
        for right in _groups(len(Y), n_rows):
            part = [matrix[left, right] for matrix in matrices]
            cross_matrices(architecture, X[left], Y[right], kinds, engine, part)
    return matrices


def diagonals_in_groups(
    architecture: Layer, X: np.ndarray, kinds: Sequence[str], engine: Engine
) -> list[np.ndarray]:
    """Return the kernels of the rows of X with themselves."""
    programs = kinds if samples_as_pairs(architecture, X.shape) else ()
    groups = _groups(len(X), engine.rows_at_once(architecture, programs, X))
    of_groups = [diagonals(architecture, X[rows], kinds, engine) for rows in groups]
    return [np.concatenate(of_kind) for of_kind in zip(*of_groups, strict=True)]


def _groups(n_rows: int, at_once: int) -> Iterator[slice]:
    for start in range(0, n_rows, at_once):
        yield slice(start, min(start + at_once, n_rows))
