"""Methods that all classifiers share, whatever their networks are; classes assign them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike


class ScoresClasses(Protocol):
    """A fitted classifier."""

    classes_: np.ndarray

    def _scores_at(self, X: ArrayLike) -> np.ndarray:
        """Return the score of each class, shape (n_samples, n_classes)."""

    def _staged_scores(self, X: ArrayLike, training_times: ArrayLike) -> Iterator[np.ndarray]:
        """Yield the scores at one time after the other; errors come at the call."""


def predict(self: ScoresClasses, X: ArrayLike) -> np.ndarray:
    """Return the class of the largest score.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Inputs.

    Returns
    -------
    ndarray of shape (n_samples,)
        Values of ``classes_``.

    Raises
    ------
    NotFittedError, ValueError
        As `decision_function`.
    """
    return _most_likely(self, self._scores_at(X))


def staged_predict(
    self: ScoresClasses, X: ArrayLike, training_times: ArrayLike
) -> Iterator[np.ndarray]:
    """Yield what `predict` returns for each of many training times.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Inputs.
    training_times : array-like of shape (n_times,)
        As for `staged_decision_function`.

    Yields
    ------
    ndarray of shape (n_samples,)
        Values of ``classes_``.

    Raises
    ------
    NotFittedError, ValueError
        As `staged_decision_function`.
    """
    staged = self._staged_scores(X, training_times)
    return (_most_likely(self, scores) for scores in staged)


def _most_likely(classifier: ScoresClasses, scores: np.ndarray) -> np.ndarray:
    classes: np.ndarray = classifier.classes_[np.argmax(scores, axis=1)]
    return classes
