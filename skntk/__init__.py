"""Infinitely wide neural networks as scikit-learn estimators."""

from skntk._name_clash import refuse_name_clash

refuse_name_clash()

from skntk._version import __version__
from skntk.estimators import (
    ClosedFormSearchCV,
    FiniteWidthClassifier,
    FiniteWidthRegressor,
    NNGPClassifier,
    NNGPRegressor,
    NTKClassifier,
    NTKRegressor,
    ZCAWhitening,
    training_time_curve,
)
from skntk.gram import gram_diagonal, gram_matrix
from skntk.kernels import NeuralTangentKernel, NNGPKernel, NTKKernel

__all__ = [
    "ClosedFormSearchCV",
    "FiniteWidthClassifier",
    "FiniteWidthRegressor",
    "NNGPClassifier",
    "NNGPKernel",
    "NNGPRegressor",
    "NTKClassifier",
    "NTKKernel",
    "NTKRegressor",
    "NeuralTangentKernel",
    "ZCAWhitening",
    "__version__",
    "gram_diagonal",
    "gram_matrix",
    "training_time_curve",
]
