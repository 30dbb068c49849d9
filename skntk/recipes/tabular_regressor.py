"""Regression on tables as they come."""

from __future__ import annotations

from typing import Any, Literal, Self, overload

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array, column_or_1d

from skntk._sklearn import RegressorMixin, fit_context
from skntk.estimators.composition.transformed_normal import as_levels
from skntk.inference.linalg.threads import small_problem_threads
from skntk.recipes.residuals import ResidualSpread
from skntk.recipes.tabular import TabularEstimator, check_weights
from skntk.recipes.tasks import Regression

__all__ = ["TabularRegressor"]


class TabularRegressor(RegressorMixin, TabularEstimator):
    r"""An ensemble of Gaussian processes of wide networks, for tables as they come.

    `make_tabular_regressor` makes it, and describes its parameters and what it does.

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
    leaderboard_ : list of dict
        What was tried, best first: the ``model``, its ``kernel``, the best ``alpha`` and its
        ``loss`` for held-out rows (the root mean square error), the ``weight`` in the ensemble, and
        the ``seconds`` that it took. ``pandas.DataFrame(leaderboard_)`` shows it as a table.
    n_folds_ : int
        Number of folds that candidates were compared by.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, if they are strings.

    See Also
    --------
    make_tabular_regressor : The same, with an explanation.
    """

    @fit_context
    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Choose the ensemble and fit it to all rows.

        Parameters
        ----------
        X : frame or array-like of shape (n_samples, n_features)
            The table: numbers, strings, categories, booleans, dates, with missing values.
        y : array-like of shape (n_samples,)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; 0 leaves a row out.

        Returns
        -------
        TabularRegressor

        Raises
        ------
        TypeError, ValueError
            If a column, the targets or the weights cannot be used, before any work starts.
        """
        targets = _check_targets(y)
        table = self._learn_columns(X)
        weight = check_weights(sample_weight, table, targets)
        kept = np.flatnonzero(weight)
        self._mean = float(np.average(targets, weights=weight))
        deviations = targets - self._mean
        self._scale = float(np.sqrt(np.average(deviations**2, weights=weight))) or 1.0
        task = Regression((deviations / self._scale)[kept], weight[kept])
        self._ensemble, held_out = self._select(table.take(kept), task)
        with small_problem_threads(len(table)):
            self._spread = ResidualSpread.fit(self._ensemble, held_out)
        self.n_folds_ = len(held_out.folds)
        self.leaderboard_ = [
            {**line, "loss": line["loss"] * self._scale} for line in self._ensemble.leaderboard
        ]
        return self

    @overload
    def predict(self, X: Any, return_std: Literal[False] = ...) -> np.ndarray: ...
    @overload
    def predict(self, X: Any, return_std: Literal[True]) -> tuple[np.ndarray, np.ndarray]: ...
    @overload
    def predict(self, X: Any, return_std: bool) -> np.ndarray | tuple[np.ndarray, np.ndarray]: ...
    def predict(
        self, X: Any, return_std: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Predict new observations.

        Parameters
        ----------
        X : frame or array-like of shape (n_samples, n_features)
            A table with the columns of that in `fit`. Categories that it did not have are unlike
            all others.
        return_std : bool, default=False
            Whether to return standard deviations as well.

        Returns
        -------
        mean : ndarray of shape (n_samples,)
            Means.
        std : ndarray of shape (n_samples,)
            Standard deviations of new observations, noise included. Only with ``return_std``.

        Raises
        ------
        NotFittedError
            If `fit` has not been called.
        TypeError, ValueError
            If the columns are not those of `fit`.
        """
        table = self._read(X)
        mean = self._mean + self._scale * self._ensemble.predict(table)
        if not return_std:
            return mean
        return mean, self._scale * self._spread.std(self._ensemble.encodings, table)

    def predict_quantiles(self, X: Any, quantiles: ArrayLike = 0.5) -> np.ndarray:
        """Predict quantiles of new observations.

        They are the mean plus the standard deviation times a quantile of such quotients for rows
        that were held out, so that nothing is assumed of the shape of the distribution.

        Parameters
        ----------
        X : frame or array-like of shape (n_samples, n_features)
            As for `predict`.
        quantiles : float or array-like of shape (n_quantiles,), default=0.5
            Probabilities greater than 0 and less than 1.

        Returns
        -------
        ndarray of shape (n_samples, n_quantiles)
            For one number as ``quantiles`` of shape (n_samples,).

        Raises
        ------
        ValueError
            If a quantile is not between 0 and 1, and as `predict`.
        NotFittedError, TypeError
            As `predict`.
        """
        levels = as_levels(quantiles)
        mean, std = self.predict(X, return_std=True)
        quotients = self._spread.quantiles(np.atleast_1d(levels))
        values = mean[:, np.newaxis] + std[:, np.newaxis] * quotients
        return values if levels.ndim else values[:, 0]

    def predict_interval(self, X: Any, coverage: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
        """Predict intervals in which new observations lie with a probability.

        Parameters
        ----------
        X : frame or array-like of shape (n_samples, n_features)
            As for `predict`.
        coverage : float, default=0.95
            The probability, greater than 0 and less than 1. What lies outside is as often below
            as above.

        Returns
        -------
        lower, upper : ndarray of shape (n_samples,)
            The ends.

        Raises
        ------
        ValueError
            If ``coverage`` is not between 0 and 1, and as `predict`.
        NotFittedError, TypeError
            As `predict`.
        """
        if not 0 < coverage < 1:
            raise ValueError(f"coverage must be greater than 0 and less than 1, got {coverage!r}.")
        tail = (1 - coverage) / 2
        ends = self.predict_quantiles(X, [tail, 1 - tail])
        return ends[:, 0], ends[:, 1]


def _check_targets(y: ArrayLike) -> np.ndarray:
    if y is None:
        raise ValueError(
            "This TabularRegressor estimator requires y to be passed, but the target y is None."
        )
    targets: np.ndarray = check_array(
        column_or_1d(y, warn=True), ensure_2d=False, dtype=np.float64, input_name="y"
    )
    return targets
