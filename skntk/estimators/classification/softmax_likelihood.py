"""Scores of classifiers whose Gaussian process has a softmax likelihood."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from skntk.estimators.classification.scores import ClassScoresOverTime
from skntk.estimators.kernel_machines.process import FittedProcess
from skntk.inference.posteriors.laplace import refuse_training


class LogitsProcess(FittedProcess, Protocol):
    """A process that finds predictions block by block."""

    def in_blocks(
        self, X: np.ndarray, *predictions: Callable[..., np.ndarray]
    ) -> tuple[np.ndarray, ...]:
        """Return what functions of (cross kernels, prior variances) predict, block by block."""
        ...


class LogitsPosterior(Protocol):
    """A posterior of logits, exact or through inducing points."""

    def probabilities(self, cross: np.ndarray, diagonal: np.ndarray) -> np.ndarray:
        """Return the probability of each class, shape (m, n_classes)."""
        ...

    def variance(self, cross: np.ndarray, diagonal: np.ndarray) -> np.ndarray:
        """Return the variances of the logits, shape (m, n_classes)."""
        ...


@dataclass(frozen=True, eq=False)
class SoftmaxLikelihoodScores:
    """Logarithms of probabilities, which are means of the softmax over the posterior of logits."""

    process: LogitsProcess
    posterior: LogitsPosterior

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
        refuse_training()
