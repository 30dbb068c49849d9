"""The temperature of a classifier whose kernel was not factorized."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from skntk.estimators.classification.held_out import HeldOutObservations
from skntk.estimators.classification.scores import OneHotScores, by_leave_one_out
from skntk.estimators.kernel_machines.memory import MOST_ROWS_FOR_ALPHA
from skntk.inference import Fold, GaussianProcessPosterior
from skntk.inference.linalg.solver import KernelOperator, LinearSolver

# The share of the observations that is held out is one of so many.
_N_SHARES = 10
# The noise of a row that a fold does not train on, in units of the largest that is there.
_NO_OBSERVATION = 1e12


@dataclass(frozen=True, eq=False)
class ByProducts:
    """Finds the temperature from a kernel matrix that answers products.

    Few rows are left out one at a time, from a factorization. Of many, a tenth of the observations
    is held out, and the equations of the others are solved by the same solver.
    """

    solver: LinearSolver

    def __call__(self, scores: OneHotScores) -> float:
        """Return the temperature."""
        process: Any = scores.process
        operator: KernelOperator = process.posterior.system.operator
        noise: np.ndarray = process.posterior.noise
        if len(noise) <= MOST_ROWS_FOR_ALPHA:
            # The means of an ensemble are those of a Gaussian process with the NTK.
            exact = GaussianProcessPosterior.condition(operator, noise, process.targets)
            return by_leave_one_out(replace(scores, process=replace(process, posterior=exact)))
        held_out = HeldOutObservations.of(scores.rows, n_folds=_N_SHARES, n_used=1)
        (fold,) = held_out.folds
        center = np.zeros(process.targets.shape[1])
        if process.is_centered:
            center = np.average(process.targets[fold.train], axis=0, weights=fold.sample_weight)
        means = self._held_out_means(
            operator, noise * scores.rows.sample_weight, process.targets - center, fold
        )
        return held_out.temperature(scores.scaling.restore(means + center))

    def _held_out_means(
        self, operator: KernelOperator, noise: np.ndarray, targets: np.ndarray, fold: Fold
    ) -> np.ndarray:
        """Return the means at what a fold holds out, given the noise of single observations.

        Rows without an observation have so much noise that they say nothing, and targets of 0.
        """
        single = noise[fold.train] / fold.sample_weight
        largest = max(float(single.max()), float(operator.diagonal().max()))
        of_fold = np.full(len(noise), _NO_OBSERVATION * largest)
        of_fold[fold.train] = single
        known = np.zeros_like(targets)
        known[fold.train] = targets[fold.train]
        posterior = GaussianProcessPosterior.condition(operator, of_fold, known, solver=self.solver)
        means: np.ndarray = operator.matmul(posterior.dual_coef)[fold.test]
        return means
