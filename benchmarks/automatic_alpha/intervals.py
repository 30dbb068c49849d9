"""R2, and the intervals of new observations, on five small data sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.linear_model import BayesianRidge

from benchmarks.automatic_alpha.data import Split, generated_splits
from benchmarks.automatic_alpha.scores import coverage, r2, relative_half_width
from benchmarks.timing import markdown_table
from skntk import NNGPRegressor, NTKRegressor

LEVEL = 0.95
Prediction = tuple[np.ndarray, np.ndarray]


def network(make: Callable[[], Any]) -> Callable[[Split], Prediction]:
    """Return a function that fits a regressor of the package and predicts new observations."""

    def predict(split: Split) -> Prediction:
        model = make().fit(split.X, split.y)
        return model.predict(split.X_test, return_std=True, observation_noise=True)

    return predict


def other(make: Callable[[], Any]) -> Callable[[Split], Prediction]:
    """Return the same for a regressor whose standard deviations are those of observations."""

    def predict(split: Split) -> Prediction:
        return make().fit(split.X, split.y).predict(split.X_test, return_std=True)

    return predict


def gaussian_process() -> GaussianProcessRegressor:
    kernel = ConstantKernel() * RBF() + WhiteKernel()
    return GaussianProcessRegressor(
        kernel, normalize_y=True, n_restarts_optimizer=1, random_state=0
    )


REGRESSORS: Mapping[str, Callable[[Split], Prediction]] = {
    "NNGPRegressor()": network(NNGPRegressor),
    "NTKRegressor()": network(NTKRegressor),
    "NNGPRegressor(alpha=0.1)": network(lambda: NNGPRegressor(alpha=0.1)),
    "NTKRegressor(alpha=0.1)": network(lambda: NTKRegressor(alpha=0.1)),
    "GaussianProcessRegressor": other(gaussian_process),
    "BayesianRidge": other(BayesianRidge),
}


def scores_of(split: Split, predict: Callable[[Split], Prediction]) -> tuple[float, float, float]:
    mean, std = predict(split)
    y = split.y_test
    return r2(mean, y), coverage(mean, std, y, LEVEL), relative_half_width(std, y, LEVEL)


def report(n_seeds: int) -> str:
    """Return the table of means over seeds."""
    scores: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
    for seed in range(n_seeds):
        for split in generated_splits(seed):
            for name, predict in REGRESSORS.items():
                scores.setdefault((split.name, name), []).append(scores_of(split, predict))
    rows = []
    for (split_name, name), found in scores.items():
        mean, spread = np.mean(found, axis=0), np.std(found, axis=0)
        cells = (f"{value:.3f} ± {std:.3f}" for value, std in zip(mean, spread, strict=True))
        rows.append([split_name, name, *cells])
    header = ["data (training rows)", "regressor", "R2", "coverage", "half width"]
    return (
        f"Nominal 95 % intervals of new observations; half widths in units of the targets' "
        f"standard deviation. Mean and standard deviation over {n_seeds} draws.\n\n"
        + markdown_table(header, rows)
    )
