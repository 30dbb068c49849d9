"""Scores of classifiers trained on the cross-entropy of their softmax."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import softmax

from skntk.estimators.classification.scores import ClassScores
from skntk.estimators.data.rows import ClassifiedRows
from skntk.estimators.kernel_machines.process import PosteriorProcess
from skntk.inference import LossFlow, SoftmaxCrossEntropy, as_training_times


@dataclass(frozen=True, eq=False)
class LogLossScores:
    """Logits of the network with the initial outputs 0: their softmax needs no temperature.

    ``process`` is that of the flow.
    """

    process: PosteriorProcess
    flow: LossFlow
    rows: ClassifiedRows

    @property
    def temperature(self) -> float:
        return 1.0

    def scores(self, X: np.ndarray) -> np.ndarray:
        return self.process.mean(X)

    def probabilities(self, X: np.ndarray) -> np.ndarray:
        probabilities: np.ndarray = softmax(self.scores(X), axis=1)
        return probabilities

    def std(self, X: np.ndarray) -> np.ndarray:
        # Refused before any kernel is computed.
        empty = np.empty((0, len(self.rows.X)))
        return np.sqrt(self.flow.variance(empty, empty, np.empty(0)))

    def logits(self, X: np.ndarray) -> np.ndarray:
        return self.scores(X)

    def leave_one_out(self) -> np.ndarray:
        return self.process.leave_one_out_mean()

    def over(self, training_times: ArrayLike) -> LogLossScoresOverTime:
        return LogLossScoresOverTime(self, training_times)


class LogLossScoresOverTime:
    """`LogLossScores` at many times."""

    def __init__(self, scores: LogLossScores, training_times: ArrayLike) -> None:
        self._scores = scores
        self.training_times = as_training_times(training_times, scores.process.method)
        self._trajectory = scores.flow.over(self.training_times)

    def scores(self, X: np.ndarray) -> Iterator[np.ndarray]:
        return iter(self._scores.process.mean_in_blocks(X, self._trajectory.mean, axis=1))

    def temperatures(self) -> list[float]:
        return [1.0] * len(self.training_times)

    def losses(self, X: np.ndarray, one_hot: np.ndarray) -> dict[str, np.ndarray]:
        dynamics, weight = self._scores.flow.dynamics, self._scores.rows.sample_weight
        train, test = dynamics.loss, SoftmaxCrossEntropy(one_hot)
        states = map(dynamics.state_of, self._trajectory.dual_coef)
        at_training_rows = map(dynamics.outputs, states)
        return {
            "train_loss": np.array(
                [np.average(train.value(logits), weights=weight) for logits in at_training_rows]
            ),
            "test_loss": np.array([test.value(logits).mean() for logits in self.scores(X)]),
        }

    def stages(self) -> Iterator[tuple[PosteriorProcess, ClassScores]]:
        coefficients = self._trajectory.dual_coef
        for time, dual_coef in zip(self.training_times, coefficients, strict=True):
            flow = replace(self._scores.flow, training_time=float(time), dual_coef=dual_coef)
            process = replace(self._scores.process, posterior=flow)
            yield process, replace(self._scores, process=process, flow=flow)
