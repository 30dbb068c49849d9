"""Which test images are classified rightly, by size of the training set, from kernel matrices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

# Units of the mean diagonal of the training kernel, two a decade.
ALPHAS = tuple(10.0 ** (exponent / 2) for exponent in range(-8, 1))
DRAWS = 20


def hits(
    kernel: np.ndarray,
    cross: np.ndarray,
    y_train: np.ndarray,
    y_test: np.ndarray,
    sizes: Sequence[int],
    alphas: Sequence[float] = ALPHAS,
) -> list[np.ndarray]:
    """Return for each size of the training set which test images are classified rightly.

    Of each class equally many images are drawn from the training images, at random; if all are
    wanted there is one draw. The same are drawn for every kernel.

    Parameters
    ----------
    kernel : ndarray of shape (n_train, n_train)
    cross : ndarray of shape (n_test, n_train)
    y_train, y_test : ndarrays
        Classes.
    sizes : sequence of int
    alphas : sequence of float
        Of several, the one of least squared error of left-out training images is taken, for
        each training set.

    Returns
    -------
    list of ndarrays of shape (n_draws, n_test), of 1 and 0
    """
    result = []
    for size in sizes:
        random = np.random.default_rng(size)
        draws = [_draw(y_train, size, random) for _ in range(DRAWS if size < len(kernel) else 1)]
        right = []
        for rows in draws:
            fits = _fits(kernel[np.ix_(rows, rows)], y_train[rows], alphas)
            _, coefficients = min(fits, key=lambda fit: fit[0])
            predicted = np.unique(y_train)[np.argmax(cross[:, rows] @ coefficients, axis=1)]
            right.append(predicted == y_test)
        result.append(np.array(right, dtype=float))
    return result


def _draw(y: np.ndarray, size: int, random: np.random.Generator) -> np.ndarray:
    if size == len(y):
        return np.arange(size)
    classes = np.unique(y)
    n_per_class = size // len(classes)
    drawn = (random.choice(np.flatnonzero(y == c), n_per_class, replace=False) for c in classes)
    return np.concatenate(list(drawn))


def leave_one_out_r2(kernel: np.ndarray, y: np.ndarray) -> float:
    """Return the coefficient of determination of left-out one-hot targets, with the best alpha."""
    error, _ = min(_fits(kernel, y, ALPHAS), key=lambda fit: fit[0])
    return float(1 - error / np.mean(_targets(y) ** 2))


def _targets(y: np.ndarray) -> np.ndarray:
    classes = np.unique(y)
    return np.asarray((y[:, np.newaxis] == classes) - 1 / len(classes))


def _fits(
    kernel: np.ndarray, y: np.ndarray, alphas: Sequence[float]
) -> Iterator[tuple[float, np.ndarray]]:
    """Yield for each alpha the mean squared error of left-out targets and the coefficients."""
    values, vectors = np.linalg.eigh(kernel / np.mean(np.diagonal(kernel)))
    projected = vectors.T @ _targets(y)
    for alpha in alphas:
        weights = 1 / (values + alpha)
        coefficients = vectors @ (weights[:, np.newaxis] * projected)
        left_out = coefficients / (vectors**2 @ weights)[:, np.newaxis]
        yield float(np.mean(left_out**2)), coefficients
