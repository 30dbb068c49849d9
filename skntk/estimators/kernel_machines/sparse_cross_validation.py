"""Held-out predictions over the time of training, through inducing points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from skntk.estimators.kernel_machines.rows_at_points import RowsAtPoints
from skntk.estimators.kernel_machines.sums_by_workers import sums_of
from skntk.inference import Fold, TrainingMethod
from skntk.inference.inducing.projected_system import ProjectedSystem
from skntk.inference.inducing.training_run import SparseRun


def sparse_held_out_means(
    rows: RowsAtPoints,
    noise: float,
    folds: Sequence[Fold],
    training_times: np.ndarray,
    method: TrainingMethod,
    *,
    centered: bool,
) -> np.ndarray:
    """Return the means of what folds hold out, one fold after the other, over time.

    Every fold makes the sums over the rows that it trains on, and one eigendecomposition of them.

    Parameters
    ----------
    rows : RowsAtPoints
        All training rows.
    noise : float
        Of a row of weight 1.
    folds : sequence of Fold
        Their weights are those of the rows in the loss.
    training_times : ndarray of shape (n_times,)
    method : TrainingMethod
    centered : bool
        Whether the targets of a fold are centered by the mean of those that it trains on.

    Returns
    -------
    ndarray of shape (n_times, n_held_out, outputs)
    """
    held_out = []
    for fold in folds:
        of_fold = replace(
            rows,
            X=rows.X[fold.train],
            targets=rows.targets[fold.train],
            weight=rows.weight[fold.train] * fold.sample_weight / rows.centering_weight[fold.train],
            repetitions=rows.repetitions[fold.train],
            centering_weight=fold.sample_weight,
        )
        center = np.zeros(rows.targets.shape[1])
        if centered:
            center = np.average(of_fold.targets, axis=0, weights=fold.sample_weight)
            of_fold = replace(of_fold, targets=of_fold.targets - center)
        # Means do not depend on the prior variances.
        sums = sums_of(of_fold, np.zeros(len(of_fold.X)))
        system = ProjectedSystem.of(rows.inducing.whitening, sums, noise)
        trajectory = SparseRun.of(system, method, center.shape).over(training_times)
        test = rows.X[fold.test]
        parts = [
            trajectory.mean(
                rows.inducing.with_rows(test[block], rows.inducing.kernels.kinds[:1])[0]
            )
            for block in rows.inducing.blocks(len(test))
        ]
        held_out.append(np.concatenate(parts, axis=1) + center)
    return np.concatenate(held_out, axis=1)
