"""scikit-learn's side: parameters, validation, and the classes that users fit."""

from skntk.estimators.closed_form_search import ClosedFormSearchCV
from skntk.estimators.finite_width_classifier import FiniteWidthClassifier
from skntk.estimators.finite_width_regressor import FiniteWidthRegressor
from skntk.estimators.nngp_classifier import NNGPClassifier
from skntk.estimators.nngp_regressor import NNGPRegressor
from skntk.estimators.ntk_classifier import NTKClassifier
from skntk.estimators.ntk_regressor import NTKRegressor
from skntk.estimators.training_time_curve import training_time_curve
from skntk.estimators.zca_whitening import ZCAWhitening

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
