"""Rows that occur more than once: a row of weight k and k equal rows are the same training data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class DistinctRows:
    """Which rows differ in any column, in the order of their first occurrence."""

    # Where each distinct row occurs first, shape (n_distinct,).
    first: np.ndarray
    # For each row, which distinct row it is, shape (n_samples,).
    position: np.ndarray

    @classmethod
    def of(cls, *columns: np.ndarray) -> DistinctRows:
        """Compare arrays of shape (n_samples, ...), row by row."""
        numbers: dict[bytes, int] = {}
        position = np.array([numbers.setdefault(row, len(numbers)) for row in _row_bytes(*columns)])
        first = np.unique(position, return_index=True)[1]
        return cls(first, position)

    def total(self, weight: np.ndarray) -> np.ndarray:
        """Return the sum of the weights, shape (n_samples,), of each distinct row."""
        return np.bincount(self.position, weights=weight, minlength=len(self.first))


def stratified_folds(
    X: np.ndarray, labels: np.ndarray, n_folds: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Cut distinct rows into pairs (train, test) that depend on the rows alone, not on their order.

    The rows of one class after the other, in an order given by their bytes, are dealt to the folds
    in turn. With fewer rows than ``n_folds`` there is a fold for each.
    """
    rows = _row_bytes(X)
    order = sorted(range(len(rows)), key=lambda row: (labels[row], rows[row]))
    fold_of_row = np.empty(len(rows), dtype=np.intp)
    fold_of_row[order] = np.arange(len(rows)) % n_folds
    folds = range(min(n_folds, len(rows)))
    return [
        (np.flatnonzero(fold_of_row != fold), np.flatnonzero(fold_of_row == fold)) for fold in folds
    ]


def _row_bytes(*columns: np.ndarray) -> list[bytes]:
    # Adding 0 turns -0.0 into 0.0: equal numbers then have equal bytes.
    arrays = [np.ascontiguousarray(column.reshape(len(column), -1)) + 0.0 for column in columns]
    return [b"".join(array[row].tobytes() for array in arrays) for row in range(len(arrays[0]))]
