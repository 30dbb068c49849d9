"""Regression on the sets of scikit-learn: RMSE and predictive density beside learned RBF kernels.

Run ``python -m benchmarks.compare_regressors results.jsonl``: each line that is finished is kept in
that file, and a run that was interrupted goes on from there. ``--table`` prints the table.

Everything is learned from the training rows of each of five folds: the scaling of the inputs and of
the targets, the hyperparameters, by the marginal likelihood, and between the two networks of the
recipe the choice, by five folds of these rows. Standard deviations are those of observations, noise
included.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from itertools import product
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.defaults_study.data import DataSet, regression_sets
from benchmarks.timing import machine, markdown_table
from skntk import NNGPRegressor
from skntk.architecture import FullyConnected, InputScale, Serial
from skntk.metrics import neg_log_predictive_density_scorer

N_FOLDS = 5
# What the table calls the measures, and their digits.
MEASURES = {"rmse": ("RMSE", 3), "nlpd": ("NLPD", 3), "seconds": ("s", 1)}


def recipe(n_features: int):
    """Return the recipe of the documentation."""
    network = FullyConnected(1, "rbf")
    relevance = Serial([InputScale(np.ones(n_features)), network])
    regressor = NNGPRegressor(optimizer="fmin_l_bfgs_b", alpha_bounds=(1e-8, 1e2))
    return GridSearchCV(
        make_pipeline(StandardScaler(), regressor),
        {"nngpregressor__architecture": [network, relevance]},
        scoring=neg_log_predictive_density_scorer,
        cv=KFold(5, shuffle=True, random_state=0),
    )


def learned_rbf(scales, n_restarts: int):
    """Return scikit-learn's Gaussian process with the usual kernel."""
    regressor = GaussianProcessRegressor(
        ConstantKernel() * RBF(scales) + WhiteKernel(),
        normalize_y=True,
        n_restarts_optimizer=n_restarts,
        random_state=0,
    )
    return make_pipeline(StandardScaler(), regressor)


REGRESSORS: dict[str, Callable[[int], Any]] = {
    "recipe": recipe,
    "RBF + White": lambda n_features: learned_rbf(1.0, n_restarts=2),
    "anisotropic RBF + White": lambda n_features: learned_rbf(np.ones(n_features), n_restarts=0),
}


def scores(regressor, dataset: DataSet, fold: int) -> dict[str, float]:
    """Return RMSE and negative log predictive density in a fold, and the processor seconds."""
    train, test = dataset.folds[fold]
    y = dataset.Y[:, 0] if dataset.Y.shape[1] == 1 else dataset.Y
    start = process_time()
    model = regressor.fit(dataset.X[train], y[train])
    error = np.sqrt(np.mean(np.square(model.predict(dataset.X[test]) - y[test])))
    density = neg_log_predictive_density_scorer(model, dataset.X[test], y[test])
    return {"rmse": float(error), "nlpd": -density, "seconds": process_time() - start}


Results = dict[tuple[str, str, int], dict[str, Any]]


def finished(path: Path) -> Results:
    """Return what is in the file, by set, regressor and fold."""
    lines = path.read_text().splitlines() if path.exists() else []
    rows = map(json.loads, lines)
    return {(row["set"], row["regressor"], row["fold"]): row for row in rows}


def run(path: Path, sets: list[str] | None, names: list[str]) -> None:
    """Score regressors on sets, one line of the file after the other."""
    done = finished(path)
    for dataset in regression_sets(N_FOLDS):
        for name, fold in product(names, range(N_FOLDS)):
            skipped = sets is not None and dataset.name not in sets
            if skipped or (dataset.name, name, fold) in done:
                continue
            found = scores(REGRESSORS[name](dataset.X.shape[1]), dataset, fold)
            row = {"set": dataset.name, "regressor": name, "fold": fold, **found}
            with path.open("a") as file:
                file.write(json.dumps(row) + "\n")


def table(results: Results) -> str:
    """Return the means over folds, set by set, and the means over sets."""
    names = list(dict.fromkeys(name for name, _, _ in results))
    complete = [
        name
        for name in names
        if all((name, *run) in results for run in product(REGRESSORS, range(N_FOLDS)))
    ]
    figures = np.array(
        [
            [
                np.mean([results[name, regressor, fold][measure] for fold in range(N_FOLDS)])
                for measure, regressor in product(MEASURES, REGRESSORS)
            ]
            for name in complete
        ]
    )
    columns = list(product(MEASURES.values(), REGRESSORS))
    lines = [
        [
            name,
            *(f"{value:.{digits}f}" for value, ((_, digits), _) in zip(row, columns, strict=True)),
        ]
        for name, row in zip([*complete, "mean"], [*figures, figures.mean(axis=0)], strict=True)
    ]
    header = [f"{title}, {regressor}" for (title, _), regressor in columns]
    return markdown_table(["set", *header], lines)


def main() -> None:
    """Run the comparison, or print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--sets", nargs="+", help="all if it is not given")
    parser.add_argument("--regressors", nargs="+", choices=REGRESSORS, default=list(REGRESSORS))
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    if arguments.table:
        print(table(finished(arguments.results)))
        return
    # Bounds of hyperparameters that an optimizer ends at.
    warnings.simplefilter("ignore")
    run(arguments.results, arguments.sets, arguments.regressors)
    print(machine())


if __name__ == "__main__":
    main()
