"""A network, and one input."""

import numpy as np
import pytest

from skntk import FiniteWidthRegressor, NTKRegressor
from skntk.architecture import Dense, FullyConnected


@pytest.fixture
def figures():
    import matplotlib.pyplot as plt

    return plt


@pytest.fixture(scope="session")
def network():
    return FullyConnected(1, "erf", weight_std=2.0, bias_std=1.0, last_layer=Dense(1.0, 0.5))


@pytest.fixture(scope="session")
def data():
    rng = np.random.default_rng(0)
    X = rng.uniform(-2, 2, size=(10, 1))
    return X, np.sin(2 * X[:, 0]) + 3.0


@pytest.fixture(scope="session")
def model(network, data):
    return NTKRegressor(network, alpha=1e-2).fit(*data)


@pytest.fixture(scope="session")
def ensemble(network, data):
    model = FiniteWidthRegressor(network, width=8, n_networks=3, training_time=2, random_state=0)
    return model.fit(*data)
