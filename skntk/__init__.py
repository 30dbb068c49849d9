"""Infinitely wide neural networks as scikit-learn estimators."""

from skntk._name_clash import refuse_name_clash

refuse_name_clash()

from typing import TYPE_CHECKING, Any

from skntk._version import __version__
from skntk.estimators import (
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

if TYPE_CHECKING:
    from skntk.estimators import ClosedFormSearchCV
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


def __getattr__(name: str) -> Any:
    """Pass on what is imported when it is first asked for."""
    from skntk import estimators, kernels

    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(kernels if name in kernels.__all__ else estimators, name)
