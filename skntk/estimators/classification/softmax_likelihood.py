"""Classifiers whose Gaussian process has a softmax likelihood instead of noisy one-hot targets."""

from __future__ import annotations

from typing import Any, Literal, NoReturn

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skntk._memory import require_memory
from skntk.estimators.classification.staged_classification import StagedClassifier
from skntk.estimators.kernel_machines.nngp import BayesianNetwork
from skntk.gram import gram_diagonal
from skntk.inference import SoftmaxLaplacePosterior

LikelihoodName = Literal["gaussian", "softmax"]


class ClassifierWithLikelihood(StagedClassifier, BayesianNetwork):
    """A classifier with a choice of the likelihood; for the Gaussian that of its base classes."""

    likelihood: LikelihoodName

    @property
    def _outputs_are_logits(self) -> bool:
        return self.likelihood == "softmax"

    # Training --------------------------------------------------------------------------------

    def _require_feasible_training(self, targets: np.ndarray) -> None:
        if self._outputs_are_logits:
            self._require_feasible_logits(*targets.shape)
        super()._require_feasible_training(targets)

    def _require_feasible_logits(self, n_samples: int, n_classes: int) -> None:
        if self.training_time is not None:
            raise ValueError(
                'likelihood="softmax" is inference, which no gradient descent leads to: set '
                'training_time=None, or use likelihood="gaussian". NTKClassifier(loss="log_loss") '
                "trains on the cross-entropy for a finite time."
            )
        require_memory(
            (self._matrices_in_fit + n_classes + 3) * n_samples**2 * 8,
            f'{type(self).__name__}.fit on {n_samples} samples with likelihood="softmax"',
            'Train on fewer rows, or use likelihood="gaussian": it needs no matrix for each class.',
        )

    def _diagonal_to_add(self, alpha: np.ndarray, kernel_diagonal: np.ndarray) -> np.ndarray:
        added = super()._diagonal_to_add(alpha, kernel_diagonal)
        # A weight counts observations of one latent value: it does not divide its noise.
        return added * self._sample_weight if self._outputs_are_logits else added

    def _condition(self, kernels: tuple[np.ndarray, ...]) -> Any:
        if not self._outputs_are_logits:
            return super()._condition(kernels)
        counts = self._sample_weight[:, np.newaxis] * self.y_train_
        frequencies = counts.sum(axis=0) / counts.sum()
        posterior = SoftmaxLaplacePosterior.condition(
            kernels[0],
            counts,
            self.alpha_,
            prior_mean=np.log(frequencies) if self.normalize_y else None,
        )
        self.log_marginal_likelihood_value_ = posterior.log_marginal_likelihood
        return posterior

    # Predictions -----------------------------------------------------------------------------

    def _scores(self, X: ArrayLike) -> np.ndarray:
        # In the order of the probabilities, which the means of the logits need not be in.
        if self._outputs_are_logits:
            return np.log(np.maximum(self.predict_proba(X), np.finfo(np.float64).tiny))
        return super()._scores(X)

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the probability of each class.

        With ``likelihood="gaussian"`` the softmax of scores / ``temperature_``; with "softmax" the
        mean of the softmax over the posterior of the logits, less certain where they are uncertain.

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
        check_is_fitted(self, "temperature_")
        if not isinstance(self._posterior, SoftmaxLaplacePosterior):
            return super().predict_proba(X)
        return self._over_blocks(self._validated_inputs(X), self._posterior.probabilities)

    def predict_std(self, X: ArrayLike) -> np.ndarray:
        """Return the standard deviation of each class's score, or logit.

        It grows with the distance from the training data. With ``likelihood="gaussian"`` it does
        not depend on how the classes mix, and ``predict_proba`` does not use it; with "softmax"
        it does, and probabilities are averages over it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the units of the scores, with ``likelihood="softmax"`` of the logits, also for two
            classes.

        Raises
        ------
        NotFittedError, ValueError
            As `decision_function`.
        """
        check_is_fitted(self, "temperature_")
        if not isinstance(self._posterior, SoftmaxLaplacePosterior):
            return super().predict_std(X)
        return np.sqrt(self._over_blocks(self._validated_inputs(X), self._posterior.variance))

    def predict_logits(self, X: ArrayLike) -> np.ndarray:
        """Return the posterior means of the logits; only with ``likelihood="softmax"``.

        Their standard deviations are those of `predict_std`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``, also for two classes.

        Raises
        ------
        NotFittedError, ValueError
            As `decision_function`, and if the likelihood is Gaussian.
        """
        check_is_fitted(self, "temperature_")
        if not isinstance(self._posterior, SoftmaxLaplacePosterior):
            raise ValueError(
                'With likelihood="gaussian" the outputs are no logits but one-hot targets, which '
                'decision_function predicts. Use likelihood="softmax".'
            )
        return self._mean(self._validated_inputs(X))

    def _over_blocks(self, X: np.ndarray, predict: Any) -> np.ndarray:
        """Return what a method of the posterior makes of kernels, without holding all of them."""
        diagonal = gram_diagonal(
            self.architecture_, X, kind="nngp", dtype=self.dtype, n_jobs=self.n_jobs
        )
        blocks = self._cross_kernels(X, self._kinds)
        return np.concatenate([predict(cross, diagonal[rows]) for rows, (cross,) in blocks])

    # What only squared error has -------------------------------------------------------------

    def _require_closed_form_leave_one_out(self) -> None:
        check_is_fitted(self, "dual_coef_")
        if isinstance(self._posterior, SoftmaxLaplacePosterior):
            raise ValueError(
                'Leave-one-out predictions have a closed form only with likelihood="gaussian", '
                'and this model was fitted with likelihood="softmax": use cross_val_predict.'
            )
        super()._require_closed_form_leave_one_out()

    def _largest_curvature(self, posterior: Any) -> float:
        if isinstance(posterior, SoftmaxLaplacePosterior):
            self._refuse_training()
        return super()._largest_curvature(posterior)

    def _run(self) -> Any:
        if isinstance(self._posterior, SoftmaxLaplacePosterior):
            self._refuse_training()
        return super()._run()

    def _refuse_training(self) -> NoReturn:
        raise ValueError(
            'With likelihood="softmax" the model is inferred and not trained: it has neither times '
            'nor rates of training. Use likelihood="gaussian".'
        )
