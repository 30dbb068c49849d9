"""Classification of tables as they come."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from skntk._sklearn import ClassifierMixin, fit_context
from skntk.recipes.selected_ensemble import HeldOut
from skntk.recipes.tabular import TabularEstimator, check_weights
from skntk.recipes.tasks import Classification

__all__ = ["TabularClassifier"]

_TEMPERATURES = (-2.0, 2.0)
# The standard deviation of the temperature's logarithm before the data, so that a few rows, all of
# them right, do not make the model sure of everything.
_SPREAD = 0.25


class TabularClassifier(ClassifierMixin, TabularEstimator):
    r"""An ensemble of Gaussian processes of wide networks, for tables as they come.

    `make_tabular_classifier` makes it, and describes its parameters and what it does.

    Parameters
    ----------
    time_limit : float or None, default=None
        Seconds that `fit` may take.
    n_jobs : int or None, default=None
        Workers for kernel matrices.
    random_state : int, RandomState instance or None, default=None
        Draws folds and inducing points.
    verbose : bool, default=False
        Whether to show a bar.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    leaderboard_ : list of dict
        What was tried, best first: the ``model``, its ``kernel``, the best ``alpha`` and its
        ``loss`` for held-out rows (the log-loss), the ``weight`` in the ensemble, and the
        ``seconds`` that it took. ``pandas.DataFrame(leaderboard_)`` shows it as a table.
    temperature_ : float
        What logarithms of the average probabilities are divided by.
    n_folds_ : int
        Number of folds that candidates were compared by.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, if they are strings.

    See Also
    --------
    make_tabular_classifier : The same, with an explanation.
    """

    @fit_context
    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Choose the ensemble and fit it to all rows.

        Parameters
        ----------
        X : frame or array-like of shape (n_samples, n_features)
            The table: numbers, strings, categories, booleans, dates, with missing values.
        y : array-like of shape (n_samples,)
            Classes: numbers, strings or booleans.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; 0 leaves a row out.

        Returns
        -------
        TabularClassifier

        Raises
        ------
        TypeError, ValueError
            If a column, the classes or the weights cannot be used, before any work starts.
        """
        targets = _check_targets(y)
        table = self._learn_columns(X)
        weight = check_weights(sample_weight, table, targets)
        kept = np.flatnonzero(weight)
        encoder = LabelEncoder().fit(targets[kept])
        self.classes_ = encoder.classes_
        n_classes = len(self.classes_)
        if n_classes < 2:
            raise ValueError(
                "TabularClassifier needs rows of at least 2 classes, got one class: "
                f"{self.classes_.tolist()[0]!r}. Add rows of another class."
            )
        task = Classification(encoder.transform(targets[kept]), weight[kept], n_classes)
        self._ensemble, held_out = self._select(table.take(kept), task)
        self.temperature_ = _fit_temperature(held_out)
        self._n_observations = task.weight.sum()
        self._shares = np.bincount(task.y, weights=task.weight) / self._n_observations
        self.n_folds_ = len(held_out.folds)
        self.leaderboard_ = self._ensemble.leaderboard
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict the probabilities of the classes.

        The shares of the classes count as one observation beside those of training: no probability
        is 0.

        Parameters
        ----------
        X : frame or array-like of shape (n_samples, n_features)
            A table with the columns of that in `fit`. Categories that it did not have are unlike
            all others.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities, in the order of ``classes_``.

        Raises
        ------
        NotFittedError
            If `fit` has not been called.
        TypeError, ValueError
            If the columns are not those of `fit`.
        """
        proba = self._ensemble_proba(X)
        tempered = _tempered(proba, self.temperature_)
        n = self._n_observations
        return np.asarray((n * tempered + self._shares) / (n + 1))

    def predict(self, X: Any) -> np.ndarray:
        """Predict the most probable class.

        Parameters
        ----------
        X : frame or array-like of shape (n_samples, n_features)
            As for `predict_proba`.

        Returns
        -------
        ndarray of shape (n_samples,)
            Classes.

        Raises
        ------
        NotFittedError, TypeError, ValueError
            As `predict_proba`.
        """
        proba = self._ensemble_proba(X)
        return np.asarray(self.classes_[proba.argmax(axis=1)])

    def _ensemble_proba(self, X: Any) -> np.ndarray:
        table = self._read(X)
        return self._ensemble.predict(table)


def _check_targets(y: ArrayLike) -> np.ndarray:
    if y is None:
        raise ValueError(
            "This TabularClassifier estimator requires y to be passed, but the target y is None."
        )
    targets = column_or_1d(y, warn=True)
    if targets.dtype.kind == "f" and not np.isfinite(targets).all():
        raise ValueError("Input y contains NaN or infinity. Leave out rows without a class.")
    if targets.dtype == object and any(value is None or value != value for value in targets):
        raise ValueError("Input y contains NaN or None. Leave out rows without a class.")
    check_classification_targets(targets)
    return np.asarray(targets)


def _fit_temperature(held_out: HeldOut[Classification]) -> float:
    """Return the temperature with the least log-loss for the rows that were held out."""
    task = held_out.task

    def loss(logarithm: float) -> float:
        total = task.weight.sum() * task.loss(_tempered(held_out.predictions, np.exp(logarithm)))
        return float(total + (logarithm / _SPREAD) ** 2 / 2)

    return float(np.exp(minimize_scalar(loss, bounds=_TEMPERATURES, method="bounded").x))


def _tempered(proba: np.ndarray, temperature: float) -> np.ndarray:
    """Return probabilities in proportion to powers of others."""
    powers = (proba / proba.max(axis=1, keepdims=True)) ** (1 / temperature)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
