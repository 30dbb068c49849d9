"""scikit-learn's side: parameters, validation, and the classes that users fit."""

from typing import TYPE_CHECKING

from skntk._lazy_imports import importing_on_demand
from skntk.estimators.classification.nngp_classifier import NNGPClassifier
from skntk.estimators.classification.ntk_classifier import NTKClassifier
from skntk.estimators.composition.final_estimator import call_final_estimator
from skntk.estimators.regression.nngp_regressor import NNGPRegressor
from skntk.estimators.regression.ntk_regressor import NTKRegressor
from skntk.estimators.search.training_time_curve import training_time_curve

if TYPE_CHECKING:
    from skntk.estimators.composition.warped_target import WarpedTargetRegressor
    from skntk.estimators.feature_learning.classifier import FeatureLearningClassifier
    from skntk.estimators.feature_learning.gradient_outer_product import (
        average_gradient_outer_product,
    )
    from skntk.estimators.feature_learning.regressor import FeatureLearningRegressor
    from skntk.estimators.feature_learning.transformer import LearnedFeatures
    from skntk.estimators.finite_width.finite_width_classifier import FiniteWidthClassifier
    from skntk.estimators.finite_width.finite_width_regressor import FiniteWidthRegressor
    from skntk.estimators.search.closed_form_search import ClosedFormSearchCV

__all__ = [
    "ClosedFormSearchCV",
    "FeatureLearningClassifier",
    "FeatureLearningRegressor",
    "FiniteWidthClassifier",
    "FiniteWidthRegressor",
    "LearnedFeatures",
    "NNGPClassifier",
    "NNGPRegressor",
    "NTKClassifier",
    "NTKRegressor",
    "WarpedTargetRegressor",
    "average_gradient_outer_product",
    "call_final_estimator",
    "training_time_curve",
]

# What others do without: sklearn.model_selection and the training of finite networks take their
# time to import.
__getattr__, __dir__ = importing_on_demand(
    __name__,
    {
        "ClosedFormSearchCV": "search.closed_form_search",
        "FeatureLearningClassifier": "feature_learning.classifier",
        "FeatureLearningRegressor": "feature_learning.regressor",
        "FiniteWidthClassifier": "finite_width.finite_width_classifier",
        "FiniteWidthRegressor": "finite_width.finite_width_regressor",
        "LearnedFeatures": "feature_learning.transformer",
        "WarpedTargetRegressor": "composition.warped_target",
        "average_gradient_outer_product": "feature_learning.gradient_outer_product",
    },
)
