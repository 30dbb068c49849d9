"""Fits through inducing points, for kernels of which only columns are computed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from skntk._sklearn import UnobservedFit
from skntk.estimators.data.rows import TrainingRows
from skntk.estimators.data.target_scaling import TargetScaling
from skntk.estimators.kernel_machines.automatic_alpha import report_end
from skntk.estimators.kernel_machines.inducing import (
    SparseFit,
    choose_points,
    require_memory_for_points,
)
from skntk.estimators.kernel_machines.kernels import NetworkKernels
from skntk.estimators.kernel_machines.machine import KernelMachine
from skntk.estimators.kernel_machines.row_stream import RowStream
from skntk.estimators.kernel_machines.rows_at_points import InducingKernels, RowsAtPoints
from skntk.estimators.kernel_machines.sparse_process import (
    ONE_ALPHA_A_ROW_OVER_TIME,
    SparseProcess,
)
from skntk.gram.engine.progress import Report
from skntk.solvers.inducing_points import InducingPoints


def fit_through_points(
    machine: KernelMachine,
    kernels: NetworkKernels,
    solver: InducingPoints,
    tasks: UnobservedFit,
    *,
    is_centered: bool,
) -> SparseProcess:
    """Train on the sums over all rows, and hold the result.

    Parameters
    ----------
    machine : KernelMachine
        Holds its rows and their normalized targets.
    kernels : NetworkKernels
    solver : InducingPoints
        What its parameter `solver` stands for.
    tasks : UnobservedFit
        Those of `fit`.
    is_centered : bool
        Whether the targets were centered by their mean.
    """
    with tasks.kernel_matrix() as progress:
        fit = _sums(machine, kernels, solver, progress)
    with tasks.training(), machine._solving():
        return train_on_sums(machine, fit, is_centered=is_centered)


def train_on_sums(machine: KernelMachine, fit: SparseFit, *, is_centered: bool) -> SparseProcess:
    """Find the noise, train and hold the result, given the sums over rows."""
    level = _level(machine, fit)
    system, kernels = fit.system(level), fit.rows.inducing.kernels
    method = machine._training_method()
    process = SparseProcess(
        kernels,
        fit.rows.inducing.points,
        fit.posterior(system, method, machine.training_time),
        fit.rows,
        fit.total_weight,
        system,
        fit.outputs,
        method,
        is_centered,
        machine._repetitions_left_out() is not None,
        np.ndim(machine._alpha) == 0,
    )
    machine._hold_sparse(kernels, fit, process)
    return process


def add_rows(
    machine: KernelMachine, solver: InducingPoints, rows: TrainingRows, *, normalize_y: bool
) -> None:
    """Add rows to the sums over those that an estimator has seen.

    The first rows choose the inducing points.
    """
    if np.ndim(machine.alpha) == 1:
        raise ValueError(
            "partial_fit adds rows to sums that have one alpha for all of them: set alpha to a "
            "number or 'auto', and give rows different weights by sample_weight."
        )
    stream: RowStream | None = machine.__dict__.get("_stream")
    if stream is None:
        kernels = machine._prepared_kernels(rows.X, rows.targets)
        random_state = solver.generator(machine.random_state)
        points = choose_points(solver, kernels, rows.X, random_state)
        require_memory_for_points(len(points), f"{type(machine).__name__}.partial_fit")
        origin = TargetScaling.of(rows.targets, rows.sample_weight, normalize=normalize_y)
        inducing = InducingKernels(kernels, points)
        stream = RowStream(inducing, origin, rows.targets.shape[1:], random_state)
    with machine._solving(stream.n_points):
        stream.add(rows.X, rows.targets, rows.sample_weight, rows.repetitions)
    machine._stream = stream


def train_on_stream(machine: KernelMachine, *, normalize_y: bool) -> None:
    """Train on all rows that an estimator has seen; it then holds a sample of them."""
    stream = machine._stream
    with machine._solving(stream.n_points):
        scaling = stream.scaling(normalize=normalize_y)
        fit = stream.fit(scaling, machine.alpha_scale)
        machine._hold_sample(stream, scaling, fit.unit)
        machine._hold_bound(train_on_sums(machine, fit, is_centered=normalize_y))


def _sums(
    machine: KernelMachine,
    kernels: NetworkKernels,
    solver: InducingPoints,
    progress: bool | Report,
) -> SparseFit:
    """Return the sums over the training rows, and hold the unit of ``alpha``."""
    has_alphas = np.ndim(machine._alpha) == 1
    if machine.training_time is not None and has_alphas:
        raise ValueError(ONE_ALPHA_A_ROW_OVER_TIME)
    X, rows, targets = machine.X_train_, machine._rows, machine._targets_to_learn()
    random_state = solver.generator(machine.random_state)
    points = choose_points(solver, kernels, X, random_state)
    require_memory_for_points(len(points), f"{type(machine).__name__}.fit")
    variances = kernels.function.diagonals(X, kinds=kernels.kinds)
    machine._scale_noise(rows.alpha, np.asarray(variances[0], dtype=np.float64))
    # One alpha for each row is part of its weight.
    precision = rows.alpha if has_alphas else np.ones(len(X))
    everything = RowsAtPoints(
        InducingKernels(kernels, points),
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
    return SparseFit.of(
        everything,
        observed,
        tuple(variance[chosen] for variance in variances),
        float(np.mean(machine._alpha_unit)),
        targets.shape[1:],
        random_state,
        progress,
    )


def _level(machine: KernelMachine, fit: SparseFit) -> float:
    """Return the level of noise; find it and the scale of the outputs if it is "auto"."""
    if not machine._alpha_is_found:
        return 1.0 if np.ndim(machine._alpha) == 1 else float(machine._rows.alpha[0])
    level, evaluation, end = fit.best_level(machine._sparse_criterion(fit), machine.dtype)
    if end in machine._reported_ends:
        report_end(level, end)
    machine._hold_alpha(level, evaluation.score)
    scale = evaluation.output_scale.reshape(fit.outputs)
    machine._scaling = replace(machine._scaling, output_scale=scale)
    return level
