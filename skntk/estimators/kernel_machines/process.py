"""The Gaussian process that a fitted estimator is, as a function of inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from skntk.estimators.data.validation import validate_inputs_like
from skntk.estimators.kernel_machines.kernels import NetworkKernels
from skntk.gram.kernel_function import dtypes_of_inputs
from skntk.inference import (
    ErrorMoments,
    Fold,
    SubsetPosterior,
    TrainingMethod,
    as_training_times,
    centered_leave_one_out,
    errors_at_test_points,
    errors_at_training_points,
)
from skntk.inference.linalg.threads import small_problem_threads
from skntk.inference.posteriors.protocol import (
    Posterior,
    PredictiveDistribution,
)


class Process(Protocol):
    """Means and covariances of one normalized output at rows of inputs."""

    @property
    def dual_coef(self) -> np.ndarray:
        """Coefficients of the training rows in the mean, shape (n,) or (n, n_outputs)."""

    def validated(self, estimator: Any, X: Any) -> np.ndarray:
        """Return checked rows, as the other methods take them."""

    def mean(self, X: np.ndarray) -> np.ndarray:
        """Return means, shape (m,) or (m, n_outputs), from the one kernel that they need."""

    def mean_and_variance(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return means, and variances of shape (m,), without covariances of test rows."""

    def mean_and_covariance(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return means, and the covariance of shape (m, m)."""


class FittedProcess(Process, Protocol):
    """A process that was trained, and tells what other trainings would have given."""

    @property
    def total_weight(self) -> float:
        """The sum of the weights of all training rows."""

    @property
    def max_learning_rate(self) -> float:
        """Learning rate above which discrete steps diverge."""

    def leave_one_out_mean(self) -> np.ndarray:
        """Return the means of the n models that leave out one training row."""

    def leave_one_out_variance(self) -> np.ndarray:
        """Return their variances of one output, shape (n,)."""

    def over(self, training_times: ArrayLike) -> ProcessTrajectory:
        """Return the process at many times of the training that led to it."""


class TrainedProcess(FittedProcess, Protocol):
    """A fitted process whose predictions are made of kernels with some inputs."""

    @property
    def kernels(self) -> NetworkKernels:
        """The kernels of the network."""

    @property
    def X_train(self) -> np.ndarray:
        """The inputs whose kernels with others predictions are made of."""

    @property
    def training_inputs(self) -> np.ndarray:
        """The training rows."""

    @property
    def targets(self) -> np.ndarray:
        """Their normalized targets, shape (n,) or (n, n_outputs)."""

    @property
    def is_centered(self) -> bool:
        """Whether the targets were centered by their mean."""

    def mean_in_blocks(
        self, X: np.ndarray, predict: Callable[[np.ndarray], np.ndarray], axis: int = 0
    ) -> np.ndarray:
        """Return what a function of the first cross kernel predicts, block by block."""

    def in_blocks(
        self, X: np.ndarray, *predictions: Callable[..., np.ndarray], axis: int = 0
    ) -> tuple[np.ndarray, ...]:
        """Return what functions of (cross kernels, prior variances) predict, block by block."""

    def over(self, training_times: ArrayLike) -> RunTrajectory:
        """Return the process at many times of the training that led to it."""


class ProcessTrajectory(Protocol):
    """A process at many times of one training, from one eigendecomposition."""

    training_times: np.ndarray

    def means(self, X: np.ndarray) -> np.ndarray:
        """Return means, shape (n_times, m) or (n_times, m, n_outputs)."""

    def means_and_variances(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return means, and variances of shape (n_times, m)."""

    def means_and_covariances(self, X: np.ndarray) -> tuple[np.ndarray, Iterator[np.ndarray]]:
        """Return means and, one time after the other, covariances of shape (m, m)."""

    def errors(self, X: np.ndarray, targets: np.ndarray) -> tuple[ErrorMoments, ErrorMoments]:
        """Return the errors at the training rows and at test rows with normalized targets."""

    def held_out_means(self, folds: Sequence[Fold]) -> np.ndarray:
        """Return means of networks that have not seen what they predict, over time.

        One fold after the other, of shape (n_times, n_held_out) or (n_times, n_held_out,
        n_outputs), from one eigendecomposition of each.
        """

    def processes(self) -> Iterator[FittedProcess]:
        """Yield the process at one time after the other; they share their means and arrays."""


class OnTrainingRows:
    """What a posterior and the targets that it was conditioned on say about the training rows."""

    posterior: Posterior | SubsetPosterior
    # Normalized, without an initial function, shape (n,) or (n, n_outputs).
    targets: np.ndarray
    sample_weight: np.ndarray
    # Whether the targets were centered by their mean, which leaving one out changes.
    is_centered: bool
    # Of how many observations a row leaves out one, shape (n,); None leaves out all of a row.
    repetitions: np.ndarray | None

    @property
    def n_train(self) -> int:
        """The number of training rows."""
        return len(self.targets)

    @property
    def total_weight(self) -> float:
        return float(self.sample_weight.sum())

    @property
    def dual_coef(self) -> np.ndarray:
        return self.posterior.dual_coef

    def leave_one_out_mean(self) -> np.ndarray:
        with small_problem_threads(self.n_train):
            if self.is_centered:
                return centered_leave_one_out(
                    self.posterior, self.targets, self.sample_weight, self.repetitions
                )
            return self.posterior.leave_one_out_mean(self.targets, self.repetitions)

    def leave_one_out_variance(self) -> np.ndarray:
        with small_problem_threads(self.n_train):
            return self.posterior.leave_one_out(self.targets)[1]


@dataclass(frozen=True, eq=False)
class PredictiveProcess:
    """A distribution over functions, with the kernels between its inputs and any others.

    Attributes
    ----------
    kernels : NetworkKernels
    X_train : ndarray of shape (n, ...)
        The inputs whose kernels with others predictions are made of.
    posterior : PredictiveDistribution
    """

    kernels: NetworkKernels
    X_train: np.ndarray
    posterior: PredictiveDistribution

    @property
    def dual_coef(self) -> np.ndarray:
        return self.posterior.dual_coef

    def validated(self, estimator: Any, X: Any) -> np.ndarray:
        dtypes = dtypes_of_inputs(estimator.dtype)
        return validate_inputs_like(estimator, X, self.X_train.shape[1:], dtype=dtypes)

    def mean(self, X: np.ndarray) -> np.ndarray:
        return self.mean_in_blocks(X, self.posterior.mean)

    def mean_and_variance(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean, variance = self.in_blocks(
            X, lambda *kernels: self.posterior.mean(kernels[0]), self.posterior.variance
        )
        return mean, variance

    def mean_and_covariance(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with small_problem_threads(len(self.X_train)):
            # Beside the covariance of one output that of all in their units.
            test_kernel = self.kernels.between_test_rows(X, 1 + n_outputs(self.dual_coef))
            crosses = self.kernels.matrices(X, self.X_train)
            return self.posterior.mean(crosses[0]), self.posterior.covariance(*crosses, test_kernel)

    def mean_in_blocks(
        self, X: np.ndarray, predict: Callable[[np.ndarray], np.ndarray], axis: int = 0
    ) -> np.ndarray:
        """Return what a function of the first cross kernel predicts, block by block."""
        with small_problem_threads(len(self.X_train)):
            parts = []
            for rows in self.kernels.blocks(X, self.X_train):
                kinds = self.kernels.kinds[:1]
                (cross,) = self.kernels.matrices(X[rows], self.X_train, kinds=kinds)
                parts.append(predict(cross))
            return np.concatenate(parts, axis)

    def in_blocks(
        self, X: np.ndarray, *predictions: Callable[..., np.ndarray], axis: int = 0
    ) -> tuple[np.ndarray, ...]:
        """Return what functions of (cross kernels, prior variances) predict, block by block.

        ``axis`` is that of the test rows in what they return.
        """
        with small_problem_threads(len(self.X_train)):
            diagonal = self.kernels.diagonal(X)
            blocks = []
            for rows in self.kernels.blocks(X, self.X_train):
                crosses = self.kernels.matrices(X[rows], self.X_train)
                blocks.append([predict(*crosses, diagonal[rows]) for predict in predictions])
            return tuple(np.concatenate(parts, axis) for parts in zip(*blocks, strict=True))


@dataclass(frozen=True, eq=False)
class PosteriorProcess(PredictiveProcess, OnTrainingRows):
    """A posterior of the training rows themselves."""

    targets: np.ndarray
    sample_weight: np.ndarray
    method: TrainingMethod
    is_centered: bool
    posterior: Posterior
    repetitions: np.ndarray | None

    @property
    def training_inputs(self) -> np.ndarray:
        """The training rows."""
        return self.X_train

    @cached_property
    def max_learning_rate(self) -> float:
        curvature = self.posterior.largest_curvature(self.sample_weight)
        return self.method.max_learning_rate(curvature)

    def over(self, training_times: ArrayLike) -> RunTrajectory:
        with small_problem_threads(self.n_train):
            times = as_training_times(training_times, self.method)
            # A model trained to convergence keeps no eigendecomposition: every call finds one.
            run = self.posterior.training_run(self.targets, self.method, self.sample_weight)
            return RunTrajectory(replace(self, posterior=run), run, times)


class RunTrajectory:
    """The trajectory of a process that holds the eigendecomposition of its training."""

    # Training and test rows of one fold.
    _n_remembered = 2

    def __init__(self, process: TrainedProcess, run: Any, training_times: np.ndarray) -> None:
        self.process = process
        self.training_times = training_times
        self.n_train = len(process.X_train)
        self._run = run
        self._trajectory: Any = run.over(training_times)
        self._remembered: list[tuple[np.ndarray, np.ndarray]] = []

    def means(self, X: np.ndarray) -> np.ndarray:
        return self.process.mean_in_blocks(X, self._trajectory.mean, axis=1)

    def remembered_means(self, X: np.ndarray) -> np.ndarray:
        """Return `means`, found once for the rows that were asked for last."""
        for rows, means in self._remembered:
            if np.array_equal(rows, X):
                return means
        means = self.means(X)
        self._remembered = [(X.copy(), means), *self._remembered][: self._n_remembered]
        return means

    def means_and_variances(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        trajectory = self._trajectory
        means, variances = self.process.in_blocks(
            X, lambda *kernels: trajectory.mean(kernels[0]), trajectory.variance, axis=1
        )
        return means, variances

    def means_and_covariances(self, X: np.ndarray) -> tuple[np.ndarray, Iterator[np.ndarray]]:
        process = self.process
        # The test kernel stays for the next time.
        test_kernel = process.kernels.between_test_rows(X, 2 + n_outputs(process.targets))
        crosses = process.kernels.matrices(X, process.X_train)
        covariances = self._trajectory.covariances(*crosses, test_kernel)
        return self._trajectory.mean(crosses[0]), covariances

    def errors(self, X: np.ndarray, targets: np.ndarray) -> tuple[ErrorMoments, ErrorMoments]:
        with small_problem_threads(self.n_train):
            process = self.process
            crosses = process.kernels.matrices(X, process.X_train)
            (test_kernel,) = process.kernels.matrices(X, kinds=("nngp",))
            covariances = self._trajectory.covariances(*crosses, test_kernel)
            means = self._trajectory.mean(crosses[0])
            return (
                self._training_errors(ensemble=True),
                errors_at_test_points(means, targets, covariances),
            )

    def _training_errors(self, *, ensemble: bool) -> ErrorMoments:
        """Return the errors at the training rows."""
        return errors_at_training_points(self._trajectory, ensemble=ensemble)

    def errors_of_mean(
        self, X: np.ndarray, targets: np.ndarray
    ) -> tuple[ErrorMoments, ErrorMoments]:
        """Return the errors of the mean alone, which is one network from the outputs 0."""
        return (
            self._training_errors(ensemble=False),
            errors_at_test_points(self.means(X), targets, None),
        )

    def held_out_means(self, folds: Sequence[Fold]) -> np.ndarray:
        with small_problem_threads(self.n_train):
            process = self.process
            return self._run.held_out(
                process.targets, folds, self.training_times, centered=process.is_centered
            )

    def processes(self) -> Iterator[TrainedProcess]:
        attributes = {
            field.name: getattr(self.process, field.name) for field in fields(PosteriorProcess)
        }
        for position, run in enumerate(self._run.stages(self.training_times)):
            attributes["posterior"] = run
            yield _ProcessAtTime(**attributes, trajectory=self, position=position)


@dataclass(frozen=True, eq=False)
class _ProcessAtTime(PosteriorProcess):
    """A process at one of many times, whose means are found for all of them together."""

    trajectory: RunTrajectory
    position: int

    def mean(self, X: np.ndarray) -> np.ndarray:
        means: np.ndarray = self.trajectory.remembered_means(X)[self.position]
        return means


def n_outputs(targets: np.ndarray) -> int:
    """Return the number of outputs of targets of shape (n,) or (n, n_outputs)."""
    return 1 if targets.ndim == 1 else targets.shape[1]
