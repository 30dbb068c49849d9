"""Infinitely wide neural networks as scikit-learn estimators."""

from skntk._name_clash import refuse_name_clash

refuse_name_clash()

from importlib import import_module
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
    from skntk.recipes import make_tabular_classifier

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
    "make_tabular_classifier",
    "training_time_curve",
]

# Where the kernel objects are not.
_FOLDERS = {"ClosedFormSearchCV": "estimators", "make_tabular_classifier": "recipes"}


def __getattr__(name: str) -> Any:
    """Pass on what is imported when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_FOLDERS.get(name, 'kernels')}"), name)
