"""Predictions of an estimator at several training times."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import is_classifier

from skntk._validation import is_integer
from skntk.displays.networks import DisplayedEstimator

_REGRESSORS = "NTKRegressor, NNGPRegressor or FiniteWidthRegressor"
_CLASSIFIERS = "NTKClassifier, NNGPClassifier or FiniteWidthClassifier(loss='log_loss')"


class StagedPredictions(NamedTuple):
    """One output over time: predictions, and targets in the units of these.

    ``y_pred`` and ``y_std`` are of shape (n_times, n_points); ``y_std`` is None for the
    probability of a class.
    """

    y_pred: np.ndarray
    y_std: np.ndarray | None
    y: np.ndarray | None
    label: str


def staged_predictions(
    model: DisplayedEstimator,
    rows: Any,
    y: ArrayLike | None,
    training_times: ArrayLike,
    target: Any,
    caller: str,
) -> StagedPredictions:
    """Return the predictions for rows at every time, of one output or class.

    ``rows`` are as the steps before the network take them. ``y`` are targets of a regressor or
    classes of a classifier; ``target`` is the output or the class, None where there is no choice.
    """
    if is_classifier(model.estimator):
        return _probabilities(model, rows, y, training_times, target, caller)
    model.require("staged_predict", "return_std", caller, _REGRESSORS)
    stages = model.estimator.staged_predict(model.inputs(rows), training_times, return_std=True)
    mean, std = (np.stack(values) for values in zip(*stages, strict=True))
    targets = None if y is None else np.asarray(y)
    if mean.ndim == 2:
        if target not in (None, 0):
            raise ValueError(f"target must be None or 0, as there is one output; got {target!r}.")
        column = None if targets is None else targets.reshape(len(targets))
        return StagedPredictions(mean, std, column, "output")
    output = _output(target, mean.shape[2])
    column = None if targets is None else targets[:, output]
    return StagedPredictions(mean[..., output], std[..., output], column, f"output {output}")


def _probabilities(
    model: DisplayedEstimator,
    rows: Any,
    y: ArrayLike | None,
    training_times: ArrayLike,
    target: Any,
    caller: str,
) -> StagedPredictions:
    model.require("staged_predict_proba", None, caller, _CLASSIFIERS)
    classes = list(model.estimator.classes_)
    if target is None and len(classes) > 2:
        raise ValueError(f"target must be given, one of the classes {_listed(classes)}.")
    if target is not None and target not in classes:
        raise ValueError(f"target {target!r} is not one of the classes {_listed(classes)}.")
    column = len(classes) - 1 if target is None else classes.index(target)
    stages = model.estimator.staged_predict_proba(model.inputs(rows), training_times)
    probabilities = np.stack([stage[:, column] for stage in stages])
    is_class = None if y is None else (np.asarray(y) == classes[column]).astype(np.float64)
    return StagedPredictions(
        probabilities, None, is_class, f"probability of class {classes[column]}"
    )


def _output(target: Any, n_outputs: int) -> int:
    if not is_integer(target) or not 0 <= int(target) < n_outputs:
        raise ValueError(
            f"target must be the number of one of the {n_outputs} outputs, from 0 to "
            f"{n_outputs - 1}; got {target!r}."
        )
    return int(target)


def _listed(classes: list[Any]) -> str:
    return ", ".join(map(str, classes))
