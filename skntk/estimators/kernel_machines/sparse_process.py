"""The process of a model that was trained through inducing points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from skntk.estimators.kernel_machines.process import PredictiveProcess, RunTrajectory
from skntk.estimators.kernel_machines.rows_at_points import RowsAtPoints
from skntk.estimators.kernel_machines.sparse_cross_validation import sparse_held_out_means
from skntk.inference import ErrorMoments, Fold, TrainingMethod, as_training_times
from skntk.inference.inducing.left_out_rows import LeftOutRows, TrainingBlock
from skntk.inference.inducing.projected_system import ProjectedSystem
from skntk.inference.inducing.protocol import SparsePosterior
from skntk.inference.linalg.threads import small_problem_threads

ONE_ALPHA_A_ROW_OVER_TIME = (
    "Through inducing points, training for a finite time needs one alpha for all rows: with one "
    "for each, the rows do not reduce to sums. Set alpha to a number or training_time=None, or use "
    "solver='cholesky'."
)


@dataclass(frozen=True, eq=False)
class SparseProcess(PredictiveProcess):
    """A posterior through inducing points, which are the ``X_train`` of its kernels.

    Attributes
    ----------
    rows : RowsAtPoints
        The training rows, or a sample of them.
    total_weight : float
        The sum of the weights of all of them.
    system : ProjectedSystem
        The equations that it solves.
    outputs : tuple of int
        Shape of the targets of one row, () or (n_outputs,).
    method : TrainingMethod
    is_centered : bool
        Whether the targets were centered by their mean, which leaving one out changes.
    leaves_out_one : bool
        Whether of rows that stand for many observations one is left out, and not all.
    has_one_alpha : bool
        Whether all rows have the same, without which rows do not reduce to sums over time.
    """

    posterior: SparsePosterior
    rows: RowsAtPoints
    total_weight: float
    system: ProjectedSystem
    outputs: tuple[int, ...]
    method: TrainingMethod
    is_centered: bool
    leaves_out_one: bool
    has_one_alpha: bool

    @property
    def n_train(self) -> int:
        """The number of rows of the largest matrix."""
        return len(self.X_train)

    @property
    def targets(self) -> np.ndarray:
        """Those of all training rows, normalized, shape (n,) or (n, n_outputs)."""
        targets = self.rows.targets
        return targets.reshape(len(targets), *self.outputs)

    @property
    def training_inputs(self) -> np.ndarray:
        """The training rows."""
        return self.rows.X

    @cached_property
    def max_learning_rate(self) -> float:
        self._require_one_alpha()
        return self.method.max_learning_rate(self.system.largest_curvature)

    def leave_one_out_mean(self) -> np.ndarray:
        return self.targets - self._left_out()[0]

    def leave_one_out_variance(self) -> np.ndarray:
        return self._left_out(with_variance=True)[1]

    def left_out_mean(self, rows: np.ndarray) -> np.ndarray:
        """Return `leave_one_out_mean` of some rows, shape (b, outputs)."""
        block = self.rows.block(rows)
        return block.targets - self._leave_out(block).residuals

    def _leave_out(self, block: TrainingBlock) -> LeftOutRows:
        total = self.total_weight if self.is_centered else None
        return LeftOutRows.of(self.system, block, total, all_observations=not self.leaves_out_one)

    def _left_out(self, *, with_variance: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Return residuals and variances of all training rows, in one pass over them."""
        self.posterior.require_convergence()
        residuals, variances = [], []
        with small_problem_threads(self.n_train):
            diagonal = self.kernels.diagonal(self.rows.X) if with_variance else None
            for rows, block in self.rows.training_blocks():
                left_out = self._leave_out(block)
                residuals.append(left_out.residuals)
                if diagonal is not None:
                    crosses = self.rows.inducing.with_rows(self.rows.X[rows])
                    variances.append(self._left_out_variance(left_out, crosses, diagonal[rows]))
        joined = np.concatenate(residuals).reshape(len(self.rows.X), *self.outputs)
        return joined, np.concatenate(variances) if with_variance else np.empty(0)

    def _left_out_variance(
        self, left_out: LeftOutRows, crosses: tuple[np.ndarray, ...], diagonal: np.ndarray
    ) -> np.ndarray:
        return self.posterior.left_out_variance(left_out, *crosses, diagonal)

    def _require_one_alpha(self) -> None:
        if not self.has_one_alpha:
            raise ValueError(ONE_ALPHA_A_ROW_OVER_TIME)

    def over(self, training_times: ArrayLike) -> SparseRunTrajectory:
        self._require_one_alpha()
        with small_problem_threads(self.n_train):
            times = as_training_times(training_times, self.method)
            run = self.posterior.training_run(self.system, self.method, self.outputs)
            return SparseRunTrajectory(replace(self, posterior=run), run, times)


class SparseRunTrajectory(RunTrajectory):
    """A `SparseProcess` at many times, from one decomposition."""

    process: SparseProcess

    def _training_errors(self, *, ensemble: bool) -> ErrorMoments:
        moments: ErrorMoments = self._trajectory.training_errors(ensemble=ensemble)
        return moments

    def held_out_means(self, folds: Sequence[Fold]) -> np.ndarray:
        with small_problem_threads(self.n_train):
            process = self.process
            means = sparse_held_out_means(
                process.rows,
                process.system.noise,
                folds,
                self.training_times,
                process.method,
                centered=process.is_centered,
            )
            return means.reshape(*means.shape[:2], *process.outputs)

    def processes(self) -> Iterator[SparseProcess]:
        for run in self._run.stages(self.training_times):
            yield replace(self.process, posterior=run)
