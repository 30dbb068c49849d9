"""Everything of scikit-learn that is not public, in one place, and how its validation is used."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_array, validate_data

from skntk.architecture.layer import Layer

CONSTRAINTS: dict[str, list[Any]] = {
    "architecture": [Layer, None],
    "alpha": [Interval(Real, 0, None, closed="left"), "array-like"],
    "alpha_scale": [StrOptions({"absolute", "relative"})],
    "normalize_y": ["boolean"],
    "dtype": [StrOptions({"float32", "float64"})],
    "n_jobs": [Integral, None],
    "training_time": [Interval(Real, 0, None, closed="left"), None],
    "learning_rate": [Interval(Real, 0, None, closed="neither")],
    "regularization": [Interval(Real, 0, None, closed="left")],
    "class_weight": [StrOptions({"balanced"}), dict, None],
}

# Checks the parameters before `fit` runs, unless a meta-estimator has already done so.
fit_context = _fit_context(prefer_skip_nested_validation=True)


class ValidatedEstimator(BaseEstimator):
    """An estimator whose parameters are checked by name: one name has one meaning everywhere."""

    @property
    def _parameter_constraints(self) -> dict[str, list[Any]]:
        return {name: CONSTRAINTS[name] for name in self._get_param_names()}


def validate_parameters(estimator: ValidatedEstimator) -> None:
    """Check the parameters of an estimator that is used without `fit`."""
    estimator._validate_params()


def validate_training_data(
    estimator: ValidatedEstimator, X: Any, y: Any, *, dtype: str, **y_options: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Check X and y, and record the number and the names of the features."""
    X, y = validate_data(
        estimator, X, y, dtype=np.dtype(dtype), order="C", allow_nd=True, **y_options
    )
    return X, y


def validate_inputs(estimator: ValidatedEstimator, X: Any, *, dtype: str) -> np.ndarray:
    """Check X, and of a fitted estimator also that it has the features of the training data."""
    checks = {"dtype": np.dtype(dtype), "order": "C", "allow_nd": True}
    if hasattr(estimator, "n_features_in_"):
        fitted_inputs: np.ndarray = validate_data(estimator, X, reset=False, **checks)
        return fitted_inputs
    inputs: np.ndarray = check_array(X, input_name="X", estimator=estimator, **checks)
    return inputs


def check_sample_shape(estimator: BaseEstimator, X: Any, expected: tuple[int, ...]) -> None:
    """Raise a ValueError if images differ in shape from the training data.

    Of tables scikit-learn says which features are missing; of images it would compare the heights
    alone. What has no shape before its validation is checked again behind it.
    """
    shape = tuple(X.shape[1:]) if hasattr(X, "shape") else expected
    if shape != expected and max(len(shape), len(expected)) > 1:
        raise ValueError(
            f"X has samples of shape {shape}, but {type(estimator).__name__} was fitted on samples "
            f"of shape {expected}: pass samples of that shape."
        )
