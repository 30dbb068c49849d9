"""What is not public of scikit-learn, with `_sklearn_search`, and how its validation is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import signature
from numbers import Integral, Real
from os import PathLike
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.validation import check_array, validate_data

from skntk.architecture.layer import Layer

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:
    # Callbacks came with scikit-learn 1.9.
    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands for the mixin: an estimator without `set_callbacks`."""


CONSTRAINTS: dict[str, list[Any]] = {
    "architecture": [Layer, None],
    "alpha": [Interval(Real, 0, None, closed="left"), "array-like"],
    "alpha_scale": [StrOptions({"absolute", "relative"})],
    "normalize_y": ["boolean"],
    "dtype": [StrOptions({"float32", "float64"})],
    "n_jobs": [Integral, None],
    "cache_size": [Interval(Real, 0, None, closed="neither"), None],
    "cache_location": [str, PathLike, None],
    "training_time": [Interval(Real, 0, None, closed="left"), None],
    "learning_rate": [Interval(Real, 0, None, closed="neither")],
    "solver": [StrOptions({"gradient_flow", "gradient_descent"})],
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
    "regularization": [Interval(Real, 0, None, closed="left")],
    "class_weight": [StrOptions({"balanced"}), dict, None],
}

# Checks the parameters before `fit` runs, unless a meta-estimator has already done so.
fit_context = _fit_context(prefer_skip_nested_validation=True)

# The same for a meta-estimator that leaves the parameters of its estimator to the estimator.
search_context = _fit_context(prefer_skip_nested_validation=False)


# The rows of one side of a split, of arrays, tables and kernels between samples alike.
split_off = _safe_split

# Parts of a kernel matrix whose ends callbacks are told of.
_N_PARTS = 100


class ValidatedEstimator(BaseEstimator):
    """An estimator whose parameters are checked by name: one name has one meaning everywhere."""

    _param_names: ClassVar[list[str]]

    @classmethod
    def _get_param_names(cls) -> list[str]:
        # Looked up once for a class: a search clones every estimator for every fold.
        if "_param_names" not in cls.__dict__:
            cls._param_names = super()._get_param_names()
        return cls._param_names

    @property
    def _parameter_constraints(self) -> dict[str, list[Any]]:
        return {name: CONSTRAINTS[name] for name in self._get_param_names()}


class UnobservedFit:
    """The tasks of one `fit` that nobody is told of."""

    @contextmanager
    def kernel_matrix(self) -> Iterator[bool | Callable[[int, int], None]]:
        """Provide what the computation of the kernel matrix reports its progress to."""
        yield False

    @contextmanager
    def training(self) -> Iterator[None]:
        """Last, for as long as the training lasts."""
        yield


class ObservedFit(UnobservedFit):
    """The tasks of one `fit` that callbacks are told of, beginning and end.

    They are the kernel matrix, in a hundred parts, and the training.

    Parameters
    ----------
    estimator : CallbackSupportMixin
    X, y : ndarray
        Training data.
    """

    def __init__(self, estimator: Any, X: np.ndarray, y: np.ndarray) -> None:
        self._of_fit = {"estimator": estimator, "X": X, "y": y}
        # Also without callbacks: those of a search around it count its tasks.
        self._root = self._begun(estimator._init_callback_context(max_subtasks=2))
        self._is_watched = bool(getattr(estimator, "_skl_callbacks", ()))

    @contextmanager
    def kernel_matrix(self) -> Iterator[bool | Callable[[int, int], None]]:
        task = self._begun(self._root.subcontext("kernel matrix", max_subtasks=_N_PARTS))
        n_ended = 0

        def report(finished: int, total: int) -> None:
            nonlocal n_ended
            while n_ended < _N_PARTS * finished // total:
                self._end(self._begun(task.subcontext("part of the kernel matrix")))
                n_ended += 1

        yield report if self._is_watched else False
        self._end(task)

    @contextmanager
    def training(self) -> Iterator[None]:
        task = self._begun(self._root.subcontext("training"))
        yield
        # The estimator is fitted: nothing is missing from it.
        self._end(task, reconstruction_attributes={})
        self._end(self._root, reconstruction_attributes={})

    def _begun(self, task: Any) -> Any:
        return task.call_on_fit_task_begin(**self._of_fit)

    def _end(self, task: Any, **options: Any) -> None:
        # A callback that asks to stop is not heard: no part of the work can be left out.
        task.call_on_fit_task_end(**self._of_fit, **options)


def fit_tasks(estimator: Any, X: np.ndarray, y: np.ndarray) -> UnobservedFit:
    """Begin `fit`, and return its tasks."""
    supported = hasattr(estimator, "set_callbacks")
    return ObservedFit(estimator, X, y) if supported else UnobservedFit()


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


def validate_test_targets(y: Any, n_samples: int, outputs: tuple[int, ...]) -> np.ndarray:
    """Check targets of test rows against those that a regressor was trained on.

    Returns
    -------
    ndarray of shape (n_samples, *outputs)
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


def validate_inputs(estimator: ValidatedEstimator, X: Any, *, dtype: str) -> np.ndarray:
    """Check X, and of a fitted estimator also that it has the features of the training data."""
    checks = {"dtype": np.dtype(dtype), "order": "C", "allow_nd": True}
    if hasattr(estimator, "n_features_in_"):
        fitted_inputs: np.ndarray = validate_data(estimator, X, reset=False, **checks)
        return fitted_inputs
    inputs: np.ndarray = check_array(X, input_name="X", estimator=estimator, **checks)
    return inputs


def accepts_sample_weight(scorer: Any) -> bool:
    """Return whether a scorer ``scorer(estimator, X, y)`` takes ``sample_weight`` as well."""
    if hasattr(scorer, "_accept_sample_weight"):
        return bool(scorer._accept_sample_weight())
    return "sample_weight" in signature(scorer).parameters


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
