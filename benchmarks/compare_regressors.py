"""Regression on the sets of scikit-learn: RMSE and predictive density beside a learned RBF kernel.

Run ``python -m benchmarks.compare_regressors``. Everything is chosen within the training rows of
each of five folds: ours by a search over networks and ``alpha`` that needs no refits, for NNGP by
the mean log density of held-out observations and for NTK by their error; the hyperparameters of
`GaussianProcessRegressor` by its marginal likelihood. Standard deviations are those of
observations, noise included.
"""

from __future__ import annotations

import argparse
import warnings
from time import perf_counter

import numpy as np
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.defaults_study.data import DataSet, regression_sets
from benchmarks.timing import machine, markdown_table
from skntk import ClosedFormSearchCV, NNGPRegressor, NTKRegressor
from skntk.architecture import FullyConnected
from skntk.metrics import neg_log_predictive_density_scorer

GRID = {
    "architecture__depth": [1, 3],
    "architecture__activation": ["relu", "erf"],
    "architecture__weight_std": [0.7, 1.5, 3.0],
    "alpha": np.logspace(-4, 0, 9),
}


def searched(regressor, scoring):
    """Return a pipeline that chooses the network and alpha by held-out predictions."""
    search = ClosedFormSearchCV(regressor, GRID, cv=5, scoring=scoring, error_score="raise")
    return make_pipeline(StandardScaler(), search)


def learned_rbf():
    """Return scikit-learn's Gaussian process with the usual kernel."""
    kernel = ConstantKernel() * RBF() + WhiteKernel()
    regressor = GaussianProcessRegressor(kernel, normalize_y=True, n_restarts_optimizer=2)
    return make_pipeline(StandardScaler(), regressor.set_params(random_state=0))


REGRESSORS = {
    "NNGPRegressor, searched": searched(
        NNGPRegressor(FullyConnected()), neg_log_predictive_density_scorer
    ),
    "NTKRegressor, searched": searched(
        NTKRegressor(FullyConnected()), "neg_root_mean_squared_error"
    ),
    "GaussianProcessRegressor, RBF + White": learned_rbf(),
}


def scores(regressor, dataset: DataSet) -> list[float]:
    """Return RMSE, negative log predictive density and seconds; the first two means over folds."""
    y = dataset.Y[:, 0] if dataset.Y.shape[1] == 1 else dataset.Y
    start = perf_counter()
    errors, densities = [], []
    for train, test in dataset.folds:
        model = clone(regressor).fit(dataset.X[train], y[train])
        errors.append(np.sqrt(np.mean(np.square(model.predict(dataset.X[test]) - y[test]))))
        densities.append(-neg_log_predictive_density_scorer(model, dataset.X[test], y[test]))
    return [float(np.mean(errors)), float(np.mean(densities)), perf_counter() - start]


def main() -> None:
    """Run the comparison and print its table, one row after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--max-rows", type=int, default=1500)
    arguments = parser.parse_args()
    # Bounds of hyperparameters that scikit-learn's optimizer ends at.
    warnings.simplefilter("ignore")
    rows = []
    for dataset in regression_sets():
        if len(dataset.X) > arguments.max_rows:
            continue
        for name, regressor in REGRESSORS.items():
            rmse, density, seconds = scores(regressor, dataset)
            rows.append([dataset.name, name, f"{rmse:.3f}", f"{density:.3f}", f"{seconds:.1f}"])
            print(rows[-1], flush=True)
    print(machine(), end="\n\n")
    print(markdown_table(["set", "regressor", "RMSE", "NLPD", "seconds"], rows))


if __name__ == "__main__":
    main()
