"""Estimators that are fitted on rows of kernels which a search has already computed.

Their inputs are the numbers of samples, as one column. All that `fit` does with targets, weights
and `alpha` is that of the class which they derive from; only the kernels and the factorisation come
from elsewhere.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skntk.architecture.layer import Layer
from skntk.estimators.base import InfiniteNetwork
from skntk.estimators.shared_kernels import KernelOfSamples, SamplesOfSearch


class OnSharedKernel(InfiniteNetwork):
    """Trains on rows of shared kernels, and predicts other rows of them."""

    _samples: ClassVar[SamplesOfSearch]

    # A RowPosterior, in the place of what the estimator itself trains.
    _posterior: Any
    _kernel: KernelOfSamples
    _alpha_of_all: Any
    _test_inputs: Any
    _test_samples: np.ndarray

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: Any = None) -> Self:
        """Train on samples, given by number, shape (n, 1)."""
        samples = X[:, 0]
        self._alpha_of_all = self.alpha
        if np.ndim(self.alpha):
            self.alpha = np.asarray(self.alpha, dtype=np.float64)[samples]
        self._kernel = self._samples.kernel_of(self)
        rows = self._samples.rows_of(self, samples)
        return super().fit(rows[:, np.newaxis], y, sample_weight)

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

    def test_rows(self) -> np.ndarray:
        """Return the rows of the samples that it expects."""
        if self.architecture_.tells_equal_samples_apart():
            # To such a network a sample is not a training sample because it equals one.
            return self._test_samples
        return self._samples.rows_of(self, self._test_samples)

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
        self._posterior = self._kernel.shared.condition(
            self._training_rows(), self.alpha_, self.y_train_, spectrum
        )

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
        return self.test_rows()

    def _mean(self, X: np.ndarray) -> np.ndarray:
        return self._posterior.mean(X)

    def _mean_and_variance(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self._posterior.mean(X), self._posterior.variance(X)


def on_shared_kernel(estimator: InfiniteNetwork, samples: SamplesOfSearch) -> OnSharedKernel:
    """Return an estimator with the same parameters that is fitted on the samples of a search."""
    cls = type(estimator)
    bound = type(cls.__name__, (OnSharedKernel, cls), {"_samples": samples})
    return bound(**estimator.get_params(deep=False))
