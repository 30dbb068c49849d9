"""The images of the comparison: balanced subsets, standardized or whitened, as flat rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from skntk import ZCAWhitening


@dataclass(frozen=True, eq=False)
class Images:
    """Training and test images.

    Attributes
    ----------
    X_train, X_test : ndarray of shape (n, height * width * channels)
    y_train, y_test : ndarray of shape (n,)
    shape : tuple of int
        Height, width and channels of an image.
    description : str
        What was done to them, a sentence for the report.
    """

    X_train: np.ndarray
    y_train: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    shape: tuple[int, ...]
    description: str


def load_images(path: Path, n_train: int, n_test: int, pool: int, whiten: float | None) -> Images:
    """Return the first images of every class, the classes in turn, preprocessed alike.

    The statistics are those of the training images alone.

    Parameters
    ----------
    path : Path
        Archive with X_train, y_train, X_test and y_test.
    n_train, n_test : int
        Numbers of images.
    pool : int
        Height and width are divided by this, by means of squares of pixels.
    whiten : float or None
        Regularization of `ZCAWhitening`; None standardizes the channels instead.
    """
    with np.load(path) as archive:
        train, test = (
            _balanced(archive[f"X_{part}"], archive[f"y_{part}"], number)
            for part, number in (("train", n_train), ("test", n_test))
        )
    X_train, X_test = (_pooled(X.astype(float) / 255, pool) for X, _ in (train, test))
    shape = X_train.shape[1:]
    mean, std = X_train.mean((0, 1, 2)), X_train.std((0, 1, 2))
    X_train, X_test = ((X - mean) / std for X in (X_train, X_test))
    done = "channels standardized"
    if whiten is not None:
        whitening = ZCAWhitening(whiten).fit(X_train)
        X_train, X_test = whitening.transform(X_train), whitening.transform(X_test)
        done = f"ZCA-whitened (regularization {whiten:g})"
    size = " x ".join(map(str, shape[:2]))
    description = f"{n_train} training and {n_test} test images of {size} pixels, {done}."
    flat_train, flat_test = (X.reshape(len(X), np.prod(shape)) for X in (X_train, X_test))
    return Images(flat_train, train[1], flat_test, test[1], shape, description)


def _balanced(X: np.ndarray, y: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
    by_class = [np.flatnonzero(y == label) for label in np.unique(y)]
    most = min(map(len, by_class))
    order = np.stack([rows[:most] for rows in by_class], axis=1).ravel()
    if number > len(order):
        raise ValueError(f"The archive holds {len(order)} balanced images, not {number}.")
    return X[order[:number]], y[order[:number]]


def _pooled(X: np.ndarray, pool: int) -> np.ndarray:
    n, height, width, channels = X.shape
    blocks = X.reshape(n, height // pool, pool, width // pool, pool, channels)
    return blocks.mean((2, 4))
