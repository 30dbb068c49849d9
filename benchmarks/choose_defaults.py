"""The study behind the defaults: what does each choice score over many small data sets?

Run ``python -m benchmarks.choose_defaults --uci uci_small.npz --scores scores.csv`` to compute all
scores, and without ``--uci`` to print the tables from them again.

The archive holds 30 standardized classification sets, each as arrays NAME/X, NAME/y,
NAME/foldK_train and NAME/foldK_test with K from 0 to 3. The regression sets come with scikit-learn.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import joblib
import numpy as np
import pandas as pd

from benchmarks.defaults_study import tables
from benchmarks.defaults_study.data import DataSet, regression_sets, uci_sets
from benchmarks.defaults_study.scores import (
    Fold,
    RidgeOverAlphas,
    classification_scores,
    regression_scores,
)
from skntk import gram_matrix
from skntk.architecture import FullyConnected

RELATIVE_ALPHAS = (1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)
ABSOLUTE_ALPHAS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
ALPHAS = {
    "alpha_scale": ["relative"] * len(RELATIVE_ALPHAS) + ["absolute"] * len(ABSOLUTE_ALPHAS),
    "alpha": [*RELATIVE_ALPHAS, *ABSOLUTE_ALPHAS],
}
# What the tables compare everything else with.
DECISION = {
    "depth": 3,
    "weight_std": 1.5,
    "bias_std": 1.0,
    "alpha": 0.1,
    "alpha_scale": "relative",
    "centered": True,
}
WEIGHT_STDS = (1.0, 1.2, 1.4142, 1.5, 2.0)
BIAS_STDS = (0.0, 0.05, 0.1, 0.3, 1.0)

SETTING = ("data", "task", "max_rows", "activation", "centered", "kind", "alpha_scale")
COLUMNS = (*SETTING, *tables.FACTORS, *tables.METRICS)


@dataclass(frozen=True)
class Grid:
    """Networks to try, the most rows of a classification set, and whether to center the targets."""

    activation: str
    depths: tuple[int, ...]
    weight_stds: tuple[float, ...]
    bias_stds: tuple[float, ...]
    max_rows: int
    centered: tuple[bool, ...] = (True,)


GRIDS = (
    Grid("relu", (3, 1, 2, 5), WEIGHT_STDS, BIAS_STDS, 400),
    Grid("erf", (3,), (1.0, 1.5, 2.0), (0.1, 0.3, 1.0), 300),
    Grid("gelu", (3,), (1.0, 1.5, 2.0), (0.1, 0.3, 1.0), 300),
    # More rows, and what centering the targets brings.
    Grid("relu", (1, 3), (1.5,), (0.1, 0.3, 0.5, 1.0), 1500, centered=(True, False)),
)


def scores_of_data(data: DataSet, grid: Grid, depth: int) -> pd.DataFrame:
    """Return the scores of both kernels of every network of one depth with every alpha."""
    frames = []
    for weight_std, bias_std in product(grid.weight_stds, grid.bias_stds):
        network = FullyConnected(depth, grid.activation, weight_std, bias_std)
        nngp, ntk = gram_matrix(network, data.X, kind=("nngp", "ntk"), n_jobs=1)
        for kind, kernel in {"nngp": nngp, "ntk": ntk}.items():
            folds = [
                scores_of_fold(data, kind, kernel, nngp, fold, grid.centered) for fold in data.folds
            ]
            settings = ["centered", "alpha_scale", "alpha"]
            scores = pd.concat(folds).groupby(settings).mean().reset_index()
            columns = {"weight_std": weight_std, "bias_std": bias_std, "kind": kind}
            frames.append(scores.assign(**columns))
    columns = {"data": data.name, "task": data.task, "activation": grid.activation, "depth": depth}
    return pd.concat(frames).assign(**columns, max_rows=grid.max_rows)


def scores_of_fold(
    data: DataSet,
    kind: str,
    kernel: np.ndarray,
    nngp: np.ndarray,
    fold: tuple[np.ndarray, np.ndarray],
    centered: tuple[bool, ...],
) -> pd.DataFrame:
    """Return the scores of one kernel with every alpha."""
    train, test = fold
    inner, cross = np.ix_(train, train), np.ix_(test, train)
    matrices = Fold(kernel[inner], kernel[cross], nngp[inner], nngp[cross], nngp[test, test])
    scale = np.mean(np.diag(matrices.train))
    alphas = np.array([*(scale * np.array(RELATIVE_ALPHAS)), *ABSOLUTE_ALPHAS])
    ridge = RidgeOverAlphas(matrices, alphas)
    frames = []
    for is_centered in centered:
        if data.task == "classification":
            scores = classification_scores(ridge, data.Y[train], data.Y[test], is_centered)
        else:
            scores = regression_scores(ridge, kind, data.Y[train], data.Y[test], is_centered)
        frames.append(pd.DataFrame({**ALPHAS, **scores, "centered": is_centered}))
    return pd.concat(frames)


def run_study(uci: Path, grids: Sequence[Grid], n_jobs: int, path: Path) -> None:
    """Write the score of every candidate on every data set, each as soon as it is there."""
    tasks = [
        joblib.delayed(scores_of_data)(data, grid, depth)
        for grid in grids
        for depth in grid.depths
        for data in [*uci_sets(uci, grid.max_rows), *regression_sets()]
    ]
    # The processes take all cores, and small eigendecompositions gain nothing from threads.
    with path.open("w") as file, joblib.parallel_config("loky", inner_max_num_threads=1):
        workers = joblib.Parallel(n_jobs, verbose=10, return_as="generator_unordered")
        for number, scores in enumerate(workers(tasks)):
            scores.reindex(columns=COLUMNS).to_csv(file, index=False, header=number == 0)
            file.flush()


def main() -> None:
    """Compute the scores if asked to, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--uci", type=Path, help="archive of classification sets: compute scores")
    parser.add_argument("--scores", type=Path, required=True, help="CSV file, written or read")
    parser.add_argument("--n-jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    if arguments.uci:
        run_study(arguments.uci, GRIDS, arguments.n_jobs, arguments.scores)
    print(tables.report(pd.read_csv(arguments.scores), DECISION))


if __name__ == "__main__":
    main()
