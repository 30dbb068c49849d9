"""Scores of classes and their probabilities, of classifiers trained on one-hot targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import softmax

from skntk.estimators.classification.held_out import HeldOutObservations
from skntk.estimators.classification.temperature import fit_temperature
from skntk.estimators.data.rows import ClassifiedRows
from skntk.estimators.data.target_scaling import TargetScaling
from skntk.estimators.kernel_machines.process import FittedProcess

Temperature = float | np.ndarray
Calibration = Callable[["OneHotScores"], Temperature]


class ClassScores(Protocol):
    """What a fitted classifier makes of its process."""

    @property
    def process(self) -> FittedProcess:
        """The process of one normalized output."""
        ...

    @property
    def temperature(self) -> Temperature:
        """What scores are divided by before the softmax."""
        ...

    def scores(self, X: np.ndarray) -> np.ndarray:
        """Return the score of each class, shape (m, n_classes)."""
        ...

    def probabilities(self, X: np.ndarray) -> np.ndarray:
        """Return the probability of each class, shape (m, n_classes)."""
        ...

    def std(self, X: np.ndarray) -> np.ndarray:
        """Return standard deviations in the units of scores or logits, shape (m, n_classes)."""
        ...

    def logits(self, X: np.ndarray) -> np.ndarray:
        """Return the means of logits, shape (m, n_classes)."""
        ...

    def leave_one_out(self) -> np.ndarray:
        """Return the scores of each training row by the model trained on all others."""
        ...

    def over(self, training_times: ArrayLike) -> ClassScoresOverTime:
        """Return the scores at many times of one training."""
        ...


class ClassScoresOverTime(Protocol):
    """Scores of classes at many times of one training."""

    training_times: np.ndarray

    def scores(self, X: np.ndarray) -> Iterator[np.ndarray]:
        """Yield the scores at one time after the other."""
        ...

    def temperatures(self) -> list[float]:
        """Return what scores are divided by at each time."""
        ...

    def losses(self, X: np.ndarray, one_hot: np.ndarray) -> dict[str, np.ndarray]:
        """Return the losses over time, by their names in a training history."""
        ...

    def stages(self) -> Iterator[tuple[FittedProcess, ClassScores]]:
        """Yield the process at one time after the other, and its scores."""
        ...


@dataclass(frozen=True, eq=False)
class OneHotScores:
    """Predicted one-hot targets, and the softmax of scores over a temperature.

    Attributes
    ----------
    process : FittedProcess
    scaling : TargetScaling
        Between one-hot targets and those of training.
    calibrate : callable
        Finds the temperature, from the scores of held-out rows.
    rows : ClassifiedRows
        What it was trained on.
    """

    process: FittedProcess
    scaling: TargetScaling
    calibrate: Calibration
    rows: ClassifiedRows

    @cached_property
    def temperature(self) -> Temperature:
        return self.calibrate(self)

    def scores(self, X: np.ndarray) -> np.ndarray:
        return self.scaling.restore(self.process.mean(X))

    def probabilities(self, X: np.ndarray) -> np.ndarray:
        probabilities: np.ndarray = softmax(self.scores(X) / self.temperature, axis=1)
        return probabilities

    def std(self, X: np.ndarray) -> np.ndarray:
        variance = self.process.mean_and_variance(X)[1]
        return self.scaling.restore_std(np.sqrt(variance))

    def logits(self, X: np.ndarray) -> np.ndarray:
        raise ValueError(
            'With likelihood="gaussian" the outputs are no logits but one-hot targets, which '
            'decision_function predicts. Use likelihood="softmax".'
        )

    def leave_one_out(self) -> np.ndarray:
        return self.scaling.restore(self.process.leave_one_out_mean())

    def over(self, training_times: ArrayLike) -> OneHotScoresOverTime:
        return OneHotScoresOverTime(self, training_times)


def by_leave_one_out(scores: OneHotScores) -> float:
    """Return the temperature of the scores of observations that are left out one at a time."""
    rows = scores.rows
    weight = np.where(rows.known_to_others, rows.sample_weight, 0.0)
    return fit_temperature(scores.leave_one_out(), rows.labels, weight)


class OneHotScoresOverTime:
    """`OneHotScores` at many times, with a temperature of held-out scores for each."""

    def __init__(self, scores: OneHotScores, training_times: ArrayLike) -> None:
        self._scores = scores
        self._trajectory = scores.process.over(training_times)
        self.training_times = self._trajectory.training_times

    def scores(self, X: np.ndarray) -> Iterator[np.ndarray]:
        return map(self._scores.scaling.restore, self._trajectory.means(X))

    def temperatures(self) -> list[float]:
        held_out = HeldOutObservations.of(self._scores.rows)
        means = self._trajectory.held_out_means(held_out.folds)
        return [held_out.temperature(scores) for scores in map(self._scores.scaling.restore, means)]

    def losses(self, X: np.ndarray, one_hot: np.ndarray) -> dict[str, np.ndarray]:
        scaling, total = self._scores.scaling, self._scores.process.total_weight
        train, test = self._trajectory.errors(X, scaling.normalize(one_hot))
        losses = *train.loss(total, scaling.scale), *test.loss(len(X), scaling.scale)
        names = ("train_loss", "train_loss_std", "test_loss", "test_loss_std")
        return dict(zip(names, losses, strict=True))

    def stages(self) -> Iterator[tuple[FittedProcess, ClassScores]]:
        temperatures = self.temperatures()
        for process, temperature in zip(self._trajectory.processes(), temperatures, strict=True):
            yield process, replace(self._scores, process=process, calibrate=Fixed(temperature))


@dataclass(frozen=True)
class Fixed:
    """A temperature that was found before."""

    temperature: float

    def __call__(self, scores: OneHotScores) -> float:
        return self.temperature
