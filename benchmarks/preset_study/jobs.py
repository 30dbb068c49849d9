"""The jobs of every kind of preset; none of them is a table that the package is judged by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn import datasets
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

LENGTH = 16
SEASON = 8


@dataclass(frozen=True)
class Job:
    """Training and test data; labels are integers in classification, else standardized."""

    name: str
    is_classification: bool
    X_train: np.ndarray
    X_test: np.ndarray
    y_train: np.ndarray
    y_test: np.ndarray


def _split(
    name: str,
    X: np.ndarray,
    y: np.ndarray,
    n_train: int,
    n_test: int,
    *,
    is_classification: bool,
    seed: int,
) -> Job:
    stratify = y if is_classification else None
    parts = train_test_split(
        X, y, train_size=n_train, test_size=n_test, random_state=seed, stratify=stratify
    )
    return Job(name, is_classification, *parts)


# Vectors ------------------------------------------------------------------------------------------


def vector_jobs(seed: int) -> list[Job]:
    """Return what scikit-learn ships or generates, standardized."""
    return [_vector_job(name, seed) for name in VECTORS]


def _vector_job(name: str, seed: int) -> Job:
    is_classification, load = VECTORS[name]
    X, y = load()
    n_train = min(300, len(X) // 2)
    n_test = min(600, len(X) - n_train)
    job = _split(name, X, y, n_train, n_test, is_classification=is_classification, seed=seed)
    scaler = StandardScaler().fit(job.X_train)
    X_train, X_test = scaler.transform(job.X_train), scaler.transform(job.X_test)
    return Job(name, is_classification, X_train, X_test, job.y_train, job.y_test)


def _friedman(make: Callable[..., tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    X, y = make(n_samples=900, random_state=0)
    return X, y + 0.2 * y.std() * np.random.default_rng(0).standard_normal(len(y))


VECTORS: dict[str, tuple[bool, Callable[[], tuple[np.ndarray, np.ndarray]]]] = {
    "diabetes": (False, lambda: datasets.load_diabetes(return_X_y=True)),
    "friedman1": (False, lambda: _friedman(datasets.make_friedman1)),
    "friedman2": (False, lambda: _friedman(datasets.make_friedman2)),
    "friedman3": (False, lambda: _friedman(datasets.make_friedman3)),
    "wine": (True, lambda: datasets.load_wine(return_X_y=True)),
    "breast cancer": (True, lambda: datasets.load_breast_cancer(return_X_y=True)),
    "digits as vectors": (True, lambda: datasets.load_digits(return_X_y=True)),
    "generated classes": (
        True,
        lambda: datasets.make_classification(
            900, 20, n_informative=6, n_classes=3, n_clusters_per_class=2, random_state=0
        ),
    ),
}


# Images -------------------------------------------------------------------------------------------


def image_jobs(cifar10: Path, seed: int) -> list[Job]:
    """Return jobs of 8 x 8 pixels, at which global pools are cheap."""
    return [_digits(seed), _small_cifar10(cifar10, seed), _textures(seed)]


def _digits(seed: int) -> Job:
    X, y = datasets.load_digits(return_X_y=True)
    images = X.reshape(-1, 8, 8, 1) / 16
    return _split("digits", images, y, 300, 400, is_classification=True, seed=seed)


def _small_cifar10(path: Path, seed: int) -> Job:
    """Return CIFAR-10 as means of 4 x 4 pixels, each channel standardized."""
    archive = np.load(path)
    X = archive["X_train"].reshape(-1, 8, 4, 8, 4, 3).mean(axis=(2, 4))
    X = (X - X.mean(axis=(0, 1, 2))) / X.std(axis=(0, 1, 2))
    y = archive["y_train"]
    return _split("CIFAR-10, 8 x 8", X, y, 300, 300, is_classification=True, seed=seed)


def _textures(seed: int) -> Job:
    """Return gratings of four orientations, of any phase, wavelength and contrast, in noise."""
    random = np.random.default_rng(seed)
    labels = np.arange(500) % 4
    angles = labels * np.pi / 4 + random.normal(scale=0.1, size=500)
    waves = 2 * np.pi / random.uniform(3, 5, size=500)
    rows, columns = np.indices((8, 8))
    along = np.cos(angles)[:, None, None] * rows + np.sin(angles)[:, None, None] * columns
    phases = random.uniform(0, 2 * np.pi, size=(500, 1, 1))
    images = np.sin(waves[:, None, None] * along + phases)
    images += random.normal(size=images.shape)
    X = images[..., np.newaxis]
    return _split("textures", X, labels, 200, 200, is_classification=True, seed=seed)


# Sequences ----------------------------------------------------------------------------------------


def sequence_jobs(seed: int) -> list[Job]:
    """Return a forecast, a classification and a task of sets."""
    return [_forecast(seed), _motifs(seed), _sets(seed)]


def _forecast(seed: int) -> Job:
    """Return windows of a noisy series of season 8 with a level that wanders, and what follows."""
    random = np.random.default_rng(seed)
    n_windows = 400
    time = np.arange(n_windows + LENGTH)
    season = np.sin(2 * np.pi * time / SEASON) + 0.5 * np.cos(4 * np.pi * time / SEASON)
    level = np.zeros(len(time))
    for at in range(1, len(time)):
        level[at] = 0.9 * level[at - 1] + 0.1 * random.normal()
    series = season + level + 0.2 * random.normal(size=len(time))
    series = (series - series.mean()) / series.std()
    windows = np.lib.stride_tricks.sliding_window_view(series, LENGTH)[:n_windows]
    X, y = windows[..., np.newaxis], series[LENGTH:]
    return Job("seasonal forecast", False, X[:200], X[200:], y[:200], y[200:])


def _motifs(seed: int) -> Job:
    """Return noise in which one of three motifs stands somewhere."""
    random = np.random.default_rng(seed)
    phase = np.linspace(0, 2 * np.pi, 6)
    motifs = 2 * np.stack([np.sin(phase), np.sign(np.sin(2 * phase)), np.abs(np.sin(phase))])
    labels = np.arange(500) % 3
    X = 0.7 * random.normal(size=(500, LENGTH))
    for row, label in zip(X, labels, strict=True):
        start = random.integers(LENGTH - len(phase) + 1)
        row[start : start + len(phase)] += motifs[label]
    X = X[..., np.newaxis] / X.std()
    return _split("motifs", X, labels, 200, 200, is_classification=True, seed=seed)


def _sets(seed: int) -> Job:
    """Return sets of 8 elements and the largest first coordinate among them, with noise."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(500, 8, 3))
    y = X[..., 0].max(axis=1)
    y = y + 0.1 * y.std() * random.normal(size=len(y))
    return _split("largest of a set", X, y, 200, 200, is_classification=False, seed=seed)
