"""Rows that occur more than once: a row of weight k and k equal rows are the same training data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Of more observations, so many are dealt in their proportions.
_MOST_DEALT = 1e6


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


def deal_observations(
    X: np.ndarray, labels: np.ndarray, repetitions: np.ndarray, n_folds: int, *, seed: int = 0
) -> np.ndarray:
    """Deal observations to folds in a way that depends on the rows alone, not on their order.

    The observations of one class after the other are dealt in turn, in an order that has nothing to
    do with their rows: dealt row by row, what a fold holds out would resemble what it trains on
    more than new observations do. With fewer observations than ``n_folds`` there is a fold for
    each.

    Parameters
    ----------
    X, labels : ndarray of shape (n_samples, ...) and (n_samples,)
        Distinct rows and the indices of their classes.
    repetitions : ndarray of shape (n_samples,)
        How many observations every row stands for, positive whole numbers.
    n_folds : int
    seed : int, default=0
        Of the order within a class.

    Returns
    -------
    ndarray of shape (n_folds, n_samples)
        The share of the observations of every row that each fold holds out; 1 is all of them.
    """
    rows = _row_bytes(X)
    order = sorted(range(len(rows)), key=lambda row: (labels[row], rows[row]))
    number = np.ceil(repetitions * min(1.0, _MOST_DEALT / repetitions.sum())).astype(np.intp)
    observations = np.repeat(order, number[order])
    by_chance = np.random.RandomState(seed).uniform(size=len(observations))
    observations = observations[np.lexsort((by_chance, labels[observations]))]
    n_folds = min(n_folds, len(observations))
    fold = np.arange(len(observations)) % n_folds
    dealt = np.zeros((n_folds, len(rows)))
    np.add.at(dealt, (fold, observations), 1)
    return dealt / number


def _row_bytes(*columns: np.ndarray) -> list[bytes]:
    # Adding 0 turns -0.0 into 0.0: equal numbers then have equal bytes.
    arrays = [np.ascontiguousarray(column.reshape(len(column), -1) + 0.0) for column in columns]
    table = np.concatenate([array.view(np.uint8) for array in arrays], axis=1)
    rows: list[bytes] = table.view(f"V{table.shape[1]}").ravel().tolist()
    return rows
