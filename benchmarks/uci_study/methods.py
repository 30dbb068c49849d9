"""The classifiers that are compared, each with the values that it is tuned over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF, ConstantKernel
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import OneHotEncoder, QuantileTransformer, StandardScaler
from sklearn.svm import SVC

from skntk import ClosedFormSearchCV, NNGPClassifier, gram_matrix, make_tabular_classifier
from skntk.architecture import FullyConnected
from skntk.kernels import NNGPKernel, NTKKernel

N_TREES = 500
SEARCH = {
    "architecture__depth": [1, 2, 4],
    "architecture__activation": ["relu", "erf"],
    "alpha": np.logspace(-4, 0.5, 10),
}


@dataclass(frozen=True)
class Method:
    """A classifier and the grid over which a protocol tunes it; {} if it tunes itself.

    ``final`` are parameters of the tuned model alone, such as probabilities that take more fits.
    ``scoring`` is what the grid is tuned by.
    """

    estimator: Any
    grid: dict[str, Any] = field(default_factory=dict)
    final: dict[str, Any] = field(default_factory=dict)
    scoring: Any = "accuracy"


class ForestWithSmoothedShares(RandomForestClassifier):
    """A random forest that gives every class the probability of a vote more.

    A share of 0 among its trees would make the log-loss infinite.
    """

    def predict_proba(self, X):
        shares = super().predict_proba(X)
        return (self.n_estimators * shares + 1 / self.n_classes_) / (self.n_estimators + 1)


class NTKSupportVectorMachine(ClassifierMixin, BaseEstimator):
    """The classifier of Arora et al. (ICLR 2020): the NTK of a relu network without biases."""

    def __init__(self, depth=1, C=1.0, probability=False):
        self.depth = depth
        self.C = C
        self.probability = probability

    def fit(self, X, y):
        self.X_ = X
        self.network_ = FullyConnected(self.depth, "relu", weight_std=2**0.5, bias_std=0.0)
        svc = SVC(C=self.C, kernel="precomputed", probability=self.probability, random_state=0)
        self.svc_ = svc.fit(gram_matrix(self.network_, X), y)
        self.classes_ = self.svc_.classes_
        return self

    def predict(self, X):
        return self.svc_.predict(gram_matrix(self.network_, X, self.X_))

    def predict_proba(self, X):
        return self.svc_.predict_proba(gram_matrix(self.network_, X, self.X_))


def closed_form_search():
    """Return one-hot regression with a search that needs no refits, on inputs and their ranks."""
    inputs = make_union(StandardScaler(), QuantileTransformer(n_quantiles=100))
    search = ClosedFormSearchCV(
        NNGPClassifier(FullyConnected()), SEARCH, cv=5, scoring="neg_log_loss"
    )
    return make_pipeline(inputs, StandardScaler(), search)


def grid_of_networks():
    """Return logistic regression on features of kernels, with the grid that a search tries."""
    indicators = OneHotEncoder(
        min_frequency=0.05, handle_unknown="infrequent_if_exist", sparse_output=False
    )
    kernels = [
        kernel(FullyConnected(depth)) for kernel in (NNGPKernel, NTKKernel) for depth in (1, 3)
    ]
    pipeline = make_pipeline(
        make_union(StandardScaler(), indicators),
        StandardScaler(),
        Nystroem(kernels[0], n_components=500, random_state=0),
        LogisticRegression(max_iter=1000),
    )
    grid = {
        "featureunion__onehotencoder": ["drop", indicators],
        "nystroem__kernel": kernels,
        "logisticregression__C": np.logspace(-2, 4, 7),
    }
    return pipeline, grid


METHODS = {
    "recipe": Method(make_tabular_classifier(random_state=0)),
    "grid of networks": Method(*grid_of_networks(), scoring="neg_log_loss"),
    "one-hot regression": Method(closed_form_search()),
    "random forest": Method(ForestWithSmoothedShares(N_TREES, random_state=0)),
    "RBF SVC": Method(
        SVC(random_state=0),
        {"C": np.logspace(-2, 4, 7), "gamma": 2.0 ** np.arange(-14, 5, 2)},
        {"probability": True},
    ),
    "NTK SVC (Arora et al.)": Method(
        NTKSupportVectorMachine(),
        {"depth": [1, 2, 3, 4, 5], "C": np.logspace(-2, 4, 7)},
        {"probability": True},
    ),
    # One optimization over dozens of Laplace approximations for each class.
    "GaussianProcessClassifier": Method(
        GaussianProcessClassifier(ConstantKernel() * RBF(), random_state=0)
    ),
}
