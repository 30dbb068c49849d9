"""Protocols of posteriors, of training runs and of their predictions at many times.

A posterior without a closed form raises a ValueError that says why and what to do instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, Self

import numpy.typing as npt

from skntk.inference.linalg.arrays import FloatArray
from skntk.inference.training.cross_validation import Fold
from skntk.inference.training.training_methods import TrainingMethod

__all__ = ["Posterior", "PredictiveDistribution", "TrainingRun", "Trajectory"]


class PredictiveDistribution(Protocol):
    """A distribution over functions, given kernels between test points and n inputs.

    Kernels between test points and inputs come in the order (ntk, nngp) for ensembles of trained
    networks and (nngp,) for Gaussian processes, the kernel that is inverted first.
    """

    @property
    def dual_coef(self) -> FloatArray:
        """Coefficients of the mean, shape (n,) or (n, outputs)."""

    def mean(self, cross: npt.ArrayLike, /) -> FloatArray:
        """Return the mean at m test points, given the kernel that is inverted, shape (m, n)."""

    # A signature of Any stands for any signature: posteriors name their one or two kernels.
    def variance(self, *args: Any, **kwargs: Any) -> FloatArray:
        """Return the variance from ``(*crosses, diagonal)``, without the covariances."""

    def covariance(self, *args: Any, **kwargs: Any) -> FloatArray:
        """Return the covariance from ``(*crosses, test_kernel)``."""


class Posterior(PredictiveDistribution, Protocol):
    """A model conditioned on n training samples."""

    def leave_one_out(self, targets: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return mean and variance of the n models that leave out one sample each."""

    def leave_one_out_mean(
        self, targets: npt.ArrayLike, repetitions: npt.ArrayLike | None = None
    ) -> FloatArray:
        """Return the means of these models, or of those that leave out one observation.

        ``repetitions``, shape (n,), says how many observations of one value every sample stands
        for; None leaves out all of them.
        """

    def largest_curvature(self, sample_weight: npt.ArrayLike | None = None) -> float:
        """Return the largest eigenvalue of the Hessian of the training loss."""

    def training_run(
        self,
        targets: npt.ArrayLike,
        method: TrainingMethod,
        sample_weight: npt.ArrayLike | None = None,
    ) -> TrainingRun:
        """Return the training that leads to this posterior; a run returns itself."""


class TrainingRun(Posterior, Protocol):
    """A posterior at one time of its training, which knows all other times."""

    @property
    def training_time(self) -> float:
        """Units of time from the initial function on."""

    def at(self, training_time: float) -> Self:
        """Return the same run at another time."""

    def stages(self, training_times: npt.ArrayLike) -> Iterator[Self]:
        """Yield the run at one time after the other."""

    def over(self, training_times: npt.ArrayLike) -> Trajectory:
        """Return the predictions at many times."""

    def held_out(
        self,
        targets: npt.ArrayLike,
        folds: Sequence[Fold],
        training_times: npt.ArrayLike,
        *,
        centered: bool = False,
    ) -> FloatArray:
        """Return the means of what folds hold out, one fold after the other.

        The shape is (n_times, n_held_out) or (n_times, n_held_out, outputs).
        """


class Trajectory(Protocol):
    """The predictions at many times of one training run."""

    @property
    def training_times(self) -> FloatArray:
        """Ascending, shape (n_times,)."""

    def mean(self, cross: npt.ArrayLike, /) -> FloatArray:
        """Return the means at m test points, shape (n_times, m) or (n_times, m, outputs)."""

    def variance(self, *args: Any, **kwargs: Any) -> FloatArray:
        """Return the variances from ``(*crosses, diagonal)``, shape (n_times, m)."""

    def covariances(self, *args: Any, **kwargs: Any) -> Iterator[FloatArray]:
        """Yield the covariances from ``(*crosses, test_kernel)``, shape (m, m), by time."""
