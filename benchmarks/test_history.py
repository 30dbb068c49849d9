"""Our own history: ``make benchmark`` times these and keeps the times.

``pytest-benchmark compare`` then prints one version beside another.
"""

from __future__ import annotations

import numpy as np
import pytest

from skntk import NNGPRegressor, NTKRegressor, gram_matrix
from skntk.architecture import FullyConnected, InputScale, Serial


@pytest.mark.parametrize("n", [1000, 2000])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", ["relu", "erf", "tanh"])
def test_symmetric_ntk(benchmark, activation, dtype, n):
    X = inputs(n)
    network = FullyConnected(3, activation)
    matrix = benchmark.pedantic(
        gram_matrix, (network, X), {"dtype": dtype}, rounds=5, warmup_rounds=1
    )
    assert matrix.shape == (n, n)


@pytest.mark.parametrize("kind", ["nngp", "ntk", ("nngp", "ntk")])
def test_cross_kernel(benchmark, kind):
    X = inputs(1000)
    benchmark.pedantic(
        gram_matrix, (FullyConnected(3), X, X[::2]), {"kind": kind}, rounds=5, warmup_rounds=1
    )


@pytest.mark.parametrize("estimator", [NNGPRegressor, NTKRegressor])
def test_fit(benchmark, estimator):
    X = inputs(1000)
    model = benchmark.pedantic(estimator().fit, (X, np.sin(X[:, 0])), rounds=5, warmup_rounds=1)
    assert model.score(X, np.sin(X[:, 0])) > 0


@pytest.mark.parametrize("estimator", [NNGPRegressor, NTKRegressor])
def test_learned_hyperparameters(benchmark, estimator):
    X = inputs(1000)[:, :3]
    y = np.sin(2 * X[:, 0]) + 0.2 * np.random.default_rng(1).standard_normal(1000)
    network = Serial([InputScale(np.ones(3)), FullyConnected(2)])
    model = estimator(network, optimizer="fmin_l_bfgs_b")
    benchmark.pedantic(model.fit, (X, y), rounds=1)
    assert len(model.theta_) == 6


@pytest.mark.parametrize("return_std", [False, True])
@pytest.mark.parametrize("estimator", [NNGPRegressor, NTKRegressor])
def test_predict(benchmark, estimator, return_std):
    X = inputs(1000)
    model = estimator().fit(X, np.sin(X[:, 0]))
    benchmark.pedantic(
        model.predict, (inputs(500),), {"return_std": return_std}, rounds=5, warmup_rounds=1
    )


def inputs(n: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((n, 64))
