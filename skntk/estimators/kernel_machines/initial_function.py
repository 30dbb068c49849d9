"""Processes before training, and training that starts from one given function."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skntk.estimators.data.target_scaling import TargetScaling
from skntk.estimators.data.validation import validate_inputs
from skntk.estimators.kernel_machines.kernels import NetworkKernels
from skntk.estimators.kernel_machines.process import (
    FittedProcess,
    RunTrajectory,
    TrainedProcess,
)
from skntk.gram.kernel_function import dtypes_of_inputs
from skntk.inference import ErrorMoments, Fold

InitialFunction = Callable[[np.ndarray], ArrayLike]


class _Untrained:
    """What processes without training rows have in common."""

    @property
    def dual_coef(self) -> np.ndarray:
        return np.empty(0)

    def validated(self, estimator: Any, X: Any) -> np.ndarray:
        return validate_inputs(estimator, X, dtype=dtypes_of_inputs(estimator.dtype))


@dataclass(frozen=True, eq=False)
class PriorProcess(_Untrained):
    """The outputs of networks at random initialization, which are independent."""

    kernels: NetworkKernels
    # Shape of the targets of one sample, () or (n_outputs,).
    outputs: tuple[int, ...] = ()

    def mean(self, X: np.ndarray) -> np.ndarray:
        return np.zeros((len(X), *self.outputs))

    def mean_and_variance(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.mean(X), self.kernels.diagonal(X).astype(np.float64)

    def mean_and_covariance(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        (kernel,) = self.kernels.matrices(X, kinds=("nngp",))
        return self.mean(X), kernel.astype(np.float64, copy=False)


@dataclass(frozen=True, eq=False)
class InitialProcess(_Untrained):
    """A function that is not random, as a process."""

    function: InitialFunction
    # Between its units and those of training; None before training, which has none.
    scaling: TargetScaling | None = None
    # Shape of the targets of one sample, () or (n_outputs,). None where it is not known yet.
    outputs: tuple[int, ...] | None = None

    def mean(self, X: np.ndarray) -> np.ndarray:
        values = initial_values(self.function, X, self.outputs)
        return values if self.scaling is None else self.scaling.normalize(values)

    def mean_and_variance(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.mean(X), np.zeros(len(X))

    def mean_and_covariance(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.mean(X), np.zeros((len(X), len(X)))


@dataclass(frozen=True, eq=False)
class ShiftedProcess:
    """The one network that starts from a given function, instead of an ensemble.

    A network of infinite width moves by a linear map of its errors. One that starts from f_0 learns
    what an ensemble would learn of the targets y - f_0(X), and adds it to f_0. Nothing about it is
    random: its variance is 0.
    """

    # What is learned of y - f_0(X). The center of the targets cancels in it: leaving out a row does
    # not center them anew.
    process: TrainedProcess
    # f_0, in the units of training.
    initial: InitialProcess

    @property
    def dual_coef(self) -> np.ndarray:
        return self.process.dual_coef

    @property
    def total_weight(self) -> float:
        return self.process.total_weight

    @property
    def max_learning_rate(self) -> float:
        return self.process.max_learning_rate

    def validated(self, estimator: Any, X: Any) -> np.ndarray:
        return self.process.validated(estimator, X)

    def mean(self, X: np.ndarray) -> np.ndarray:
        return self.process.mean(X) + self.initial.mean(X)

    def mean_and_variance(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.mean(X), np.zeros(len(X))

    def mean_and_covariance(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.mean(X), np.zeros((len(X), len(X)))

    def leave_one_out_mean(self) -> np.ndarray:
        return self.process.leave_one_out_mean() + self.initial.mean(self.process.training_inputs)

    def leave_one_out_variance(self) -> np.ndarray:
        return np.zeros(len(self.process.training_inputs))

    def over(self, training_times: ArrayLike) -> ShiftedTrajectory:
        return ShiftedTrajectory(self.process.over(training_times), self.initial)


class ShiftedTrajectory:
    """A `ShiftedProcess` at many times."""

    def __init__(self, trajectory: RunTrajectory, initial: InitialProcess) -> None:
        self._trajectory, self._initial = trajectory, initial
        self.training_times = trajectory.training_times

    def means(self, X: np.ndarray) -> np.ndarray:
        return self._trajectory.means(X) + self._initial.mean(X)

    def means_and_variances(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        means = self.means(X)
        return means, np.zeros(means.shape[:2])

    def means_and_covariances(self, X: np.ndarray) -> tuple[np.ndarray, Iterator[np.ndarray]]:
        means = self.means(X)
        return means, (np.zeros((len(X), len(X))) for _ in means)

    def errors(self, X: np.ndarray, targets: np.ndarray) -> tuple[ErrorMoments, ErrorMoments]:
        return self._trajectory.errors_of_mean(X, targets - self._initial.mean(X))

    def held_out_means(self, folds: Sequence[Fold]) -> np.ndarray:
        held_out = np.concatenate([fold.test for fold in folds])
        initial = self._initial.mean(self._trajectory.process.training_inputs)
        return self._trajectory.held_out_means(folds) + initial[held_out]

    def processes(self) -> Iterator[FittedProcess]:
        for process in self._trajectory.processes():
            yield ShiftedProcess(process, self._initial)


def initial_values(
    function: InitialFunction, X: np.ndarray, outputs: tuple[int, ...] | None
) -> np.ndarray:
    """Return the values of an ``initial_function``, shape (m, *outputs), checked.

    ``outputs`` is the shape of the targets of one sample, None where it is not known yet.
    """
    values = np.asarray(function(X), dtype=np.float64)
    if values.ndim == 2 and values.shape[1] == 1 and outputs in ((), None):
        values = values[:, 0]
    if values.ndim == 1 and outputs == (1,):
        values = values[:, np.newaxis]
    wrong_outputs = outputs is not None and values.shape[1:] != outputs
    if values.ndim not in (1, 2) or len(values) != len(X) or wrong_outputs:
        expected = (len(X), "n_outputs") if outputs is None else (len(X), *outputs)
        shape = str(expected).replace("'", "")
        raise ValueError(
            f"initial_function returned an array of shape {values.shape} for {len(X)} rows: it "
            f"must return one value for each row and output, an array of shape {shape}."
        )
    if not np.isfinite(values).all():
        raise ValueError("initial_function returned NaN or infinity: its values must be finite.")
    return values
