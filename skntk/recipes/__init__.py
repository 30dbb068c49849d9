"""What is recommended for a kind of data, ready to fit."""

from skntk.recipes.make_tabular import make_tabular_classifier, make_tabular_regressor
from skntk.recipes.tabular_classifier import TabularClassifier
from skntk.recipes.tabular_regressor import TabularRegressor

__all__ = [
    "TabularClassifier",
    "TabularRegressor",
    "make_tabular_classifier",
    "make_tabular_regressor",
]
