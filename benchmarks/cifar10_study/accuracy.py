"""Test accuracy by size of the training set, from kernel matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# Units of the mean diagonal of the training kernel.
ALPHAS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
DRAWS = 20


class Accuracy(NamedTuple):
    """Mean of the test accuracy over training sets, and its standard error over them."""

    mean: float
    error: float


def accuracies(
    kernel: np.ndarray,
    cross: np.ndarray,
    y_train: np.ndarray,
    y_test: np.ndarray,
    sizes: Sequence[int],
) -> list[Accuracy]:
    """Return the accuracy for each size of the training set.

    Of each class equally many images are drawn from the training images, at random; if all are
    wanted there is one draw. The same are drawn for every kernel.

    Parameters
    ----------
    kernel : ndarray of shape (n_train, n_train)
    cross : ndarray of shape (n_test, n_train)
    y_train, y_test : ndarrays
        Classes.
    sizes : sequence of int
    """
    result = []
    for size in sizes:
        random = np.random.default_rng(size)
        draws = DRAWS if size < len(kernel) else 1
        scores = []
        for _ in range(draws):
            rows = _draw(y_train, size, random)
            scores.append(
                _accuracy(kernel[np.ix_(rows, rows)], cross[:, rows], y_train[rows], y_test)
            )
        error = np.std(scores, ddof=1) / np.sqrt(draws) if draws > 1 else 0.0
        result.append(Accuracy(float(np.mean(scores)), float(error)))
    return result


def _draw(y: np.ndarray, size: int, random: np.random.Generator) -> np.ndarray:
    if size == len(y):
        return np.arange(size)
    classes = np.unique(y)
    of_each = size // len(classes)
    drawn = (random.choice(np.flatnonzero(y == c), of_each, replace=False) for c in classes)
    return np.concatenate(list(drawn))


def _accuracy(
    kernel: np.ndarray, cross: np.ndarray, y_train: np.ndarray, y_test: np.ndarray
) -> float:
    """Return the accuracy with the alpha of least squared error of left-out training images."""
    classes = np.unique(y_train)
    targets = (y_train[:, np.newaxis] == classes) - 1 / len(classes)
    scale = np.mean(np.diagonal(kernel))
    errors, scores = [], []
    for alpha in ALPHAS:
        inverse = np.linalg.inv(kernel + alpha * scale * np.eye(len(kernel)))
        coefficients = inverse @ targets
        errors.append(np.mean((coefficients / np.diagonal(inverse)[:, np.newaxis]) ** 2))
        predicted = classes[np.argmax(cross @ coefficients, axis=1)]
        scores.append(np.mean(predicted == y_test))
    return float(scores[int(np.argmin(errors))])
