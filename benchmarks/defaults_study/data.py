"""The data sets of the study, each with its folds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn import datasets
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler

N_UCI_FOLDS = 4


@dataclass(frozen=True)
class DataSet:
    """Inputs, targets and folds.

    Attributes
    ----------
    task : {"classification", "regression"}
        Targets are one-hot in the first; in the second they are as they come, in units of their
        standard deviation.
    X : ndarray of shape (n_samples, n_features)
        Standardized inputs.
    Y : ndarray of shape (n_samples, n_outputs)
        Targets.
    folds : list of (training rows, test rows)
        Index arrays.
    """

    name: str
    task: str
    X: np.ndarray
    Y: np.ndarray
    folds: list[tuple[np.ndarray, np.ndarray]]


def uci_sets(path: Path, max_rows: int) -> Iterator[DataSet]:
    """Yield the classification sets with their published folds, at most ``max_rows`` rows."""
    archive = np.load(path)
    for name in sorted({key.split("/")[0] for key in archive.files}):
        X, labels = archive[f"{name}/X"], archive[f"{name}/y"]
        kept = np.random.default_rng(0).permutation(len(X))[:max_rows]
        folds = [
            tuple(
                np.intersect1d(archive[f"{name}/fold{fold}_{part}"], kept)
                for part in ("train", "test")
            )
            for fold in range(N_UCI_FOLDS)
        ]
        one_hot = (labels[:, np.newaxis] == np.unique(labels)).astype(float)
        yield DataSet(name, "classification", X, one_hot, folds)


def regression_sets(n_folds: int = 5) -> Iterator[DataSet]:
    """Yield the regression sets that scikit-learn ships or generates.

    Three sets for classification serve as regressions of one measurement on the others.
    """
    for name, (X, y) in _regression_problems():
        folds = list(KFold(n_folds, shuffle=True, random_state=0).split(X))
        Y = StandardScaler(with_mean=False).fit_transform(np.reshape(y, (len(X), -1)))
        yield DataSet(name, "regression", StandardScaler().fit_transform(X), Y, folds)


def _regression_problems() -> Iterator[tuple[str, tuple[np.ndarray, np.ndarray]]]:
    yield "diabetes", datasets.load_diabetes(return_X_y=True)
    yield "linnerud", datasets.load_linnerud(return_X_y=True)
    for n in (100, 400):
        yield f"friedman1-{n}", datasets.make_friedman1(n, noise=1.0, random_state=0)
        yield f"friedman2-{n}", datasets.make_friedman2(n, noise=100.0, random_state=0)
        yield f"friedman3-{n}", datasets.make_friedman3(n, noise=0.1, random_state=0)
    yield "friedman1-noiseless", datasets.make_friedman1(400, random_state=0)
    yield "sparse-uncorrelated", datasets.make_sparse_uncorrelated(300, random_state=0)
    yield "iris: petal width", _measurement(datasets.load_iris, 3)
    yield "wine: alcohol", _measurement(datasets.load_wine, 0)
    yield "breast cancer: smoothness", _measurement(datasets.load_breast_cancer, 4)


def _measurement(load, column: int) -> tuple[np.ndarray, np.ndarray]:
    measurements = load().data
    return np.delete(measurements, column, axis=1), measurements[:, column]
