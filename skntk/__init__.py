"""Infinitely wide neural networks as scikit-learn estimators."""

from skntk._name_clash import refuse_name_clash

refuse_name_clash()

from typing import TYPE_CHECKING

from skntk._lazy_imports import importing_on_demand
from skntk._version import __version__
from skntk.estimators import (
    NNGPClassifier,
    NNGPRegressor,
    NTKClassifier,
    NTKRegressor,
    call_final_estimator,
    training_time_curve,
)
from skntk.gram import gram_diagonal, gram_matrix, set_program_cache_size
from skntk.preprocessing import ZCAWhitening, row_blocks

if TYPE_CHECKING:
    from skntk.estimators import (
        ClosedFormSearchCV,
        FeatureLearningClassifier,
        FeatureLearningRegressor,
        FiniteWidthClassifier,
        FiniteWidthRegressor,
        LearnedFeatures,
        WarpedTargetRegressor,
        average_gradient_outer_product,
    )
    from skntk.features import NNGPFeatures, NTKFeatures
    from skntk.kernels import NeuralTangentKernel, NNGPKernel, NTKKernel
    from skntk.recipes import (
        TabularClassifier,
        TabularRegressor,
        make_tabular_classifier,
        make_tabular_regressor,
    )

__all__ = [
    "ClosedFormSearchCV",
    "FeatureLearningClassifier",
    "FeatureLearningRegressor",
    "FiniteWidthClassifier",
    "FiniteWidthRegressor",
    "LearnedFeatures",
    "NNGPClassifier",
    "NNGPFeatures",
    "NNGPKernel",
    "NNGPRegressor",
    "NTKClassifier",
    "NTKFeatures",
    "NTKKernel",
    "NTKRegressor",
    "NeuralTangentKernel",
    "TabularClassifier",
    "TabularRegressor",
    "WarpedTargetRegressor",
    "ZCAWhitening",
    "__version__",
    "average_gradient_outer_product",
    "call_final_estimator",
    "gram_diagonal",
    "gram_matrix",
    "make_tabular_classifier",
    "make_tabular_regressor",
    "row_blocks",
    "set_program_cache_size",
    "training_time_curve",
]

__getattr__, __dir__ = importing_on_demand(
    __name__,
    {
        "ClosedFormSearchCV": "estimators",
        "FeatureLearningClassifier": "estimators",
        "FeatureLearningRegressor": "estimators",
        "FiniteWidthClassifier": "estimators",
        "FiniteWidthRegressor": "estimators",
        "LearnedFeatures": "estimators",
        "NNGPFeatures": "features",
        "NNGPKernel": "kernels",
        "NTKFeatures": "features",
        "NTKKernel": "kernels",
        "NeuralTangentKernel": "kernels",
        "TabularClassifier": "recipes",
        "TabularRegressor": "recipes",
        "WarpedTargetRegressor": "estimators",
        "average_gradient_outer_product": "estimators",
        "make_tabular_classifier": "recipes",
        "make_tabular_regressor": "recipes",
    },
)
