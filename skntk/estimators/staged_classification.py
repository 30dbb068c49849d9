"""Classifiers over the time of their training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import softmax
from sklearn.utils.validation import check_is_fitted

from skntk.estimators.classification import NetworkClassifier, as_decision
from skntk.estimators.temperature import fit_temperature


class StagedClassifier(NetworkClassifier):
    """A classifier that can say what it would be with other values of ``training_time``."""

    def staged_decision_function(
        self, X: ArrayLike, training_times: ArrayLike
    ) -> Iterator[np.ndarray]:
        """Yield what `decision_function` returns for each of many training times.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.
        training_times : array-like of shape (n_times,)
            Values of ``training_time``: finite, at least 0 and ascending; whole numbers with
            ``solver="gradient_descent"``. None is not among them.

        Yields
        ------
        ndarray of shape (n_samples,) for two classes, (n_samples, n_classes) for more
            The scores after one time after the other. All are found at the cost of one
            eigendecomposition of the training kernel, which a model with ``training_time=None`` has
            to make first.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X or the times are not valid, or X differs from the training inputs in its features.
        """
        staged = self._staged_scores(X, training_times)
        return (as_decision(scores) for scores in staged)

    def staged_predict(self, X: ArrayLike, training_times: ArrayLike) -> Iterator[np.ndarray]:
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
        return (self.classes_[np.argmax(scores, axis=1)] for scores in staged)

    def staged_predict_proba(self, X: ArrayLike, training_times: ArrayLike) -> Iterator[np.ndarray]:
        """Yield what `predict_proba` returns for each of many training times.

        Every time has its own ``temperature_``, the one of a model fitted with this training time.
        The held-out scores of all times take one eigendecomposition of each of three folds.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.
        training_times : array-like of shape (n_times,)
            As for `staged_decision_function`.

        Yields
        ------
        ndarray of shape (n_samples, n_classes)
            Rows sum to 1; columns in the order of ``classes_``.

        Raises
        ------
        NotFittedError, ValueError
            As `staged_decision_function`.
        """
        model = self._with_run()
        staged = model._staged_scores(X, training_times)
        temperatures = model._temperatures(training_times)
        return (
            softmax(scores / temperature, axis=1)
            for scores, temperature in zip(staged, temperatures, strict=True)
        )

    def _staged_scores(self, X: ArrayLike, training_times: ArrayLike) -> Iterator[np.ndarray]:
        check_is_fitted(self, "temperature_")
        times = self._checked_times(training_times)
        # Checked and computed at the call, not when the first scores are asked for.
        means = self._means_over(self._validated_inputs(X), times)
        return (self._scaling.restore(mean) for mean in means)

    def _with_run(self) -> Self:
        """Return a copy that holds the eigendecomposition of the training run."""
        check_is_fitted(self, "temperature_")
        return self._copy_at(self._run())

    def _labels(self) -> np.ndarray:
        """Return the index of the class of each training row."""
        labels: np.ndarray = np.argmax(self.y_train_, axis=1)
        return labels

    def _temperatures(self, training_times: ArrayLike) -> list[float]:
        labels = self._labels()
        held_out = self._held_out_over(training_times, labels)
        return [fit_temperature(scores, labels, self._sample_weight) for scores in held_out]

    def _stages(self, training_times: ArrayLike) -> Iterator[Self]:
        model = self._with_run()
        temperatures = model._temperatures(training_times)
        # Of the parent class, for the model that holds the run.
        stages = super(StagedClassifier, model)._stages(training_times)
        for stage, temperature in zip(stages, temperatures, strict=True):
            stage.temperature_ = temperature
            yield stage
