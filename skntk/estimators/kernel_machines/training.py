"""Networks trained for a finite time or to convergence, and every time in between."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from skntk.estimators.data.distinct_rows import stratified_folds
from skntk.estimators.kernel_machines.base import InfiniteNetwork
from skntk.gram import gram_diagonal
from skntk.inference import (
    EnsemblePosterior,
    GaussianProcessPosterior,
    GradientFlowPosterior,
    ReadoutFlowPosterior,
    TrainingMethod,
    as_training_time,
    as_training_times,
    centered_held_out_gradient_flow,
    errors_at_test_points,
    errors_at_training_points,
    held_out_gradient_flow,
    make_training_method,
)

# The networks of a fold train on two thirds of the rows. More folds would need more memory beside
# the kernels.
N_FOLDS = 3

Converged = EnsemblePosterior | GaussianProcessPosterior
Run = GradientFlowPosterior | ReadoutFlowPosterior
SolverName = Literal["gradient_flow", "gradient_descent"]


class TrainedNetwork(InfiniteNetwork):
    """Squared-error training, stopped at a finite time or converged.

    Subclasses say how to converge (``_converged``), how to stop (``_stopped``) and how the
    training run is recovered that led to convergence (``_leading_to``).
    """

    training_time: float | None
    learning_rate: float
    solver: SolverName
    momentum: float

    _posterior: Converged | Run
    # Means shared by the copies of a model that stand for it at one of many times.
    _stage: Stage | None = None

    def _converged(self, kernels: tuple[np.ndarray, ...]) -> Converged:
        raise NotImplementedError

    def _stopped(self, kernels: tuple[np.ndarray, ...], training_time: float) -> Run:
        raise NotImplementedError

    def _leading_to(self, converged: Any) -> Run:
        raise NotImplementedError

    # Training --------------------------------------------------------------------------------

    @property
    def max_learning_rate_(self) -> float:
        """Learning rate above which discrete steps diverge, found when it is read."""
        return self._solver().max_learning_rate(self._largest_curvature(self._posterior))

    def _solver(self) -> TrainingMethod:
        return make_training_method(self.solver, self.learning_rate, self.momentum)

    def _optimizer(self) -> dict[str, Any]:
        """Return what the posteriors ask for to make the solver."""
        return {
            "training_method": self.solver,
            "learning_rate": self.learning_rate,
            "momentum": self.momentum,
            "sample_weight": self._sample_weight,
        }

    def _largest_curvature(self, posterior: Converged | Run) -> float:
        return posterior.largest_curvature(self._sample_weight)

    def _require_feasible_training(self, targets: np.ndarray) -> None:
        if self.training_time is not None:
            as_training_time(self.training_time, self._solver())
        super()._require_feasible_training(targets)

    def _condition(self, kernels: tuple[np.ndarray, ...]) -> Converged | Run:
        if self.training_time is not None:
            return self._stopped(kernels, self.training_time)
        posterior, solver = self._converged(kernels), self._solver()
        if solver.has_steps:
            solver.require_stability(self._largest_curvature(posterior), converged=True)
        return posterior

    def _noise_in_flow(self) -> np.ndarray:
        """Return the noise of a single repetition: the flow takes the weights by themselves."""
        return self.alpha_ * self._sample_weight

    # Held-out predictions --------------------------------------------------------------------

    def _train_and_hold_out(
        self, kernels: tuple[np.ndarray, ...], labels: np.ndarray
    ) -> np.ndarray:
        if self.training_time is None:
            return super()._train_and_hold_out(kernels, labels)
        times = [self.training_time]
        (held_out,) = self._held_out(kernels[0], self._noise_in_flow(), labels, times)
        self._train(kernels)
        return held_out

    def _held_out_over(self, training_times: ArrayLike, labels: np.ndarray) -> np.ndarray:
        """Return held-out means of a fitted model at many times, in units of the targets.

        Shape (n_times, n) or (n_times, n, n_outputs), from one eigendecomposition per fold.
        """
        return self._held_out(self._run().spectrum.kernel(), 0.0, labels, training_times)

    def _held_out(
        self, kernel: np.ndarray, noise: ArrayLike, labels: np.ndarray, training_times: ArrayLike
    ) -> np.ndarray:
        hold_out = centered_held_out_gradient_flow if self.normalize_y else held_out_gradient_flow
        folds = stratified_folds(self.X_train_, labels, N_FOLDS)
        optimizer = self._optimizer()
        held_out = hold_out(
            kernel,
            noise,
            self._targets_to_learn(),
            folds,
            training_times=training_times,
            **optimizer,
        )
        return self._scaling.restore(held_out)

    def _require_closed_form_leave_one_out(self) -> None:
        super()._require_closed_form_leave_one_out()
        if isinstance(self._posterior, GradientFlowPosterior | ReadoutFlowPosterior):
            raise ValueError(
                "Leave-one-out predictions have a closed form only for training to convergence, "
                "and this model was trained until training_time="
                f"{self._posterior.training_time:g}: "
                "set training_time=None, or use cross_val_predict."
            )

    # Many times ------------------------------------------------------------------------------

    def _checked_times(self, training_times: ArrayLike) -> np.ndarray:
        return as_training_times(training_times, self._solver())

    def _run(self) -> Run:
        """Return the training run of a fitted model, which holds the eigendecomposition.

        A model trained to convergence does not keep one: it is found anew with each call.
        """
        if isinstance(self._posterior, GradientFlowPosterior | ReadoutFlowPosterior):
            return self._posterior
        return self._leading_to(self._posterior)

    def _means_over(self, X: np.ndarray, training_times: ArrayLike) -> np.ndarray:
        """Return normalized means at many times, shape (n_times, m) or (n_times, m, n_outputs)."""
        trajectory = self._run().over(training_times)
        blocks = self._cross_kernels(X, self._kinds[:1])
        return np.concatenate([trajectory.mean(*crosses) for _, crosses in blocks], axis=1)

    def _means_and_variances_over(
        self, X: np.ndarray, training_times: ArrayLike
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return normalized means and the variances of one output, shape (n_times, m)."""
        trajectory: Any = self._run().over(training_times)
        diagonal = gram_diagonal(
            self.architecture_, X, kind="nngp", dtype=self.dtype, n_jobs=self.n_jobs
        )
        means, variances = [], []
        for rows, crosses in self._cross_kernels(X, self._kinds):
            means.append(trajectory.mean(crosses[0]))
            variances.append(trajectory.variance(*crosses, diagonal[rows]))
        return np.concatenate(means, axis=1), np.concatenate(variances, axis=1)

    def _means_and_covariances_over(
        self, X: np.ndarray, training_times: ArrayLike
    ) -> tuple[np.ndarray, Iterator[np.ndarray]]:
        """Return normalized means and, one time after the other, the covariances of one output."""
        trajectory: Any = self._run().over(training_times)
        # The test kernel stays for the next time.
        crosses, test_kernel = self._kernels_of_covariance(X, 2 + self._n_outputs())
        return trajectory.mean(crosses[0]), trajectory.covariances(*crosses, test_kernel)

    def _loss_history(
        self, X: np.ndarray, targets: np.ndarray, training_times: ArrayLike, *, ensemble: bool
    ) -> tuple[np.ndarray, ...]:
        """Return means and standard deviations of the training and of the test loss.

        Parameters
        ----------
        X : ndarray of shape (m, ...)
            Test rows.
        targets : ndarray of shape (m,) or (m, n_outputs)
            What is to be predicted there, normalized and without an initial function.
        training_times : array-like of shape (n_times,)
            Checked.
        ensemble : bool
            Whether the initial functions are random.
        """
        trajectory: Any = self._run().over(training_times)
        train = errors_at_training_points(trajectory, ensemble=ensemble)
        kinds = self._kinds if ensemble else self._kinds[:1]
        crosses = self._kernels(X, self.X_train_, kinds=kinds)
        covariances = None
        if ensemble:
            (test_kernel,) = self._kernels(X, kinds=("nngp",))
            covariances = trajectory.covariances(*crosses, test_kernel)
        test = errors_at_test_points(trajectory.mean(crosses[0]), targets, covariances)
        unit = self._scaling.scale
        return *train.loss(float(self._sample_weight.sum()), unit), *test.loss(len(X), unit)

    # Copies at other times -------------------------------------------------------------------

    def _stages(self, training_times: ArrayLike) -> Iterator[Self]:
        """Yield this fitted model as it would be with each of many values of ``training_time``.

        The copies share their arrays, and the means that are asked of them for the same rows.
        """
        times = self._checked_times(training_times)
        run = self._run()
        reference = self._copy_at(run.at(float(times[0])))
        shared = SharedMeans(reference, times)
        for position, time in enumerate(times):
            stage = self._copy_at(run.at(float(time)))
            stage._stage = Stage(shared, position)
            yield stage

    def _copy_at(self, posterior: Run) -> Self:
        stage = copy.copy(self)
        stage.training_time = posterior.training_time
        stage._posterior = posterior
        stage.dual_coef_ = posterior.dual_coef
        return stage

    def _mean(self, X: np.ndarray) -> np.ndarray:
        return super()._mean(X) if self._stage is None else self._stage.mean(X)


class SharedMeans:
    """Means at many times, found once for the rows that were asked for last.

    Parameters
    ----------
    model : TrainedNetwork
        Fitted.
    training_times : ndarray of shape (n_times,)
        Checked.
    """

    # Training and test rows of one fold.
    _n_remembered = 2

    def __init__(self, model: TrainedNetwork, training_times: np.ndarray) -> None:
        self._model = model
        self._training_times = training_times
        self._remembered: list[tuple[np.ndarray, np.ndarray]] = []

    def of(self, X: np.ndarray) -> np.ndarray:
        """Return normalized means, shape (n_times, m) or (n_times, m, n_outputs)."""
        for rows, means in self._remembered:
            if np.array_equal(rows, X):
                return means
        means = self._model._means_over(X, self._training_times)
        self._remembered = [(X.copy(), means), *self._remembered][: self._n_remembered]
        return means


class Stage:
    """One of many times.

    Parameters
    ----------
    shared : SharedMeans
        The means at all of them.
    position : int
        Which of them.
    """

    def __init__(self, shared: SharedMeans, position: int) -> None:
        self._shared = shared
        self._position = position

    def mean(self, X: np.ndarray) -> np.ndarray:
        """Return normalized means, shape (m,) or (m, n_outputs)."""
        means: np.ndarray = self._shared.of(X)[self._position]
        return means
