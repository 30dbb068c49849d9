"""Training on squared error: what is kept of a run, and how it moves to other times."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Generic, Self, TypeVar

import numpy as np
import numpy.typing as npt

from skntk.inference.linalg.arrays import FloatArray, as_targets
from skntk.inference.training.kernel_spectrum import TrainingDynamics
from skntk.inference.training.training_methods import Solver, as_training_time, as_training_times

TrajectoryT = TypeVar("TrajectoryT")


@dataclass(frozen=True, eq=False)
class FlowPosterior(Generic[TrajectoryT]):
    """Distribution over networks at one time of their training.

    Subclasses say which kernels are held beside the eigendecomposition (further fields), and what
    is predicted at many times (``_trajectory``).
    """

    dynamics: TrainingDynamics
    rotated_targets: FloatArray
    noise: FloatArray
    solver: Solver
    training_time: float
    dual_coef: FloatArray

    def _trajectory(self, training_times: FloatArray) -> TrajectoryT:
        raise NotImplementedError

    @classmethod
    def _before_training(
        cls,
        dynamics: TrainingDynamics,
        noise: FloatArray,
        targets: FloatArray,
        solver: Solver,
        **kernels: FloatArray,
    ) -> Self:
        return cls(
            dynamics=dynamics,
            rotated_targets=dynamics.rotate(targets),
            noise=noise,
            solver=solver,
            training_time=0.0,
            dual_coef=np.zeros_like(targets),
            **kernels,
        )

    @classmethod
    def _before_convergence(
        cls,
        converged: Any,
        targets: npt.ArrayLike,
        solver: Solver,
        sample_weight: npt.ArrayLike | None,
        **kernels: FloatArray,
    ) -> Self:
        """Return the beginning of the run that ends in a posterior with a Cholesky factor."""
        y = as_targets(targets, len(converged.factor))
        dynamics = TrainingDynamics.decompose_factorized(converged.factor, sample_weight)
        noise = converged.noise * np.square(dynamics.root_weight)
        return cls._before_training(dynamics, noise, y, solver, **kernels)

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
        time = as_training_time(training_time, self.solver)
        gain = self.dynamics.gain(self.solver, np.array([time]))[:, 0]
        dual_coef = self.dynamics.coefficients(gain, self.rotated_targets)
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
            What is predicted at all of these times.

        Raises
        ------
        SingularKernelError
            As :meth:`condition`.
        ValueError
            If the times are not a 1-D array of ascending nonnegative finite numbers, or a number
            of steps is not whole.
        """
        return self._trajectory(as_training_times(training_times, self.solver))
