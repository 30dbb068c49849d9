"""What the networks of an estimator predict at several training times."""

from __future__ import annotations

from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import is_classifier

from skntk.displays.networks import NetworkWithInputs

_REGRESSORS = "NTKRegressor, NNGPRegressor or FiniteWidthRegressor"
_CLASSIFIERS = "NTKClassifier, NNGPClassifier or FiniteWidthClassifier(loss='log_loss')"


class Stages(NamedTuple):
    """One output over time: predictions, and targets in the units of these.

    ``y_pred`` and ``y_std`` are of shape (n_times, n_points); ``y_std`` is None for the
    probability of a class.
    """

    y_pred: np.ndarray
    y_std: np.ndarray | None
    y: np.ndarray | None
    label: str


def stages_of_training(
    model: NetworkWithInputs,
    rows: Any,
    y: ArrayLike | None,
    training_times: ArrayLike,
    target: Any,
    caller: str,
) -> Stages:
    """Return the predictions for rows at every time, of one output or class.

    Parameters
    ----------
    model : NetworkWithInputs
    rows : array-like
        As the steps before the network take them.
    y : array-like or None
        Targets of a regressor, classes of a classifier.
    training_times : array-like of shape (n_times,)
    target : object
        The output or the class; None where there is no choice.
    caller : str
        Who asks, for errors.
    """
    if is_classifier(model.network):
        return _probabilities(model, rows, y, training_times, target, caller)
    model.require("staged_predict", "return_std", caller, _REGRESSORS)
    stages = model.network.staged_predict(model.inputs(rows), training_times, return_std=True)
    mean, std = (np.stack(values) for values in zip(*stages, strict=True))
    targets = None if y is None else np.asarray(y)
    if mean.ndim == 2:
        if target not in (None, 0):
            raise ValueError(f"target must be None or 0, as there is one output; got {target!r}.")
        return Stages(
            mean, std, None if targets is None else targets.reshape(len(targets)), "output"
        )
    output = _output(target, mean.shape[2])
    of_output = None if targets is None else targets[:, output]
    return Stages(mean[..., output], std[..., output], of_output, f"output {output}")


def _probabilities(
    model: NetworkWithInputs,
    rows: Any,
    y: ArrayLike | None,
    training_times: ArrayLike,
    target: Any,
    caller: str,
) -> Stages:
    model.require("staged_predict_proba", None, caller, _CLASSIFIERS)
    classes = list(model.network.classes_)
    if target is None and len(classes) > 2:
        raise ValueError(f"target must be given, one of the classes {_listed(classes)}.")
    if target is not None and target not in classes:
        raise ValueError(f"target {target!r} is not one of the classes {_listed(classes)}.")
    column = len(classes) - 1 if target is None else classes.index(target)
    stages = model.network.staged_predict_proba(model.inputs(rows), training_times)
    probabilities = np.stack([stage[:, column] for stage in stages])
    is_class = None if y is None else (np.asarray(y) == classes[column]).astype(np.float64)
    return Stages(probabilities, None, is_class, f"probability of class {classes[column]}")


def _output(target: Any, n_outputs: int) -> int:
    if not isinstance(target, Integral) or not 0 <= int(target) < n_outputs:
        raise ValueError(
            f"target must be the number of one of the {n_outputs} outputs, from 0 to "
            f"{n_outputs - 1}; got {target!r}."
        )
    return int(target)


def _listed(classes: list[Any]) -> str:
    return ", ".join(map(str, classes))
