"""Grid searches over networks of neural-tangents, for `compare_searches`.

Runs in an environment of its own. Reads lines of JSON, ``{"wrapper": ..., "n_alphas": ...}``, and
answers each with a line. Both wrappers solve the same system. One makes the network in `fit` and
calls its kernel function, as the "README" of neural-tangents does; the other keeps one kernel
function for each network, "compiled" by `jax.jit` once for each shape.
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


def kernel_function(depth):
    """Return the kernel function of a fully connected network."""
    # Imports TensorFlow, and is not needed.
    sys.modules["neural_tangents.experimental"] = types.ModuleType("experimental")
    from neural_tangents import stax

    layers = []
    for _ in range(depth):
        layers += [stax.Dense(1, W_std=1.5, b_std=0.1), stax.Relu()]
    network = stax.serial(*layers, stax.Dense(1, W_std=1.5, b_std=0.1))
    return network[2]


@functools.lru_cache
def compiled_kernel_function(depth):
    """Return the compiled kernel function of a fully connected network, always the same."""
    return jax.jit(kernel_function(depth), static_argnames="get")


class NeuralTangentsRegressor(RegressorMixin, BaseEstimator):
    """The mean of an ensemble of trained networks, wrapped for scikit-learn."""

    def __init__(self, depth=1, alpha=0.1):
        self.depth = depth
        self.alpha = alpha

    def kernel_function(self):
        """Return the kernel function of the network."""
        return kernel_function(self.depth)

    def fit(self, X, y):
        """Factorize the kernel matrix of the training samples."""
        self.kernel_function_ = self.kernel_function()
        kernel = np.array(self.kernel_function_(X, None, get="ntk"))
        kernel[np.diag_indices(len(X))] += self.alpha
        self.X_, self.mean_ = X, y.mean()
        factor = cho_factor(kernel, lower=True, overwrite_a=True, check_finite=False)
        self.coef_ = cho_solve(factor, y - self.mean_)
        return self

    def predict(self, X):
        """Return the mean."""
        return np.asarray(self.kernel_function_(X, self.X_, get="ntk")) @ self.coef_ + self.mean_


class CompiledNeuralTangentsRegressor(NeuralTangentsRegressor):
    """The same with a kernel function that is compiled once."""

    def kernel_function(self):
        """Return the kernel function of the network."""
        return compiled_kernel_function(self.depth)


WRAPPERS = {"README": NeuralTangentsRegressor, "compiled": CompiledNeuralTangentsRegressor}


def main():
    """Search whenever a line is read."""
    jax.config.update("jax_enable_x64", True)
    with np.load(sys.argv[1]) as data:
        X, y, depths, alphas = (data[name] for name in ("X", "y", "depths", "alphas"))
    for line in sys.stdin:
        asked = json.loads(line)
        grid = {"depth": depths.tolist(), "alpha": alphas[: asked["n_alphas"]].tolist()}
        start = time.perf_counter()
        search = GridSearchCV(WRAPPERS[asked["wrapper"]](), grid, cv=int(sys.argv[2])).fit(X, y)
        answer = {
            "seconds": time.perf_counter() - start,
            "scores": search.cv_results_["mean_test_score"].tolist(),
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
