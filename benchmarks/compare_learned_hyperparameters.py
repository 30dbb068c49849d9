"""Learning hyperparameters, beside `GaussianProcessRegressor` with as many.

Run ``python -m benchmarks.compare_learned_hyperparameters``. All search with L-BFGS-B from one
start: scales of three features, two standard deviations and the noise here, the scale of the
outputs in closed form; three length scales, two constants and the noise there. `NNGPRegressor` and
scikit-learn's process maximize the log marginal likelihood, `NTKRegressor` the leave-one-out
density. Evaluations are those of the score with its gradient. The first round compiles.
"""

from __future__ import annotations

import argparse
import warnings
from time import perf_counter, process_time

import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

from benchmarks.timing import machine, markdown_table
from skntk import NNGPRegressor, NTKRegressor
from skntk.architecture import FullyConnected, InputScale, Serial
from skntk.metrics import negative_log_predictive_density

N_FEATURES = 3


def l_bfgs_b(obj_func, initial_theta, bounds):
    """Run the optimizer that both use, and keep how often it evaluated."""
    from scipy.optimize import minimize

    result = minimize(obj_func, initial_theta, method="L-BFGS-B", jac=True, bounds=bounds)
    l_bfgs_b.evaluations = result.nfev
    return result.x, result.fun


def regressors():
    """Return the regressors, each with 6 hyperparameters."""
    ones = np.ones(N_FEATURES)
    network = Serial([InputScale(ones), FullyConnected(2)])
    kernel = ConstantKernel() * RBF(ones) + ConstantKernel() + WhiteKernel()
    return {
        "NNGPRegressor": NNGPRegressor(network, optimizer=l_bfgs_b),
        "NTKRegressor": NTKRegressor(network, optimizer=l_bfgs_b),
        "GaussianProcessRegressor": GaussianProcessRegressor(
            kernel, alpha=0.0, normalize_y=True, optimizer=l_bfgs_b
        ),
    }


def measured(regressor, X, y) -> tuple[float, float, int]:
    """Return wall and processor seconds of `fit`, and its number of evaluations."""
    wall, processor = perf_counter(), process_time()
    regressor.fit(X, y)
    return perf_counter() - wall, process_time() - processor, l_bfgs_b.evaluations


def data(n_rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    X = random.standard_normal((n_rows, N_FEATURES))
    return X, np.sin(2 * X[:, 0]) + 0.2 * random.standard_normal(n_rows)


def held_out_density(regressor) -> float:
    """Return the mean negative log density of 1000 new observations."""
    X, y = data(1000, seed=1)
    if hasattr(regressor, "predict_observation"):
        mean, std = regressor.predict_observation(X)
    else:
        mean, std = regressor.predict(X, return_std=True)
    return float(negative_log_predictive_density(y, mean, std))


def main() -> None:
    """Run the comparison and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[150, 500, 1500])
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    # Bounds of hyperparameters that an optimizer ends at.
    warnings.simplefilter("ignore")
    rows = []
    for n_rows in arguments.rows:
        X, y = data(n_rows, seed=0)
        for number in range(1, arguments.rounds + 1):
            for name, regressor in regressors().items():
                wall, processor, evaluations = measured(regressor, X, y)
                figures = [
                    f"{wall:.1f}",
                    f"{processor:.1f}",
                    str(evaluations),
                    f"{wall / evaluations:.3f}",
                    f"{held_out_density(regressor):.3f}",
                ]
                rows.append([str(n_rows), str(number), name, *figures])
                print(rows[-1], flush=True)
    header = ["rows", "round", "regressor", "seconds", "processor seconds", "evaluations"]
    print(machine(), end="\n\n")
    print(markdown_table([*header, "seconds each", "NLPD of new observations"], rows))


if __name__ == "__main__":
    main()
