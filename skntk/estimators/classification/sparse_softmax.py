"""The softmax likelihood through inducing points: the fit, and the process that it leads to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn, Self

import numpy as np
from numpy.typing import ArrayLike

from skntk._memory import require_memory
from skntk._sklearn import UnobservedFit
from skntk.estimators.classification.classification import NetworkClassifier
from skntk.estimators.classification.evidence import (
    ClassEvidence,
    ObservedClasses,
    find_alpha_by_evidence,
    rows_of_evidence,
)
from skntk.estimators.kernel_machines.inducing import choose_points, require_memory_for_points
from skntk.estimators.kernel_machines.kernels import NetworkKernels
from skntk.estimators.kernel_machines.process import PredictiveProcess
from skntk.estimators.kernel_machines.rows_at_points import InducingKernels
from skntk.estimators.kernel_machines.streamed_features import row_features
from skntk.inference.inducing.row_features import RowFeatures
from skntk.inference.inducing.softmax_curvature import bytes_of_curvature
from skntk.inference.inducing.softmax_posterior import SparseSoftmaxPosterior
from skntk.solvers.inducing_points import InducingPoints


@dataclass(frozen=True, eq=False)
class SparseSoftmaxProcess(PredictiveProcess):
    """Logits through inducing points, which are the ``X_train`` of its kernels.

    Attributes
    ----------
    total_weight : float
        The sum of the weights of all training rows.
    """

    posterior: SparseSoftmaxPosterior
    total_weight: float

    @property
    def max_learning_rate(self) -> NoReturn:
        """Refuse: no gradient descent leads to the posterior."""
        self.posterior.training_run()

    def leave_one_out_mean(self) -> NoReturn:
        """Refuse: there is no closed form."""
        self.posterior.leave_one_out()

    def leave_one_out_variance(self) -> NoReturn:
        """Refuse: there is no closed form."""
        self.posterior.leave_one_out()

    def over(self, training_times: ArrayLike) -> NoReturn:
        """Refuse: no gradient descent leads to the posterior."""
        self.posterior.training_run()


@dataclass(frozen=True, eq=False)
class LogitsAtPoints:
    """Training rows as a mode of logits sees them.

    Attributes
    ----------
    inducing : InducingKernels
    features : RowFeatures
    kernel_diagonal : ndarray of shape (n,)
    """

    inducing: InducingKernels
    features: RowFeatures
    kernel_diagonal: np.ndarray

    @classmethod
    def of(
        cls,
        machine: NetworkClassifier,
        kernels: NetworkKernels,
        solver: InducingPoints,
        tasks: UnobservedFit,
    ) -> Self:
        """Choose the points for the rows that an estimator holds, and hold their noise.

        Parameters
        ----------
        machine : NetworkClassifier
        kernels : NetworkKernels
        solver : InducingPoints
            What its parameter `solver` stands for.
        tasks : UnobservedFit
            Those of `fit`.
        """
        X = machine.X_train_
        points = choose_points(solver, kernels, X, solver.generator(machine.random_state))
        _require_memory(machine, len(points), machine.y_train_.shape[1])
        inducing = InducingKernels(kernels, points)
        with tasks.kernel_matrix():
            diagonal = np.asarray(kernels.diagonal(X), dtype=np.float64)
            features = row_features(inducing, X)
        machine._scale_noise(machine._rows.alpha, diagonal)
        return cls(inducing, features, diagonal)

    def process(
        self, machine: NetworkClassifier, observed: ObservedClasses, step: Callable[[], None]
    ) -> SparseSoftmaxProcess:
        """Find the noise if it is "auto", and the posterior of the logits.

        ``step`` is called after every step of Newton's method.
        """
        if machine._alpha_is_found:
            _find_alpha(machine, self.inducing, self.kernel_diagonal, observed)
        inducing, counts = self.inducing, observed.counts
        posterior = SparseSoftmaxPosterior.condition(
            inducing.whitening,
            self.features,
            counts,
            machine.alpha_,
            observed.prior_mean,
            observed.repetitions,
            report=step,
        )
        total = float(counts.sum())
        return SparseSoftmaxProcess(inducing.kernels, inducing.points, posterior, total)


def _find_alpha(
    machine: NetworkClassifier,
    inducing: InducingKernels,
    kernel_diagonal: np.ndarray,
    observed: ObservedClasses,
) -> None:
    """Find ``alpha`` by the evidence of some rows under the projected kernel."""
    chosen = rows_of_evidence(machine.X_train_)
    features = inducing.features(machine.X_train_[chosen]).astype(np.float64)
    found = find_alpha_by_evidence(
        ClassEvidence(features.T @ features, observed.on(chosen)),
        kernel_diagonal=kernel_diagonal,
        noise=machine._noise,
        dtype=machine.dtype,
    )
    machine._hold_found(found.alpha, found.score, found.end)


def _require_memory(machine: NetworkClassifier, n_points: int, n_classes: int) -> None:
    what = f"{type(machine).__name__}.fit"
    require_memory_for_points(n_points, what)
    require_memory(
        bytes_of_curvature(n_points, n_classes),
        f'{what} with likelihood="softmax", {n_classes} classes and {n_points} inducing points',
        "Choose fewer points: the memory grows with their square, not with the number of rows.",
    )
