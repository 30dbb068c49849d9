"""Learning 6 hyperparameters, beside `GaussianProcessRegressor` with an anisotropic RBF kernel.

Run ``python -m benchmarks.compare_learned_hyperparameters``. Both maximize the log marginal
likelihood of the same rows with L-BFGS-B from one start: scales of three features, two standard
deviations and the noise here; three length scales, two constants and the noise there. The first
round compiles. Evaluations are those of the score with its gradient.
"""

from __future__ import annotations

import argparse
import warnings
from time import perf_counter, process_time

import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

from benchmarks.timing import machine, markdown_table
from skntk import NNGPRegressor
from skntk.architecture import FullyConnected, InputScale, Serial

N_FEATURES = 3


def l_bfgs_b(obj_func, initial_theta, bounds):
    """Run the optimizer that both use, and keep how often it evaluated."""
    from scipy.optimize import minimize

    result = minimize(obj_func, initial_theta, method="L-BFGS-B", jac=True, bounds=bounds)
    l_bfgs_b.evaluations = result.nfev
    return result.x, result.fun


def regressors():
    """Return both regressors, each with 6 hyperparameters."""
    ones = np.ones(N_FEATURES)
    network = Serial([InputScale(ones), FullyConnected(2)])
    kernel = ConstantKernel() * RBF(ones) + ConstantKernel() + WhiteKernel()
    return {
        "NNGPRegressor": NNGPRegressor(network, optimizer=l_bfgs_b),
        "GaussianProcessRegressor": GaussianProcessRegressor(
            kernel, alpha=0.0, normalize_y=True, optimizer=l_bfgs_b
        ),
    }


def measured(regressor, X, y) -> tuple[float, float, int]:
    """Return wall and processor seconds of `fit`, and its number of evaluations."""
    wall, processor = perf_counter(), process_time()
    regressor.fit(X, y)
    return perf_counter() - wall, process_time() - processor, l_bfgs_b.evaluations


def main() -> None:
    """Run the comparison and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    # Bounds of hyperparameters that an optimizer ends at.
    warnings.simplefilter("ignore")
    random = np.random.default_rng(0)
    X = random.standard_normal((arguments.rows, N_FEATURES))
    y = np.sin(2 * X[:, 0]) + 0.2 * random.standard_normal(arguments.rows)
    rows = []
    for number in range(1, arguments.rounds + 1):
        for name, regressor in regressors().items():
            wall, processor, evaluations = measured(regressor, X, y)
            score = regressor.log_marginal_likelihood_value_
            figures = [
                f"{wall:.1f}",
                f"{processor:.1f}",
                str(evaluations),
                f"{wall / evaluations:.2f}",
            ]
            rows.append([str(number), name, *figures, f"{score:.1f}"])
            print(rows[-1], flush=True)
    header = ["round", "regressor", "seconds", "processor seconds", "evaluations"]
    print(machine(), end="\n\n")
    print(markdown_table([*header, "seconds each", "log likelihood"], rows))


if __name__ == "__main__":
    main()
