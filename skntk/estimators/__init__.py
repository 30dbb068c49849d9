"""scikit-learn's side: parameters, validation, and the classes that users fit."""

from typing import TYPE_CHECKING, Any

from skntk.estimators.finite_width_classifier import FiniteWidthClassifier
from skntk.estimators.finite_width_regressor import FiniteWidthRegressor
from skntk.estimators.nngp_classifier import NNGPClassifier
from skntk.estimators.nngp_regressor import NNGPRegressor
from skntk.estimators.ntk_classifier import NTKClassifier
from skntk.estimators.ntk_regressor import NTKRegressor
from skntk.estimators.training_time_curve import training_time_curve
from skntk.estimators.zca_whitening import ZCAWhitening

if TYPE_CHECKING:
    from skntk.estimators.closed_form_search import ClosedFormSearchCV

__all__ = [
    "ClosedFormSearchCV",
    "FiniteWidthClassifier",
    "FiniteWidthRegressor",
    "NNGPClassifier",
    "NNGPRegressor",
    "NTKClassifier",
    "NTKRegressor",
    "ZCAWhitening",
    "training_time_curve",
]


def __getattr__(name: str) -> Any:
    """Import the search when it is first asked for: sklearn.model_selection takes its time."""
    if name != "ClosedFormSearchCV":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from skntk.estimators.closed_form_search import ClosedFormSearchCV

    return ClosedFormSearchCV
