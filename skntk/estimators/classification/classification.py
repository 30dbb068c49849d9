"""What `NNGPClassifier` and `NTKClassifier` share: everything but how they are trained."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import softmax
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from skntk._sklearn import UnobservedFit, fit_context, fit_tasks
from skntk.estimators.classification.temperature import fit_temperature
from skntk.estimators.data.classes import (
    ClassWeight,
    ScoreClassifier,
    as_decision,
    classes_and_labels,
    with_class_weight,
)
from skntk.estimators.data.distinct_rows import DistinctRows
from skntk.estimators.data.sample_weights import as_alpha_per_sample, as_sample_weight
from skntk.estimators.data.target_scaling import TargetScaling
from skntk.estimators.data.validation import validate_training_data
from skntk.estimators.kernel_machines.training import TrainedNetwork


class NetworkClassifier(ScoreClassifier, TrainedNetwork):
    """Classification by regression on one-hot targets, with probabilities from held-out scores."""

    class_weight: ClassWeight

    temperature_: float
    _position_of_sample: np.ndarray

    @property
    def _outputs_are_logits(self) -> bool:
        """Whether outputs have no one-hot targets, and their softmax needs no temperature."""
        return False

    @fit_context
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train on samples and their classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training inputs.
        y : array-like of shape (n_samples,)
            Classes, of any type that can be sorted.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Weight of each sample, at least 0. A weight of k is the same as k repetitions, 0 the
            same as removal. None is 1 for every sample.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the data, the weights or a parameter are not valid, if fewer than two classes have a
            positive weight, if the inputs do not fit the architecture, or if the kernel with
            ``alpha`` on its diagonal is singular.
        MemoryError
            If the kernel matrices of so many samples do not fit the memory that is free.
        """
        X, y = validate_training_data(self, X, y, dtype=self.dtype)
        check_classification_targets(y)
        tasks = fit_tasks(self, X, y)
        alpha = as_alpha_per_sample(self.alpha, len(X))
        weight = as_sample_weight(sample_weight, len(X))
        weight = with_class_weight(self.class_weight, y, weight)
        kept = np.flatnonzero(weight)
        self.classes_, labels = classes_and_labels(self, y[kept])
        # A repeated row must be held out with all its repetitions: they would give its class away.
        distinct = DistinctRows.of(X[kept], labels, alpha[kept])
        rows = kept[distinct.first]
        self._position_of_sample = distinct.position
        weight = distinct.total(weight[kept])
        self._fit_scores(X[rows], labels[distinct.first], alpha[rows], weight, tasks)
        return self

    def _fit_scores(
        self,
        X: np.ndarray,
        labels: np.ndarray,
        alpha: np.ndarray,
        sample_weight: np.ndarray,
        tasks: UnobservedFit,
    ) -> None:
        targets = np.eye(len(self.classes_))[labels]
        kernels = self._prepare(X, targets, alpha, sample_weight, tasks)
        with tasks.training():
            self._train_and_calibrate(kernels, labels)

    def _scaling_of(self, targets: np.ndarray, sample_weight: np.ndarray) -> TargetScaling:
        if self._outputs_are_logits:
            return TargetScaling.identity(targets)
        return super()._scaling_of(targets, sample_weight)

    def _train_and_calibrate(self, kernels: tuple[np.ndarray, ...], labels: np.ndarray) -> None:
        """Train, and find the temperature that turns scores into probabilities."""
        if self._outputs_are_logits:
            self._train(kernels)
            self.temperature_ = 1.0
            return
        held_out = self._train_and_hold_out(kernels, labels)
        self.temperature_ = fit_temperature(held_out, labels, self._sample_weight)

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return the score of each class; of two classes, the second's minus the first's.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples,) for two classes, (n_samples, n_classes) for more
            Scores are predicted one-hot targets: about 1 for a certain class and 0 for the others.
            With ``loss="log_loss"`` they are logits, with ``likelihood="softmax"`` logarithms of
            probabilities.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X is not valid or differs from the training inputs in its features.
        """
        return as_decision(self._scores(X))

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the probability of each class, the softmax of scores / ``temperature_``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Rows sum to 1; columns in the order of ``classes_``.

        Raises
        ------
        NotFittedError, ValueError
            As `decision_function`.
        """
        probabilities: np.ndarray = softmax(self._scores(X) / self.temperature_, axis=1)
        return probabilities

    def predict_std(self, X: ArrayLike) -> np.ndarray:
        """Return the standard deviation of each class's score over the networks of the ensemble.

        It grows with the distance from the training data and does not depend on how their classes
        mix: it tells inputs unlike any training row, not rows between two classes.
        ``predict_proba`` does not use it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the units of the scores, also for two classes.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X is not valid or differs from the training inputs in its features, or with
            ``loss="log_loss"``: the gradient of this loss is not linear in the outputs, and the
            spread of an ensemble of networks trained on it has no closed form.
        """
        check_is_fitted(self, "temperature_")
        variance = self._variance(self._validated_inputs(X))
        return self._scaling.restore_std(np.sqrt(variance))

    def loo_decision_function(self) -> np.ndarray:
        """Return the scores of each training sample by the model trained on all others.

        In closed form, without refits.

        A sample is left out together with the samples equal to it in X and y. ``alpha_`` is held
        fixed; with ``normalize_y`` the class frequencies by which targets are centered are those
        of the other samples.

        Returns
        -------
        ndarray of shape (n_samples,) for two classes, (n_samples, n_classes) for more
            For the samples of positive weight passed to `fit`, in their order.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If the model was trained for a finite time.
        """
        return as_decision(self._leave_one_out_mean()[self._position_of_sample])

    def _scores(self, X: ArrayLike) -> np.ndarray:
        check_is_fitted(self, "temperature_")
        return self._scaling.restore(self._mean(self._validated_inputs(X)))
