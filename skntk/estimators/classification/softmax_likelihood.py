"""Scores of classifiers whose Gaussian process has a softmax likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from skntk.estimators.classification.scores import ClassScoresOverTime
from skntk.estimators.kernel_machines.process import PosteriorProcess
from skntk.inference import SoftmaxLaplacePosterior


@dataclass(frozen=True, eq=False)
class SoftmaxLikelihoodScores:
    """Logarithms of probabilities, which are means of the softmax over the posterior of logits."""

    process: PosteriorProcess
    posterior: SoftmaxLaplacePosterior

    @property
    def temperature(self) -> float:
        return 1.0

    def scores(self, X: np.ndarray) -> np.ndarray:
        # Scores must rank classes as the probabilities do; means of logits may not.
        return np.log(np.maximum(self.probabilities(X), np.finfo(np.float64).tiny))

    def probabilities(self, X: np.ndarray) -> np.ndarray:
        (probabilities,) = self.process.in_blocks(X, self.posterior.probabilities)
        return probabilities

    def std(self, X: np.ndarray) -> np.ndarray:
        (variance,) = self.process.in_blocks(X, self.posterior.variance)
        return np.sqrt(variance)

    def logits(self, X: np.ndarray) -> np.ndarray:
        return self.process.mean(X)

    def leave_one_out(self) -> np.ndarray:
        return self.process.leave_one_out_mean()

    def over(self, training_times: ArrayLike) -> ClassScoresOverTime:
        # An inferred posterior has no training: this raises the error that says so.
        process = self.process
        self.posterior.training_run(process.targets, process.method, process.sample_weight)
