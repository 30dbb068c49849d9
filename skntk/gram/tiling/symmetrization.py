"""Kernels of networks that are means of one network over several transforms of their inputs.

The covariance of two means is the mean of the covariances of all pairs, one transform on the left
and one on the right. Where the transforms are equivalent, those pairs suffice whose left inputs are
as they come; their matrices are symmetric, so that half of each does too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product

import numpy as np
from sklearn.utils import gen_batches

from skntk.architecture.core.layer import Layer

Evaluate = Callable[..., list[np.ndarray]]
"""Returns kernels, one for each kind, of left with right inputs, or of inputs with themselves."""

# The sum so far, a term, and the term with both orders of its transforms.
N_MATRICES_IN_SUM = 3

# Half of a symmetric matrix is computed in so many panels of rows, of at least so many.
_PANELS = 8
_LEAST_ROWS = 32

# Rows that are paired one by one are computed in small matrices, of which the diagonal is kept.
_PAIRED_ROWS = 16


def symmetrized_matrices(
    network: Layer, evaluate: Evaluate, X: np.ndarray, Y: np.ndarray | None = None
) -> list[np.ndarray]:
    """Return the kernel matrices of the mean over the transforms of a network.

    ``evaluate(left)`` and ``evaluate(left, right)`` return those of one network.
    """
    equivalent = network.transforms_are_equivalent(X.shape[1:])
    transforms = network.transforms(X)
    if Y is not None:
        pairs = list(product(transforms[:1] if equivalent else transforms, network.transforms(Y)))
        return _mean((evaluate(*pair) for pair in pairs), len(pairs))
    if equivalent:
        return _mean(_first_with_all(evaluate, transforms), len(transforms))
    return _mean(_all_with_all(evaluate, transforms), len(transforms) ** 2)


def number_of_pairs(network: Layer, X: np.ndarray, Y: np.ndarray | None = None) -> int:
    """Return how many kernels of pairs of samples the matrices of a network take."""
    n, n_transforms = len(X), network.n_transforms
    equivalent = network.transforms_are_equivalent(X.shape[1:])
    if Y is not None:
        return n * len(Y) * n_transforms * (1 if equivalent else n_transforms)
    with_itself = n * (n + 1) // 2
    if equivalent:
        in_panels = sum((rows.stop - rows.start) * (n - rows.start) for rows in _panels(n))
        return with_itself + (n_transforms - 1) * in_panels
    return n_transforms * with_itself + n_transforms * (n_transforms - 1) // 2 * n**2


def symmetrized_diagonals(
    network: Layer, diagonals: Evaluate, matrices: Evaluate, X: np.ndarray
) -> list[np.ndarray]:
    """Return the diagonals of the kernel matrices of the mean over the transforms of a network.

    ``diagonals(X)`` and ``matrices(left, right)`` return those of one network.
    """
    transforms = network.transforms(X)
    lefts = transforms[:1] if network.transforms_are_equivalent(X.shape[1:]) else transforms
    pairs = list(product(lefts, transforms))
    terms = (
        diagonals(left) if left is right else _paired(matrices, left, right)
        for left, right in pairs
    )
    return _mean(terms, len(pairs))


def _mean(terms: Iterable[list[np.ndarray]], number: int) -> list[np.ndarray]:
    """Return the sum of lists of arrays, divided by a number; the first list is overwritten."""
    terms = iter(terms)
    total = next(terms)
    for term in terms:
        for array, other in zip(total, term, strict=True):
            array += other
    for array in total:
        array /= number
    return total


def _first_with_all(
    evaluate: Evaluate, transforms: Sequence[np.ndarray]
) -> Iterator[list[np.ndarray]]:
    yield evaluate(transforms[0])
    for right in transforms[1:]:
        yield _symmetric(evaluate, transforms[0], right)


def _all_with_all(
    evaluate: Evaluate, transforms: Sequence[np.ndarray]
) -> Iterator[list[np.ndarray]]:
    for position, left in enumerate(transforms):
        yield evaluate(left)
        for right in transforms[position + 1 :]:
            # Both orders of the pair in one term: the sum is then symmetric to the last digit.
            yield [matrix + matrix.T for matrix in evaluate(left, right)]


def _symmetric(evaluate: Evaluate, left: np.ndarray, right: np.ndarray) -> list[np.ndarray]:
    """Return matrices of left with right inputs that are known to be symmetric."""
    matrices: list[np.ndarray] = []
    for rows in _panels(len(left)):
        panels = evaluate(left[rows], right[rows.start :])
        matrices = matrices or [np.empty((len(left), len(left)), panel.dtype) for panel in panels]
        for matrix, panel in zip(matrices, panels, strict=True):
            matrix[rows, rows.start :] = panel
            matrix[rows.start :, rows] = panel.T
            square = matrix[rows, rows]
            matrix[rows, rows] = (square + square.T) / 2
    return matrices


def _panels(n_rows: int) -> Iterator[slice]:
    """Yield the rows of the panels of a symmetric matrix."""
    panels: Iterator[slice] = gen_batches(n_rows, max(-(-n_rows // _PANELS), _LEAST_ROWS))
    return panels


def _paired(evaluate: Evaluate, left: np.ndarray, right: np.ndarray) -> list[np.ndarray]:
    """Return the kernels of each left with the right input of its position."""
    pieces = [
        [np.diagonal(matrix) for matrix in evaluate(left[rows], right[rows])]
        for rows in gen_batches(len(left), _PAIRED_ROWS)
    ]
    return [np.concatenate(diagonals) for diagonals in zip(*pieces, strict=True)]
