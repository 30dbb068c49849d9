"""Tables with categories and gaps, their splits, and the scores of predictions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import KFold, ShuffleSplit, StratifiedKFold

_MOST_ROWS_OF_FOLDS = 40_000
_LEAST_PROBABILITY = 1e-7
_BINS = 15


@dataclass(frozen=True)
class TableSet:
    """A table with its targets; classes are numbered."""

    name: str
    is_regression: bool
    X: Any
    y: np.ndarray

    @property
    def splits(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Three shuffled folds, stratified by class; one split of 80 : 20 above 40,000 rows."""
        if len(self.y) > _MOST_ROWS_OF_FOLDS:
            splitter: Any = ShuffleSplit(1, test_size=0.2, random_state=0)
        elif self.is_regression:
            splitter = KFold(3, shuffle=True, random_state=0)
        else:
            splitter = StratifiedKFold(3, shuffle=True, random_state=0)
        return list(splitter.split(np.zeros(len(self.y)), self.y))


def read_tables(folder: Path) -> Iterator[TableSet]:
    """Yield the tables of a folder with an index, the smallest first."""
    import pandas as pd

    index = json.loads((folder / "index.json").read_text())
    for name, facts in sorted(index.items(), key=lambda item: item[1]["rows"]):
        X = pd.read_parquet(folder / f"{name}.parquet")
        y = X.pop("target").to_numpy()
        is_regression = facts["kind"] == "regression"
        if not is_regression:
            y = np.unique(y.astype(str), return_inverse=True)[1]
        yield TableSet(name, is_regression, X, y)


def regression_scores(
    y: np.ndarray,
    mean: np.ndarray,
    std: np.ndarray | None = None,
    interval: tuple[np.ndarray, np.ndarray] | None = None,
) -> dict[str, float]:
    """Return the root mean square error, in standard deviations of the targets, and more.

    With standard deviations the mean negative log density of targets in the same unit, with an
    interval its coverage.
    """
    unit = np.std(y)
    found = {"loss": float(np.sqrt(np.mean((mean - y) ** 2)) / unit)}
    if std is not None:
        squares = ((y - mean) / std) ** 2
        found["nlpd"] = float(np.mean(np.log(2 * np.pi * (std / unit) ** 2) + squares) / 2)
    if interval is not None:
        found["coverage"] = float(np.mean((interval[0] <= y) & (y <= interval[1])))
    return found


def classification_scores(y: np.ndarray, proba: np.ndarray) -> dict[str, float]:
    """Return the log-loss, the accuracy and the expected calibration error in 15 bins."""
    proba = np.clip(proba, _LEAST_PROBABILITY, 1)
    proba /= proba.sum(axis=1, keepdims=True)
    confidence, right = proba.max(axis=1), proba.argmax(axis=1) == y
    bins = np.ceil(confidence * _BINS).astype(int)
    excess = np.bincount(bins, weights=right - confidence)
    return {
        "loss": float(-np.mean(np.log(proba[np.arange(len(y)), y]))),
        "accuracy": float(np.mean(right)),
        "calibration": float(np.abs(excess).sum() / len(y)),
    }
