"""Rows to train on: generated, or those of a table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

N_FEATURES = 26
NOISE = 0.1


@dataclass(frozen=True)
class Rows:
    """Training rows, and test rows with what is to be predicted of them."""

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray

    def relative_error(self, mean: np.ndarray) -> float:
        """Return the RMSE of predictions over the standard deviation of what they predict."""
        return float(np.sqrt(np.mean((mean - self.y_test) ** 2)) / np.std(self.y_test))


def generated(n_train: int, n_test: int) -> Rows:
    """Return normal rows; a smooth function of three directions, with noise for training."""
    random = np.random.default_rng(0)
    directions = random.normal(size=(N_FEATURES, 3))
    directions /= np.linalg.norm(directions, axis=0)
    X = random.normal(size=(n_train + n_test, N_FEATURES))
    first, second, third = (X @ directions).T
    values = np.sin(first) + second * np.tanh(third)
    y = values[:n_train] + NOISE * random.normal(size=n_train)
    return Rows(X[:n_train], y, X[n_train:], values[n_train:])


def table_rows(folder: Path, name: str) -> Rows:
    """Return four fifths of a table, and the others to test on; one-hot, imputed and scaled."""
    table = pd.read_parquet(folder / f"{name}.parquet")
    y = table.pop("target").to_numpy().astype(np.float64)
    ((train, test),) = ShuffleSplit(1, test_size=0.2, random_state=0).split(y[:, np.newaxis])
    encoder = _encoder().fit(table.iloc[train])
    X, X_test = (encoder.transform(table.iloc[rows]) for rows in (train, test))
    return Rows(X, y[train], X_test, y[test])


def _encoder():
    one_hot = OneHotEncoder(
        min_frequency=20, handle_unknown="infrequent_if_exist", sparse_output=False
    )
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    return make_column_transformer(
        (one_hot, make_column_selector(dtype_include="category")),
        (numbers, make_column_selector(dtype_exclude="category")),
    )
