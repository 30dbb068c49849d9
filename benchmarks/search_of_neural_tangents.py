"""A grid search over networks of neural-tangents, for `compare_searches`.

Runs in an environment of its own, and prints one line of JSON for each line that it reads. Kernel
functions are compiled once for each network and shape; what is solved is the same system.
"""

import functools
import json
import sys
import time
import types

import jax
import numpy as np
from scipy.linalg import cho_factor, cho_solve
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.model_selection import GridSearchCV


@functools.lru_cache
def kernel_function(depth):
    """Return the compiled kernel function of a fully connected network."""
    # Imports TensorFlow, and is not needed.
    sys.modules["neural_tangents.experimental"] = types.ModuleType("experimental")
    from neural_tangents import stax

    layers = []
    for _ in range(depth):
        layers += [stax.Dense(1, W_std=1.5, b_std=0.1), stax.Relu()]
    network = stax.serial(*layers, stax.Dense(1, W_std=1.5, b_std=0.1))
    return jax.jit(network[2], static_argnames="get")


class NeuralTangentsRegressor(RegressorMixin, BaseEstimator):
    """The mean of an ensemble of trained networks, wrapped for scikit-learn."""

    def __init__(self, depth=1, alpha=0.1):
        self.depth = depth
        self.alpha = alpha

    def fit(self, X, y):
        """Factorize the kernel matrix of the training samples."""
        kernel = np.array(kernel_function(self.depth)(X, None, get="ntk"))
        kernel[np.diag_indices(len(X))] += self.alpha
        self.X_, self.mean_ = X, y.mean()
        factor = cho_factor(kernel, lower=True, overwrite_a=True, check_finite=False)
        self.coef_ = cho_solve(factor, y - self.mean_)
        return self

    def predict(self, X):
        """Return the mean."""
        kernel = np.asarray(kernel_function(self.depth)(X, self.X_, get="ntk"))
        return kernel @ self.coef_ + self.mean_


def main():
    """Search whenever a line is read."""
    jax.config.update("jax_enable_x64", True)
    with np.load(sys.argv[1]) as data:
        X, y, depths, alphas = (data[name] for name in ("X", "y", "depths", "alphas"))
    grid = {"depth": depths.tolist(), "alpha": alphas.tolist()}
    for _ in sys.stdin:
        start = time.perf_counter()
        search = GridSearchCV(NeuralTangentsRegressor(), grid, cv=int(sys.argv[2])).fit(X, y)
        answer = {
            "seconds": time.perf_counter() - start,
            "scores": search.cv_results_["mean_test_score"].tolist(),
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
