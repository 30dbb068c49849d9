"""What is said of held-out rows, how good it is, and how sure the model should have been."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from skntk.estimators.classification.temperature import fit_temperature
from skntk.estimators.data.validation import as_regression_targets

_SMALLEST = float(np.finfo(np.float64).tiny)


class HeldOut(Protocol):
    """Predictions of held-out rows by the models of one candidate, fold after fold."""

    def add(self, model: Any, X: np.ndarray) -> None:
        """Predict the rows that the next fold holds out."""
        ...

    def losses(self) -> np.ndarray:
        """Return the loss of each held-out row."""
        ...

    def calibration(self) -> np.ndarray | float:
        """Return what makes the model as sure as it has reason to be."""
        ...


class HeldOutMeans:
    """Means and standard deviations of observations.

    The loss is the squared error in units of the variance of each output, its mean over outputs.
    The calibration is the root of the mean squared error in units of the predicted variance, one
    for each output: the scale at which the normal density of held-out observations is greatest.

    Parameters
    ----------
    y, weight : ndarray of shape (n_held_out, ...) and (n_held_out,)
        Of the held-out rows, fold after fold.
    """

    def __init__(self, y: np.ndarray, weight: np.ndarray) -> None:
        self._y, self._weight = as_regression_targets(y), weight
        self._means: list[np.ndarray] = []
        self._stds: list[np.ndarray] = []

    def add(self, model: Any, X: np.ndarray) -> None:
        mean, std = observed(model, X)
        self._means.append(mean)
        self._stds.append(std)

    def losses(self) -> np.ndarray:
        center = np.average(self._y, axis=0, weights=self._weight)
        variance = np.average(np.square(self._y - center), axis=0, weights=self._weight)
        unit = np.where(variance > 0, variance, 1.0)
        losses: np.ndarray = (self._squared_errors() / unit).reshape(len(self._y), -1).mean(axis=1)
        return losses

    def calibration(self) -> np.ndarray | float:
        variance = np.square(np.concatenate(self._stds))
        known = np.isfinite(variance) & (variance > 0)
        ratio = np.divide(self._squared_errors(), variance, out=np.ones_like(variance), where=known)
        scale: np.ndarray = np.sqrt(np.average(ratio, axis=0, weights=self._weight))
        # Held-out rows without an error, as of constant targets, say nothing.
        return np.where(scale > 0, scale, 1.0)

    def _squared_errors(self) -> np.ndarray:
        return np.square(np.concatenate(self._means) - self._y)


class HeldOutProbabilities:
    """Logarithms of the probabilities of classes.

    The loss is the log-loss after division by the calibration, a temperature.

    Parameters
    ----------
    y, weight : ndarray of shape (n_held_out,)
        Of the held-out rows, fold after fold.
    classes : ndarray of shape (n_classes,)
    """

    def __init__(self, y: np.ndarray, weight: np.ndarray, classes: np.ndarray) -> None:
        self._labels, self._weight = np.searchsorted(classes, y), weight
        self._classes = classes
        self._logits: list[np.ndarray] = []

    def add(self, model: Any, X: np.ndarray) -> None:
        known = np.searchsorted(self._classes, model.classes_)
        logits = log_probabilities(model, X)
        # A class that the fold does not train on is as unlikely as the least likely one.
        filled = np.repeat(logits.min(axis=1, keepdims=True), len(self._classes), axis=1)
        filled[:, known] = logits
        self._logits.append(filled)

    def losses(self) -> np.ndarray:
        logits = np.concatenate(self._logits) / self.calibration()
        logits -= np.logaddexp.reduce(logits, axis=1, keepdims=True)
        losses: np.ndarray = -logits[np.arange(len(logits)), self._labels]
        return losses

    def calibration(self) -> float:
        return fit_temperature(np.concatenate(self._logits), self._labels, self._weight)


def observed(model: Any, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return means and the standard deviations of observations, NaN where noise is not known."""
    try:
        mean, std = model.predict(X, return_std=True, observation_noise=True)
    except ValueError:
        # The rows are those of training, so that it is the noise.
        mean = model.predict(X)
        return mean, np.full_like(mean, np.nan)
    return mean, std


def log_probabilities(model: Any, X: np.ndarray) -> np.ndarray:
    """Return logarithms of the probabilities of classes, none of them infinite."""
    logits: np.ndarray = np.log(np.maximum(model.predict_proba(X), _SMALLEST))
    return logits
