"""The training rows of an estimator as they are seen from inducing points, and their sums."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from skntk.estimators.kernel_machines.inducing import SparseFit
from skntk.estimators.kernel_machines.kernels import NetworkKernels
from skntk.estimators.kernel_machines.machine import KernelMachine
from skntk.estimators.kernel_machines.rows_at_points import InducingKernels, RowsAtPoints
from skntk.estimators.kernel_machines.sums_by_workers import sums_of
from skntk.gram.engine.progress import Report
from skntk.inference.inducing.sums import RowSums


@dataclass(frozen=True, eq=False)
class SparseRows:
    """Training rows with their normalized targets.

    Attributes
    ----------
    everything : RowsAtPoints
        All of them.
    observed : RowsAtPoints
        Those that sums are made of; some stand for copies.
    chosen : ndarray of shape (n_observed,)
        Which rows these are.
    outputs : tuple of int
        Shape of the targets of one row.
    """

    everything: RowsAtPoints
    observed: RowsAtPoints
    chosen: np.ndarray
    outputs: tuple[int, ...]

    @classmethod
    def of(cls, machine: KernelMachine, inducing: InducingKernels) -> Self:
        """Return the rows that an estimator holds."""
        X, rows, targets = machine.X_train_, machine._rows, machine._targets_to_learn()
        # One alpha for each row is part of its weight.
        precision = rows.alpha if np.ndim(machine._alpha) == 1 else np.ones(len(X))
        everything = RowsAtPoints(
            inducing,
            X,
            targets.reshape(len(X), -1),
            rows.sample_weight / precision,
            rows.repetitions,
            rows.sample_weight,
        )
        observations = machine._observations(X)
        chosen = observations.rows
        observed = replace(
            everything,
            X=X[chosen],
            targets=everything.targets[chosen],
            weight=observations.sample_weight / precision[chosen],
            repetitions=observations.repetitions,
            centering_weight=observations.sample_weight,
        )
        return cls(everything, observed, chosen, targets.shape[1:])

    @property
    def inducing(self) -> InducingKernels:
        """The kernels with the inducing points."""
        return self.everything.inducing

    def with_kernels(self, kernels: NetworkKernels) -> Self:
        """Return the same rows and inducing points with the kernels of another network."""
        inducing = InducingKernels(kernels, self.inducing.points)
        return replace(
            self,
            everything=replace(self.everything, inducing=inducing),
            observed=replace(self.observed, inducing=inducing),
        )

    def sums(
        self,
        machine: KernelMachine,
        random_state: np.random.RandomState,
        progress: bool | Report = False,
        known: RowSums | None = None,
    ) -> SparseFit:
        """Return the sums over the rows, made unless they are known; hold the unit of ``alpha``."""
        kernels = self.inducing.kernels
        variances = kernels.function.diagonals(self.everything.X, kinds=kernels.kinds)
        alpha = machine._learned_alpha
        machine._scale_noise(
            machine._rows.alpha if alpha is None else np.full(1, alpha),
            np.asarray(variances[0], dtype=np.float64),
        )
        observed = tuple(variance[self.chosen] for variance in variances)
        return SparseFit.of(
            self.everything,
            self.observed,
            sums_of(self.observed, observed[0], progress) if known is None else known,
            observed,
            float(np.mean(machine._alpha_unit)),
            self.outputs,
            random_state,
        )
