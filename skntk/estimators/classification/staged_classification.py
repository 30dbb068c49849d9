"""Classifiers over the time of their training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import softmax
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from skntk.estimators.classification.classification import NetworkClassifier
from skntk.estimators.classification.temperature import fit_temperature
from skntk.estimators.data.classes import as_decision, one_hot_of_known


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

    def training_history(
        self, X_test: ArrayLike, y_test: ArrayLike, training_times: ArrayLike
    ) -> Bunch:
        r"""Return training and test loss over the time of training.

        The loss on which the networks are trained: half the mean over samples of the squared error
        of the scores, :math:`\frac{1}{2n} \sum_i |f(x_i) - y_i|^2` with one-hot targets, exact for
        the ensemble; or, with ``loss="log_loss"``, the mean cross-entropy of the softmax of the
        scores. Training rows have their weights, and n is the sum of them.

        Parameters
        ----------
        X_test : array-like of shape (n_samples, n_features)
            Test inputs.
        y_test : array-like of shape (n_samples,)
            Their classes, among ``classes_``.
        training_times : array-like of shape (n_times,)
            As for `staged_decision_function`.

        Returns
        -------
        Bunch
            With the attributes

            training_times : ndarray of shape (n_times,)
                The times.
            train_loss, test_loss : ndarray of shape (n_times,)
                For squared error the expected loss of a network of the ensemble, for the log-loss
                that of the trained network, in nats.
            train_loss_std, test_loss_std : ndarray of shape (n_times,)
                Standard deviation of the loss from network to network. Missing with
                ``loss="log_loss"``, where the spread has no closed form.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If the data or the times are not valid, or a test sample is of an unknown class.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skntk import NTKClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> model = NTKClassifier(loss="log_loss", training_time=1.0).fit(X[::2], y[::2])
        >>> history = model.training_history(X[1::2], y[1::2], [0.0, 1.0, 10.0])
        >>> history.test_loss.round(1)
        array([1.1, 0.3, 0.2])
        """
        check_is_fitted(self, "temperature_")
        inputs = self._validated_inputs(X_test)
        targets = one_hot_of_known(self.classes_, y_test, len(inputs))
        times = self._checked_times(training_times)
        return Bunch(training_times=times, **self._losses_over(inputs, targets, times))

    def _losses_over(
        self, X: np.ndarray, one_hot: np.ndarray, training_times: np.ndarray
    ) -> dict[str, np.ndarray]:
        normalized = self._scaling.normalize(one_hot)
        history = self._loss_history(X, normalized, training_times, ensemble=True)
        names = ("train_loss", "train_loss_std", "test_loss", "test_loss_std")
        return dict(zip(names, history, strict=True))

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
