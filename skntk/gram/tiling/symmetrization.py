"""Kernels of networks that are means of one network over several views of their inputs.

The covariance of two means is the mean of the covariances of all pairs, one view on the left and
one on the right. Where the views are equivalent, those pairs suffice whose left view is the first;
their matrices are symmetric, so that half of each does too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product

import numpy as np

from skntk.architecture.core.layer import Layer

Evaluate = Callable[..., list[np.ndarray]]
"""Returns kernels, one for each kind, of left with right inputs, or of inputs with themselves."""

# The sum so far, a term, and the term with both orders of its views.
MATRICES_OF_A_SUM = 3

# Half of a symmetric matrix is computed in so many panels of rows, of at least so many.
_PANELS = 8
_LEAST_ROWS = 32

# Rows that are paired one by one are computed in small matrices, of which the diagonal is kept.
_PAIRED_ROWS = 16


def averaged_matrices(
    network: Layer, evaluate: Evaluate, X: np.ndarray, Y: np.ndarray | None = None
) -> list[np.ndarray]:
    """Return the kernel matrices of the mean over the views of a network.

    Parameters
    ----------
    network : layer
        What the views are asked of.
    evaluate : callable
        Returns the matrices of one view: called with X, or with X and Y.
    X, Y : ndarray of shape (n, ...)
        Inputs as the network reads them; without Y those of X with themselves.
    """
    if network.n_transforms == 1:
        return evaluate(X) if Y is None else evaluate(X, Y)
    equivalent = network.transforms_are_equivalent(X.shape[1:])
    views = network.transforms(X)
    if Y is not None:
        pairs = list(product(views[:1] if equivalent else views, network.transforms(Y)))
        return _sum_over((evaluate(*pair) for pair in pairs), len(pairs))
    if equivalent:
        return _sum_over(_first_with_all(evaluate, views), len(views))
    return _sum_over(_all_with_all(evaluate, views), len(views) ** 2)


def number_of_pairs(network: Layer, X: np.ndarray, Y: np.ndarray | None = None) -> int:
    """Return how many kernels of pairs of samples `averaged_matrices` computes.

    Parameters
    ----------
    network : layer
        What the views are asked of.
    X, Y : ndarray of shape (n, ...)
        As for `averaged_matrices`.
    """
    n, n_transforms = len(X), network.n_transforms
    equivalent = network.transforms_are_equivalent(X.shape[1:])
    if Y is not None:
        return n * len(Y) * n_transforms * (1 if equivalent else n_transforms)
    with_itself = n * (n + 1) // 2
    if equivalent:
        in_panels = sum(len(range(n)[rows]) * (n - rows.start) for rows in _panels(n))
        return with_itself + (n_transforms - 1) * in_panels
    return n_transforms * with_itself + n_transforms * (n_transforms - 1) // 2 * n**2


def averaged_diagonals(network: Layer, evaluate: Evaluate, X: np.ndarray) -> list[np.ndarray]:
    """Return the diagonals of the kernel matrices of the mean over the views of a network.

    Parameters
    ----------
    network : layer
        What the views are asked of.
    evaluate : callable
        Called with X it returns diagonals, and with X and Y whole matrices, of one view.
    X : ndarray of shape (n, ...)
        Inputs as the network reads them.
    """
    if network.n_transforms == 1:
        return evaluate(X)
    views = network.transforms(X)
    lefts = views[:1] if network.transforms_are_equivalent(X.shape[1:]) else views
    pairs = list(product(lefts, views))
    diagonals = (
        evaluate(left) if left is right else _paired(evaluate, left, right) for left, right in pairs
    )
    return _sum_over(diagonals, len(pairs))


def _sum_over(terms: Iterable[list[np.ndarray]], number: int) -> list[np.ndarray]:
    """Return the sum of lists of arrays, divided by a number; the first list is overwritten."""
    terms = iter(terms)
    total = next(terms)
    for term in terms:
        for array, other in zip(total, term, strict=True):
            array += other
    for array in total:
        array /= number
    return total


def _first_with_all(evaluate: Evaluate, views: Sequence[np.ndarray]) -> Iterator[list[np.ndarray]]:
    yield evaluate(views[0])
    for view in views[1:]:
        yield _symmetric(evaluate, views[0], view)


def _all_with_all(evaluate: Evaluate, views: Sequence[np.ndarray]) -> Iterator[list[np.ndarray]]:
    for position, left in enumerate(views):
        yield evaluate(left)
        for right in views[position + 1 :]:
            # Both orders of the pair in one term: the sum is then symmetric to the last digit.
            yield [matrix + matrix.T for matrix in evaluate(left, right)]


def _symmetric(evaluate: Evaluate, left: np.ndarray, right: np.ndarray) -> list[np.ndarray]:
    """Return matrices of left with right inputs that are known to be symmetric."""
    matrices: list[np.ndarray] = []
    for rows in _panels(len(left)):
        panels = evaluate(left[rows], right[rows.start :])
        matrices = matrices or [np.empty((len(left), len(left)), each.dtype) for each in panels]
        for matrix, panel in zip(matrices, panels, strict=True):
            matrix[rows, rows.start :] = panel
            matrix[rows.start :, rows] = panel.T
            square = matrix[rows, rows]
            matrix[rows, rows] = (square + square.T) / 2
    return matrices


def _panels(n_rows: int) -> Iterator[slice]:
    """Yield the rows of the panels of a symmetric matrix."""
    step = max(-(-n_rows // _PANELS), _LEAST_ROWS)
    for start in range(0, n_rows, step):
        yield slice(start, start + step)


def _paired(evaluate: Evaluate, left: np.ndarray, right: np.ndarray) -> list[np.ndarray]:
    """Return the kernels of each left with the right input of its position."""
    pieces = [
        [np.diagonal(matrix) for matrix in evaluate(left[rows], right[rows])]
        for rows in (
            slice(start, start + _PAIRED_ROWS) for start in range(0, len(left), _PAIRED_ROWS)
        )
    ]
    return [np.concatenate(of_kind) for of_kind in zip(*pieces, strict=True)]
