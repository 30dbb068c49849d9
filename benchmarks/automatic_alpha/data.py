"""Training and test rows: generated ones, of tables and of the UCI sets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars
from sklearn import datasets
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from benchmarks.defaults_study.data import uci_sets

N_TRAIN = 800
N_TEST = 2000
N_UCI_ROWS = 700


@dataclass(frozen=True)
class Split:
    """Standardized inputs and targets, the latter class indices or numbers.

    Attributes
    ----------
    name : str
    is_classification : bool
    X, y : ndarray of shape (n, n_features) and (n,)
    X_test, y_test : ndarray of shape (m, n_features) and (m,)
    """

    name: str
    is_classification: bool
    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray


def generated_splits(seed: int) -> Iterator[Split]:
    """Yield the five data sets with and without noise, diabetes among them."""
    random = np.random.default_rng(seed)

    def split(name: str, n_train: int, X: np.ndarray, y: np.ndarray) -> Split:
        scaler = StandardScaler().fit(X[:n_train])
        X = scaler.transform(X)
        return Split(name, False, X[:n_train], y[:n_train], X[n_train:], y[n_train:])

    n_test = 1000
    X, y = datasets.make_friedman1(300 + n_test, noise=1.0, random_state=seed)
    yield split("friedman1, noise 1 (300)", 300, X, y)
    X = random.uniform(-2, 2, (200 + n_test, 1))
    y = np.sin(2 * X[:, 0]) + 0.3 * random.normal(size=len(X))
    yield split("sine of one feature, noise .3 (200)", 200, X, y)
    X, y = datasets.load_diabetes(return_X_y=True)
    rows = random.permutation(len(X))
    yield split("diabetes (300)", 300, X[rows], y[rows])
    X = random.normal(size=(300 + n_test, 5))
    yield split("pure noise, 5 features (300)", 300, X, random.normal(size=len(X)))
    X = random.uniform(-2, 2, (200 + n_test, 2))
    yield split("no noise, 2 features (200)", 200, X, np.sin(X[:, 0]) * X[:, 1])


def table_splits(folder: Path, seed: int) -> Iterator[Split]:
    """Yield a random part of every table of a folder, encoded as its training rows tell."""
    for name, facts in json.loads((folder / "index.json").read_text()).items():
        table = polars.read_parquet(folder / f"{name}.parquet")
        rows = np.random.default_rng(seed).permutation(len(table))[: N_TRAIN + N_TEST]
        table = table[rows]
        y = table["target"].to_numpy()
        is_classification = facts["kind"] == "classification"
        if is_classification:
            y = np.unique(y.astype(str), return_inverse=True)[1]
        X, X_test = _encoded(table.drop("target"))
        yield Split(name, is_classification, X, y[:N_TRAIN], X_test, y[N_TRAIN:])


def _encoded(table: polars.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return training and test rows: one-hot, missing numbers imputed with an indicator, scaled."""
    is_text = [dtype in (polars.Categorical, polars.String) for dtype in table.dtypes]
    names = np.array(table.columns)
    parts = []
    if any(is_text):
        text = table.select(polars.col(names[is_text]).cast(polars.String).fill_null("missing"))
        one_hot = OneHotEncoder(
            min_frequency=20, handle_unknown="infrequent_if_exist", sparse_output=False
        )
        parts.append((one_hot, text.to_numpy().astype(object)))
    if not all(is_text):
        numbers = table.select(polars.col(names[~np.array(is_text)]).cast(polars.Float64))
        imputer = SimpleImputer(
            strategy="median", add_indicator=True, keep_empty_features=True, missing_values=np.nan
        )
        values = numbers.fill_null(float("nan")).to_numpy()
        parts.append((make_pipeline(imputer, StandardScaler()), values))
    train = [encoder.fit_transform(values[:N_TRAIN]) for encoder, values in parts]
    test = [encoder.transform(values[N_TRAIN:]) for encoder, values in parts]
    return np.hstack(train), np.hstack(test)


def uci_splits(archive: Path) -> Iterator[Split]:
    """Yield the first fold of the classification sets, of at most 700 rows each."""
    for dataset in uci_sets(archive, N_UCI_ROWS):
        train, test = dataset.folds[0]
        y = dataset.Y.argmax(axis=1)
        yield Split(dataset.name, True, dataset.X[train], y[train], dataset.X[test], y[test])
