"""Small problems and the estimators that most tests run on."""

from __future__ import annotations

import numpy as np

from skntk import NNGPClassifier, NNGPRegressor, NTKClassifier, NTKRegressor
from skntk.architecture import FullyConnected

NETWORK = FullyConnected(depth=2, activation="erf", weight_std=1.4, bias_std=0.2)

REGRESSORS = [
    NNGPRegressor(NETWORK),
    NTKRegressor(NETWORK),
    NTKRegressor(NETWORK, training_time=20.0),
]
CLASSIFIERS = [
    NNGPClassifier(NETWORK),
    NTKClassifier(NETWORK),
    NTKClassifier(NETWORK, training_time=20.0),
]
ESTIMATORS = REGRESSORS + CLASSIFIERS


def name_of(estimator):
    """Return what distinguishes an estimator of the lists above in the names of tests."""
    early = getattr(estimator, "training_time", None) is not None
    return type(estimator).__name__ + (" early" if early else "")


def regression(n_outputs=None, n_samples=25, seed=0):
    """Return training inputs, targets and test inputs."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(n_samples, 4))
    weights = random.normal(size=(4, n_outputs or 1))
    y = 3.0 + 2.0 * np.sin(X @ weights) + 0.1 * random.normal(size=(n_samples, n_outputs or 1))
    return X, y[:, 0] if n_outputs is None else y, random.normal(size=(9, 4))


def classification(n_classes=3, n_samples=36, seed=0):
    """Return training inputs, overlapping classes and test inputs."""
    random = np.random.default_rng(seed)
    labels = np.arange(n_samples) % n_classes
    centers = random.normal(size=(n_classes, 4))
    X = centers[labels] + random.normal(size=(n_samples, 4))
    return X, np.array(["ash", "birch", "cedar"])[labels], random.normal(size=(9, 4))


def problem_for(estimator, **options):
    """Return a problem of the kind that the estimator solves."""
    is_classifier = "Classifier" in type(estimator).__name__
    return classification(**options) if is_classifier else regression(**options)
