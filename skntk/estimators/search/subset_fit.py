"""Estimators fitted on rows of kernels that a search has already computed.

All that `fit` does with targets, weights and `alpha` is done by the same methods of the estimator;
the kernels and the factorization come from the search, and so does the process that predicts.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import is_classifier

from skntk._sklearn import validate_parameters
from skntk.estimators.classification.scores import OneHotScores, by_leave_one_out
from skntk.estimators.data.alpha_of_rows import as_alpha_per_sample
from skntk.estimators.kernel_machines.process import OnTrainingRows
from skntk.estimators.search.kernels import KernelOfSamples, SamplesOfSearch
from skntk.inference import SubsetPosterior, TrainingSubset


@dataclass(frozen=True, eq=False)
class Expected:
    """The samples that a fitted estimator is to predict."""

    # What a scorer is given.
    inputs: Any
    # Their numbers, shape (m,).
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

    def mean_and_covariance(self, X: np.ndarray) -> NoReturn:
        self._refuse("covariances")

    def over(self, training_times: ArrayLike) -> NoReturn:
        self._refuse("other training times")

    def _refuse(self, wish: str) -> NoReturn:
        raise ValueError(
            f"A scorer of a closed-form search cannot ask for {wish}: use GridSearchCV."
        )


@dataclass(frozen=True, eq=False)
class SubsetProcess(OnTrainingRows, HeldOutProcess):
    """A posterior trained on rows of a kernel matrix, at other rows of it.

    ``test_rows`` stand for the expected samples.
    """

    posterior: SubsetPosterior
    targets: np.ndarray
    sample_weight: np.ndarray
    is_centered: bool
    repetitions: np.ndarray | None
    expected: Expected
    test_rows: np.ndarray

    def validated(self, estimator: Any, X: Any) -> np.ndarray:
        self.expected.require(X)
        return self.test_rows

    def mean(self, X: np.ndarray) -> np.ndarray:
        return self.posterior.mean(X)

    def mean_and_variance(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.posterior.mean(X), self.posterior.variance(X)


class FitTask(NamedTuple):
    """An estimator, and the samples of a search that it is fitted on and is to predict."""

    # What the user searches.
    cls: type
    # All of them; an ``alpha`` for each sample is one for all samples of the search.
    parameters: Mapping[str, Any]
    samples: SamplesOfSearch
    # Which of them to train on, shape (n,), with their targets and weights.
    numbers: np.ndarray
    y: Any
    sample_weight: Any
    expected: Expected
    # The numbers that take the place of its ``alpha``, of which it is one; empty if there are none.
    alphas: tuple[float, ...] = ()


class SampleFit:
    """The steps of `fit` before training; ``rows`` of the kernel stand for the samples."""

    def __init__(self, task: FitTask) -> None:
        self.samples, self.expected = task.samples, task.expected
        self.model: Any = task.cls(**task.parameters)
        validate_parameters(self.model)
        alpha = self.model.alpha
        if np.ndim(alpha):
            alpha = as_alpha_per_sample(alpha, len(self.samples.y))[task.numbers]
        self.kernel: KernelOfSamples = self.samples.kernel_of(self.model)
        standing = self.samples.rows_of(self.model, task.numbers)[:, np.newaxis]
        _, _, rows = self.model._checked_rows(standing, task.y, alpha, task.sample_weight)
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
        self._find_alpha()
        spectrum = self.samples.spectrum(self.model, self.kernel, self.model.alpha)
        self.training = self.kernel.shared.train_on(self.rows, self.model.y_train_, spectrum)
        self._condition()
        return self

    def _find_alpha(self) -> None:
        model, shared = self.model, self.kernel.shared
        if not model._alpha_is_found:
            return
        within = np.ix_(self.rows, self.rows)
        kernel = shared.kernel[within]
        nngp = kernel if shared.prior is None else shared.prior[within]
        model._solver_for(kernel, nngp, self.samples.inputs_of(model)[self.rows])

    def with_alpha(self, alpha: float) -> SubsetFit:
        """Return the fit of the same samples with another ``alpha``, one number for all.

        All that does not depend on ``alpha`` is shared, and equal to that of another `fit`.
        """
        fit, model = copy.copy(self), copy.copy(self.model)
        fit.model = model
        model.alpha = model._alpha = alpha
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
            model._repetitions_left_out(),
            self.expected,
            self.test_rows(),
        )
        model._process = process
        if is_classifier(model):
            # The temperature is found where a score asks for probabilities.
            model._scores = OneHotScores(process, model._scaling, by_leave_one_out, model._rows)
        else:
            model._observation_noise = model._noise_model()
