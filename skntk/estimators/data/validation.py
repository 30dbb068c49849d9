"""What estimators check: the values of their parameters by name, and the data."""

from __future__ import annotations

from numbers import Integral, Real
from os import PathLike
from typing import Any

import numpy as np
from sklearn.utils.validation import check_array, validate_data

from skntk._sklearn import CheckedParameters, HasMethods, Interval, StrOptions
from skntk._validation import check_sample_shape, require_dense
from skntk.architecture.core.layer import Layer
from skntk.solvers.inducing_points import InducingPoints

CONSTRAINTS: dict[str, list[Any]] = {
    "architecture": [Layer, None],
    "alpha": [Interval(Real, 0, None, closed="left"), "array-like", StrOptions({"auto"})],
    "alpha_scale": [StrOptions({"absolute", "relative"})],
    "normalize_y": ["boolean"],
    "dtype": [StrOptions({"float32", "float64"})],
    "n_jobs": [Integral, None],
    "cache_size": [Interval(Real, 0, None, closed="neither"), None],
    "cache_location": [str, PathLike, None],
    "training_time": [Interval(Real, 0, None, closed="left"), None],
    "learning_rate": [Interval(Real, 0, None, closed="neither")],
    "training_method": [StrOptions({"gradient_flow", "gradient_descent"})],
    "solver": [
        StrOptions({"cholesky", "inducing_points", "conjugate_gradient"}),
        HasMethods("factorize"),
        InducingPoints,
    ],
    "likelihood": [StrOptions({"gaussian", "softmax"})],
    "loss": [StrOptions({"squared_error", "log_loss"})],
    "momentum": [Interval(Real, 0, 1, closed="left")],
    "initial_function": [callable, None],
    "optimizer": [StrOptions({"fmin_l_bfgs_b"}), callable, None],
    "n_restarts_optimizer": [Interval(Integral, 0, None, closed="left")],
    "architecture_bounds": ["array-like", dict, StrOptions({"fixed"})],
    "alpha_bounds": ["array-like", StrOptions({"fixed"})],
    "criterion": [StrOptions({"marginal_likelihood", "leave_one_out"})],
    "random_state": ["random_state"],
    "n_targets": [Interval(Integral, 1, None, closed="left"), None],
    "class_weight": [StrOptions({"balanced"}), dict, None],
}


def validate_training_data(
    estimator: CheckedParameters, X: Any, y: Any, *, dtype: Any, **y_options: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Check X and y, and record the features, or with ``reset=False`` compare them.

    ``dtype`` is that of `check_array`.
    """
    require_dense("y", y)
    X, y = validate_data(estimator, X, y, dtype=dtype, order="C", allow_nd=True, **y_options)
    return X, y


def as_regression_targets(y: np.ndarray) -> np.ndarray:
    """Return checked targets in double precision, a single output without an axis of its own."""
    targets: np.ndarray = y.astype(np.float64)
    return targets[:, 0] if targets.ndim == 2 and targets.shape[1] == 1 else targets


def validate_test_targets(y: Any, n_samples: int, outputs: tuple[int, ...]) -> np.ndarray:
    """Check targets of test rows, which have the shape (n_samples, *outputs) as those of training.

    A single column is also accepted where the outputs are (), and a vector where they are (1,).
    """
    targets: np.ndarray = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y_test")
    if targets.size == n_samples and outputs in ((), (1,)):
        targets = targets.reshape(n_samples, *outputs)
    if targets.shape != (n_samples, *outputs):
        raise ValueError(
            f"y_test has shape {targets.shape}, but {n_samples} test rows of this model have "
            f"targets of shape {(n_samples, *outputs)}."
        )
    return targets


def validate_inputs(estimator: CheckedParameters, X: Any, *, dtype: Any) -> np.ndarray:
    """Check X, and of a fitted estimator also that it has the features of the training data."""
    checks = {"dtype": dtype, "order": "C", "allow_nd": True}
    if hasattr(estimator, "n_features_in_"):
        fitted_inputs: np.ndarray = validate_data(estimator, X, reset=False, **checks)
        return fitted_inputs
    inputs: np.ndarray = check_array(X, input_name="X", estimator=estimator, **checks)
    return inputs


def validate_inputs_like(
    estimator: CheckedParameters, X: Any, sample_shape: tuple[int, ...], *, dtype: Any
) -> np.ndarray:
    """Check X, which must have the features or the shape of the training samples."""
    check_sample_shape(estimator, X, sample_shape)
    inputs = validate_inputs(estimator, X, dtype=dtype)
    check_sample_shape(estimator, inputs, sample_shape)
    return inputs


def require_one_spread(return_std: bool, return_cov: bool) -> None:
    """Raise a RuntimeError if both spreads of a prediction are asked for."""
    if return_std and return_cov:
        raise RuntimeError("At most one of return_std or return_cov can be requested.")
