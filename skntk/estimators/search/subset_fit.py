"""Estimators fitted on rows of kernels that a search has already computed.

All that `fit` does with targets, weights and `alpha` is done by the same methods of the estimator;
the kernels and the factorization come from the search, and so does the process that predicts.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import is_classifier

from skntk._sklearn import validate_parameters
from skntk.estimators.classification.scores import OneHotScores, by_leave_one_out
from skntk.estimators.data.sample_weights import as_alpha_per_sample
from skntk.estimators.kernel_machines.process import ProcessTrajectory
from skntk.estimators.search.kernels import KernelOfSamples, SamplesOfSearch
from skntk.inference import SubsetPosterior, TrainingSubset, centered_leave_one_out


@dataclass(frozen=True, eq=False)
class Expected:
    """The samples that a fitted estimator is to predict.

    Attributes
    ----------
    inputs : array-like
        What a scorer is given.
    samples : ndarray of shape (m,)
        Their numbers.
    """

    inputs: Any
    samples: np.ndarray

    def require(self, X: Any) -> None:
        """Raise a ValueError if X is not what the scorer was given."""
        if X is not self.inputs:
            raise ValueError(
                "A scorer of a closed-form search can ask for predictions of the samples that are "
                "held out, and of no others: call `estimator.predict(X)` and the like with the X "
                "that the scorer is given, or use GridSearchCV."
            )


class HeldOutProcess:
    """What a process of a search does not have, because no score can ask for it."""

    @property
    def max_learning_rate(self) -> float:
        self._refuse("max_learning_rate_")

    def mean_and_covariance(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self._refuse("covariances")

    def over(self, training_times: ArrayLike) -> ProcessTrajectory:
        self._refuse("other training times")

    def _refuse(self, wish: str) -> NoReturn:
        raise ValueError(
            f"A scorer of a closed-form search cannot ask for {wish}: use GridSearchCV."
        )


@dataclass(frozen=True, eq=False)
class SubsetProcess(HeldOutProcess):
    """A posterior trained on rows of a kernel matrix, at other rows of it.

    Attributes
    ----------
    posterior : SubsetPosterior
    targets : ndarray of shape (n,) or (n, n_outputs)
        Of the training rows, normalized.
    sample_weight : ndarray of shape (n,)
    is_centered : bool
        Whether the targets were centered by their mean.
    expected : Expected
    test_rows : ndarray of shape (m,)
        The rows that stand for the expected samples.
    """

    posterior: SubsetPosterior
    targets: np.ndarray
    sample_weight: np.ndarray
    is_centered: bool
    expected: Expected
    test_rows: np.ndarray

    @property
    def dual_coef(self) -> np.ndarray:
        return self.posterior.dual_coef

    def validated(self, estimator: Any, X: Any) -> np.ndarray:
        self.expected.require(X)
        return self.test_rows

    def mean(self, X: np.ndarray) -> np.ndarray:
        return self.posterior.mean(X)

    def mean_and_variance(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.posterior.mean(X), self.posterior.variance(X)

    def leave_one_out_mean(self) -> np.ndarray:
        if self.is_centered:
            return centered_leave_one_out(self.posterior, self.targets, self.sample_weight)
        return self.posterior.leave_one_out_mean(self.targets)

    def leave_one_out_variance(self) -> np.ndarray:
        return self.posterior.leave_one_out(self.targets)[1]


class SampleFit:
    """The steps of `fit` before training, for samples of a search.

    Parameters
    ----------
    cls : type
        Of the estimator.
    parameters : mapping of str to object
        All of them; an ``alpha`` for each sample is one for all samples of the search.
    samples : SamplesOfSearch
    numbers : ndarray of shape (n,)
        Which samples to train on.
    y, sample_weight : array-like
        Of these samples.
    expected : Expected

    Attributes
    ----------
    model : estimator
        Of the class that the user searches.
    kernel : KernelOfSamples
    rows : ndarray of shape (n,)
        The rows of the kernel that the model is trained on.
    """

    def __init__(
        self,
        cls: type,
        parameters: Mapping[str, Any],
        samples: SamplesOfSearch,
        numbers: np.ndarray,
        y: Any,
        sample_weight: Any,
        expected: Expected,
    ) -> None:
        self.samples, self.expected = samples, expected
        self.model: Any = cls(**parameters)
        validate_parameters(self.model)
        alpha = self.model.alpha
        if np.ndim(alpha):
            alpha = np.asarray(alpha, dtype=np.float64)[numbers]
        self.kernel: KernelOfSamples = samples.kernel_of(self.model)
        standing = samples.rows_of(self.model, numbers)
        _, _, rows = self.model._checked_rows(standing[:, np.newaxis], y, alpha, sample_weight)
        self.model._normalize(rows, normalize_y=self.model.normalize_y)
        self.model.architecture_ = self.kernel.architecture
        self.rows = rows.X[:, 0].astype(np.intp)
        self.model._scale_noise(rows.alpha, self.prior_diagonal())

    def prior_diagonal(self) -> np.ndarray:
        """Return the diagonal of the kernel of the training rows."""
        diagonal: np.ndarray = np.diagonal(self.kernel.shared.kernel)[self.rows]
        return diagonal

    def test_rows(self) -> np.ndarray:
        """Return the rows that stand for the expected samples."""
        # To some networks a sample is not a training sample because it equals one.
        if self.kernel.architecture.is_stochastic():
            return self.expected.samples
        return self.samples.rows_of(self.model, self.expected.samples)


class SubsetFit(SampleFit):
    """An estimator that is fitted on samples of a search, and predicts those that are held out."""

    training: TrainingSubset

    def train(self) -> Self:
        """Train on the kernels of the search."""
        spectrum = self.samples.spectrum(self.model, self.kernel, self.model.alpha)
        self.training = self.kernel.shared.train_on(self.rows, self.model.y_train_, spectrum)
        self._condition()
        return self

    def with_alpha(self, alpha: float) -> SubsetFit:
        """Return the fit of the same samples with another ``alpha``, one number for all.

        All that does not depend on ``alpha`` is shared, and equal to that of another `fit`.

        Raises
        ------
        ValueError
            If it is negative or not finite, or the kernel with it is singular.
        """
        fit, model = copy.copy(self), copy.copy(self.model)
        fit.model = model
        model.alpha = alpha
        per_row = as_alpha_per_sample(alpha, len(self.rows))
        model.alpha_ = model._noise.variance(per_row, model._alpha_unit)
        fit._condition()
        return fit

    def _condition(self) -> None:
        model = self.model
        process = SubsetProcess(
            self.training.condition(model.alpha_),
            model.y_train_,
            model._noise.sample_weight,
            model.normalize_y,
            self.expected,
            self.test_rows(),
        )
        model._process = process
        if is_classifier(model):
            # The temperature is found where a score asks for probabilities.
            model._scores = OneHotScores(process, model._scaling, by_leave_one_out, model._rows)
        else:
            model._observation_noise = model._noise_model()
