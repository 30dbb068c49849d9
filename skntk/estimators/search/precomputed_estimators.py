"""Estimators that are fitted on rows of kernels which a search has already computed.

Their inputs are the numbers of samples, as one column. All that `fit` does with targets, weights
and `alpha` is that of the class which they derive from; only the kernels and the factorisation come
from elsewhere.
"""

from __future__ import annotations

import copy
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skntk.architecture.core.layer import Layer
from skntk.estimators.classification.classification import NetworkClassifier
from skntk.estimators.classification.temperature import fit_temperature
from skntk.estimators.data.sample_weights import as_alpha_per_sample
from skntk.estimators.kernel_machines.base import InfiniteNetwork
from skntk.estimators.search.kernels import KernelOfSamples, SamplesOfSearch
from skntk.inference import TrainingSubset


class OnSharedKernel(InfiniteNetwork):
    """Trains on rows of shared kernels, and predicts other rows of them."""

    _samples: ClassVar[SamplesOfSearch]

    # A SubsetPosterior, in the place of what the estimator itself trains.
    _posterior: Any
    _kernel: KernelOfSamples
    _training: TrainingSubset
    _alpha_of_all: Any
    _test_inputs: Any
    _test_samples: np.ndarray
    _test_rows: np.ndarray

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: Any = None) -> Self:
        """Train on samples, given by number, shape (n, 1)."""
        samples = X[:, 0]
        self._alpha_of_all = self.alpha
        if np.ndim(self.alpha):
            self.alpha = np.asarray(self.alpha, dtype=np.float64)[samples]
        self._kernel = self._samples.kernel_of(self)
        rows = self._samples.rows_of(self, samples)
        return super().fit(rows[:, np.newaxis], y, sample_weight)  # type: ignore[misc]

    def with_alpha(self, alpha: float) -> Self:
        """Return a copy that is trained on the same samples with another ``alpha``.

        All that does not depend on ``alpha`` is shared, and equal to that of another `fit`.

        Parameters
        ----------
        alpha : float
            One number for all samples, as it is now.

        Raises
        ------
        ValueError
            If it is negative or not finite, or the kernel with it is singular.
        """
        model = copy.copy(self)
        model.alpha = model._alpha_of_all = alpha
        # In the order of `fit`, so that both have the same bits.
        per_row = as_alpha_per_sample(alpha, len(self._sample_weight))
        model.alpha_ = per_row * self._alpha_unit / self._sample_weight
        model._posterior = self._training.condition(model.alpha_)
        return model

    @property
    def dual_coef_(self) -> np.ndarray:  # type: ignore[override]
        """Coefficients of the kernel functions, found when they are asked for."""
        return self._posterior.dual_coef

    def expect(self, inputs: Any, samples: np.ndarray) -> None:
        """Say which samples the inputs of the predictions that follow are.

        Parameters
        ----------
        inputs : array-like
            What a scorer is given.
        samples : ndarray of shape (m,)
            Their numbers.
        """
        self._test_inputs, self._test_samples = inputs, samples
        # To some networks a sample is not a training sample because it equals one.
        apart = self.architecture_.is_stochastic()
        self._test_rows = samples if apart else self._samples.rows_of(self, samples)

    def mean_of_expected(self) -> np.ndarray:
        """Return the normalized means of the samples that it expects."""
        return self._mean(self._test_rows)

    def mean_and_variance_of_expected(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the normalized means and variances of the samples that it expects."""
        return self._mean_and_variance(self._test_rows)

    def own_architecture(self, X: np.ndarray) -> Layer:
        """Return a copy of the architecture, checked for all samples of the search."""
        return super()._checked_architecture(X)

    def _checked_architecture(self, X: np.ndarray) -> Layer:
        return self._kernel.architecture

    def _training_kernels(self, progress: Any) -> tuple[np.ndarray, ...]:
        # What the kernels are needed for before training is their diagonal.
        return (self._kernel.shared.kernel,)

    def _prior_scale(self, kernels: tuple[np.ndarray, ...]) -> np.ndarray:
        return np.diagonal(kernels[0])[self._training_rows()]

    def _train(self, kernels: tuple[np.ndarray, ...]) -> None:
        spectrum = self._samples.spectrum(self, self._kernel, self._alpha_of_all)
        self._training = self._kernel.shared.train_on(
            self._training_rows(), self.y_train_, spectrum
        )
        self._posterior = self._training.condition(self.alpha_)

    def _training_rows(self) -> np.ndarray:
        return self.X_train_[:, 0].astype(np.intp)

    def _is_fitted(self) -> bool:
        return hasattr(self, "_posterior")

    def _require_closed_form_leave_one_out(self) -> None:
        check_is_fitted(self, "_posterior")

    def _validated_inputs(self, X: Any) -> np.ndarray:
        if X is not self._test_inputs:
            raise ValueError(
                "A scorer of a closed-form search can ask for predictions of the samples that are "
                "held out, and of no others: call `estimator.predict(X)` and the like with the X "
                "that the scorer is given, or use GridSearchCV."
            )
        return self._test_rows

    def _mean(self, X: np.ndarray) -> np.ndarray:
        return self._posterior.mean(X)

    def _mean_and_variance(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._posterior.mean(X), self._posterior.variance(X)


class ClassifierOnSharedKernel(OnSharedKernel, NetworkClassifier):
    """Finds its temperature when it is asked for probabilities."""

    _labels: np.ndarray

    def with_alpha(self, alpha: float) -> Self:
        """Return a copy that is trained on the same samples with another ``alpha``."""
        model = super().with_alpha(alpha)
        model.__dict__.pop("temperature_", None)
        return model

    @cached_property
    def temperature_(self) -> float:  # type: ignore[override]
        """What scores are divided by, from the leave-one-out scores of the training samples."""
        return fit_temperature(self._leave_one_out_mean(), self._labels, self._sample_weight)

    def _train_and_calibrate(self, kernels: tuple[np.ndarray, ...], labels: np.ndarray) -> None:
        self._labels = labels
        self._train(kernels)

    def _scores(self, X: Any) -> np.ndarray:
        return self._scaling.restore(self._mean(self._validated_inputs(X)))


def on_shared_kernel(estimator: InfiniteNetwork, samples: SamplesOfSearch) -> OnSharedKernel:
    """Return an estimator with the same parameters that is fitted on the samples of a search."""
    cls = type(estimator)
    is_classifier = isinstance(estimator, NetworkClassifier)
    base = ClassifierOnSharedKernel if is_classifier else OnSharedKernel
    bound = type(cls.__name__, (base, cls), {"_samples": samples})
    return bound(**estimator.get_params(deep=False))
