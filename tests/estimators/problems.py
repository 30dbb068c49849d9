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
CONVERGED = [estimator for estimator in ESTIMATORS if estimator.training_time is None]


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


def sine(X):
    """Return the mean of `noisy`."""
    return np.sin(2 * X[:, 0]) + 0.5 * X[:, 1]


def noisy(n_samples, noise=0.3, seed=0):
    """Return inputs, targets with noise of a standard deviation, and 1000 new inputs."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(n_samples, 2))
    return X, sine(X) + noise * random.normal(size=n_samples), random.normal(size=(1000, 2))


def noisy_classes(n_samples=200, noise=0.8, shift=0.0, seed=0):
    """Return inputs and two classes that overlap, and as much to test with."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(n_samples + 1500, 3))
    score = X[:, 0] + 0.5 * np.sin(2 * X[:, 1]) + noise * random.normal(size=len(X))
    y = (score > shift).astype(int)
    return X[:n_samples], y[:n_samples], X[n_samples:], y[n_samples:]


def noise_std(model, X):
    """Return the standard deviation of the noise of new observations."""
    observed, of_function = (
        model.predict(X, return_std=True, observation_noise=wish)[1] for wish in (True, False)
    )
    return np.sqrt(np.square(observed) - np.square(of_function))
