"""A training run on squared error, and its posteriors at all times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt

from skntk.inference.linalg.arrays import FloatArray, as_targets, diagonal_view
from skntk.inference.linalg.solver import LinearSystem
from skntk.inference.training.cross_validation import Fold, held_out_means
from skntk.inference.training.kernel_spectrum import KernelSpectrum
from skntk.inference.training.training_methods import (
    TrainingMethod,
    as_training_time,
    as_training_times,
)

TrajectoryT = TypeVar("TrajectoryT")


class Converged(Protocol):
    """A converged posterior, as the run that leads to it sees it."""

    @property
    def system(self) -> LinearSystem:
        """The kernel of the training with its noise, divided by the weights."""

    @property
    def noise(self) -> FloatArray:
        """That noise."""


@dataclass(frozen=True, eq=False)
class SquaredErrorRun(Generic[TrajectoryT]):
    """Distribution over networks at one time of their training.

    Subclasses say which kernels are held beside the eigendecomposition (further fields), and what
    is predicted at many times (``_trajectory``).
    """

    spectrum: KernelSpectrum
    rotated_targets: FloatArray
    noise: FloatArray
    training_method: TrainingMethod
    training_time: float
    dual_coef: FloatArray

    def _trajectory(self, training_times: FloatArray) -> TrajectoryT:
        raise NotImplementedError

    @classmethod
    def _before_training(
        cls,
        spectrum: KernelSpectrum,
        noise: FloatArray,
        targets: FloatArray,
        training_method: TrainingMethod,
        **kernels: FloatArray,
    ) -> Self:
        return cls(
            spectrum=spectrum,
            rotated_targets=spectrum.rotate(targets),
            noise=noise,
            training_method=training_method,
            training_time=0.0,
            dual_coef=np.zeros_like(targets),
            **kernels,
        )

    @classmethod
    def _before_convergence(
        cls,
        converged: Converged,
        targets: npt.ArrayLike,
        training_method: TrainingMethod,
        sample_weight: npt.ArrayLike | None,
        **kernels: FloatArray,
    ) -> Self:
        """Return the beginning of the run that ends in a converged posterior."""
        y = as_targets(targets, converged.system.shape[0])
        spectrum = KernelSpectrum.decompose_system(converged.system, sample_weight)
        noise = converged.noise * np.square(spectrum.root_weight)
        return cls._before_training(spectrum, noise, y, training_method, **kernels)

    def at(self, training_time: float) -> Self:
        """Return the networks at another time of the same training run.

        Parameters
        ----------
        training_time : float
            Time t >= 0, finite; a whole number of steps for gradient descent.

        Returns
        -------
        GradientFlowPosterior or ReadoutFlowPosterior
            As this one, with which it shares all n x n arrays.

        Raises
        ------
        SingularKernelError
            As :meth:`condition`.
        ValueError
            If the time is negative or not finite.
        """
        time = as_training_time(training_time, self.training_method)
        filter_values = self.spectrum.filter_function(self.training_method, np.array([time]))[:, 0]
        dual_coef = self.spectrum.coefficients(filter_values, self.rotated_targets)
        return replace(self, training_time=time, dual_coef=dual_coef)

    def over(self, training_times: npt.ArrayLike) -> TrajectoryT:
        """Return the networks at many times of the same training run.

        Parameters
        ----------
        training_times : array-like of shape (n_times,)
            Times t >= 0, finite, ascending; whole numbers of steps for gradient descent.

        Returns
        -------
        EnsembleTrajectory or ReadoutTrajectory
            The predictions at all of these times.

        Raises
        ------
        SingularKernelError
            As :meth:`condition`.
        ValueError
            If the times are not a 1-D array of ascending nonnegative finite numbers, or a number
            of steps is not whole.
        """
        return self._trajectory(as_training_times(training_times, self.training_method))

    def stages(self, training_times: npt.ArrayLike) -> Iterator[Self]:
        """Yield the networks at one time after the other, as :meth:`at` returns them."""
        for time in as_training_times(training_times, self.training_method):
            yield self.at(float(time))

    def held_out(
        self,
        targets: npt.ArrayLike,
        folds: Sequence[Fold],
        training_times: npt.ArrayLike,
        *,
        centered: bool = False,
    ) -> FloatArray:
        """Return cross-validated means at many times of this training.

        As :func:`held_out_gradient_flow`, or :func:`centered_held_out_gradient_flow` if
        ``centered``, of what the folds hold out, one fold after the other: the shape is
        (n_times, n_held_out) or (n_times, n_held_out, outputs). The folds have weights of their
        own.
        """
        times = as_training_times(training_times, self.training_method)
        # Without the noise, which a sample that is also trained on does not share with itself.
        kernel = self.spectrum.kernel()
        diagonal_view(kernel)[...] -= self.noise / np.square(self.spectrum.root_weight)
        return held_out_means(
            kernel, self.noise, targets, folds, times, self.training_method, centered=centered
        )

    def largest_curvature(self, sample_weight: npt.ArrayLike | None = None) -> float:
        """Return the largest eigenvalue of the Hessian of the loss; the run has its own weights."""
        return float(self.spectrum.curvature[-1])

    def training_run(
        self,
        targets: npt.ArrayLike,
        method: TrainingMethod,
        sample_weight: npt.ArrayLike | None = None,
    ) -> Self:
        """Return the run itself, whatever the arguments are."""
        return self

    def leave_one_out(self, targets: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Refuse: there is no closed form after a finite time."""
        raise ValueError(
            "Leave-one-out predictions have a closed form only for training to convergence, and "
            f"this model was trained until training_time={self.training_time:g}: "
            "set training_time=None, or use cross_val_predict."
        )

    def leave_one_out_mean(
        self, targets: npt.ArrayLike, repetitions: npt.ArrayLike | None = None
    ) -> FloatArray:
        """Refuse: there is no closed form after a finite time."""
        return self.leave_one_out(targets)[0]
