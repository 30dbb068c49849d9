"""What a fitted regressor takes the noise of new observations to be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from skntk.estimators.data.noise import Noise
from skntk.estimators.data.target_scaling import TargetScaling
from skntk.estimators.kernel_machines.process import FittedProcess


class ObservationNoise(Protocol):
    """The noise of new observations."""

    def std(self) -> np.ndarray:
        """Return standard deviations that broadcast against means, in units of the targets."""
        ...

    def left_out(self, find_models: Callable[[], Sequence[ObservationNoise]]) -> ObservationNoise:
        """Return the noise of training rows, each by the model that leaves it out.

        Parameters
        ----------
        find_models : callable
            Returns the noise of each of these models, at the cost of fitting them.
        """
        ...


@dataclass(frozen=True, eq=False)
class AssumedNoise:
    """The noise is that of the model: ``alpha``, or what was learned in its place."""

    alpha: float | ArrayLike
    unit: float | np.ndarray
    scaling: TargetScaling

    def std(self) -> np.ndarray:
        if np.ndim(self.alpha) > 0:
            raise ValueError(
                "The model has one alpha for each training sample, which says nothing about new "
                "observations: give theirs, predict_observation(X, alpha=...)."
            )
        return self.scaling.restore_std(np.sqrt(self.unit * np.asarray(self.alpha, np.float64)))

    def left_out(self, find_models: Callable[[], Sequence[ObservationNoise]]) -> ObservationNoise:
        return self


@dataclass(frozen=True, eq=False)
class FoundNoise:
    """The noise is what was found in the training data, together with the scale of the outputs."""

    alpha: float
    unit: float | np.ndarray
    scaling: TargetScaling

    def std(self) -> np.ndarray:
        return self.scaling.restore_std(np.sqrt(self.unit * self.alpha))

    def left_out(self, find_models: Callable[[], Sequence[ObservationNoise]]) -> ObservationNoise:
        return NoiseByModel(find_models)


@dataclass(frozen=True, eq=False)
class EstimatedNoise:
    """The noise is what leave-one-out residuals show beyond the spread of the ensemble."""

    process: FittedProcess
    targets: np.ndarray
    noise: Noise
    scaling: TargetScaling
    training_time: float | None

    def std(self) -> np.ndarray:
        if self.training_time is not None:
            raise ValueError(
                "The noise of new observations is estimated from leave-one-out residuals, which "
                "have a closed form only for training to convergence, and this model was trained "
                f"until training_time={self.training_time:g}: fit with alpha='auto', which finds "
                "it, or give the variance of the noise, predict_observation(X, alpha=...)."
            )
        if len(self.targets) < 2:
            raise ValueError(
                "The noise of new observations is estimated from leave-one-out residuals, and "
                "there is one training sample: train on more, or give the variance of the noise, "
                "predict_observation(X, alpha=...)."
            )
        left_out = self.scaling.restore(self.process.leave_one_out_mean())
        left_out_std = self.scaling.restore_std(np.sqrt(self.process.leave_one_out_variance()))
        residual = self.scaling.restore(self.targets) - left_out
        excess = np.square(residual) - np.square(left_out_std)
        weight = self.noise.sample_weight
        return np.sqrt(np.maximum(np.average(excess, axis=0, weights=weight), 0.0))

    def left_out(self, find_models: Callable[[], Sequence[ObservationNoise]]) -> ObservationNoise:
        return NoiseByModel(find_models)


@dataclass(frozen=True, eq=False)
class NoiseByModel:
    """The noise of rows, each by a model of its own."""

    find_models: Callable[[], Sequence[ObservationNoise]]

    def std(self) -> np.ndarray:
        return np.array([noise.std() for noise in self.find_models()])

    def left_out(self, find_models: Callable[[], Sequence[ObservationNoise]]) -> ObservationNoise:
        return self


def add_noise(covariance: np.ndarray, noise_std: np.ndarray | float) -> np.ndarray:
    """Add independent noise, in place, to a covariance of shape (m, m) or (m, m, n_outputs)."""
    rows = np.arange(len(covariance))
    covariance[rows, rows] += np.square(noise_std)
    return covariance
