"""A network and samples for the tests of the engine."""

import numpy as np

from skntk.architecture import Dense, Dropout, Erf, Relu, Residual, Serial

NETWORK = Serial(
    [
        Dense(1.3, 0.2),
        Relu(),
        Dropout(0.8),
        Residual(Serial([Dense(1.1, 0.1), Erf()])),
        Dense(0.9, 0.3),
    ]
)
BOTH = ("nngp", "ntk")


def samples(n_samples, n_features=4, seed=0):
    return np.random.default_rng(seed).normal(size=(n_samples, n_features))
