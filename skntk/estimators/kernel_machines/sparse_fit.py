"""Fits through inducing points, for kernels of which only columns are computed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from skntk._sklearn import UnobservedFit
from skntk.estimators.data.defaults import ALPHA
from skntk.estimators.data.rows import TrainingRows
from skntk.estimators.data.target_scaling import TargetScaling
from skntk.estimators.kernel_machines.automatic_alpha import report_constant_targets
from skntk.estimators.kernel_machines.inducing import (
    SparseFit,
    choose_points,
    require_memory_for_points,
)
from skntk.estimators.kernel_machines.kernels import NetworkKernels
from skntk.estimators.kernel_machines.machine import KernelMachine
from skntk.estimators.kernel_machines.row_stream import RowStream, naming_block
from skntk.estimators.kernel_machines.rows_at_points import InducingKernels
from skntk.estimators.kernel_machines.sparse_learning import learn_through_points
from skntk.estimators.kernel_machines.sparse_process import (
    ONE_ALPHA_A_ROW_OVER_TIME,
    SparseProcess,
)
from skntk.estimators.kernel_machines.sparse_rows import SparseRows
from skntk.inference.inducing.projected_system import ProjectedSystem
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
    fit = sums_at_points(machine, kernels, solver, tasks)
    with tasks.training(), machine._solving():
        return train_on_sums(machine, fit, is_centered=is_centered)


def train_on_sums(machine: KernelMachine, fit: SparseFit, *, is_centered: bool) -> SparseProcess:
    """Find the noise, train and hold the result, given the sums over rows."""
    system = fit.system(level_of_noise(machine, fit))
    process = process_of_system(machine, fit, system, is_centered=is_centered)
    machine._hold_sparse(process.kernels, fit, process)
    return process


def process_of_system(
    machine: KernelMachine, fit: SparseFit, system: ProjectedSystem, *, is_centered: bool
) -> SparseProcess:
    """Return the process of the training that equations describe."""
    method = machine._training_method()
    return SparseProcess(
        fit.rows.inducing.kernels,
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


def add_rows(
    machine: KernelMachine, solver: InducingPoints, rows: TrainingRows, *, normalize_y: bool
) -> None:
    """Add rows to the sums over those that an estimator has seen.

    The first rows choose the inducing points.
    """
    stream = machine.__dict__.get("_stream")
    if not isinstance(stream, RowStream):
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


def fit_on_blocks(
    machine: KernelMachine, blocks: Iterable[tuple[Any, ...]], add: Callable[..., None]
) -> None:
    """Add blocks (X, y) or (X, y, sample_weight), one after the other, to no rows."""
    machine.__dict__.pop("_stream", None)
    for number, block in enumerate(blocks):
        with naming_block(number):
            add(*block)
    if "_stream" not in machine.__dict__:
        raise ValueError("There is no block of rows to train on.")


def train_on_stream(machine: KernelMachine, *, normalize_y: bool) -> None:
    """Train on all rows that an estimator has seen; it then holds a sample of them."""
    stream = machine._stream
    assert isinstance(stream, RowStream)
    with machine._solving(stream.n_points):
        scaling = stream.scaling(normalize=normalize_y)
        fit = stream.fit(scaling, machine.alpha_scale)
        machine._hold_sample(stream, scaling, fit.unit)
        machine._hold_bound(train_on_sums(machine, fit, is_centered=normalize_y))


def sums_at_points(
    machine: KernelMachine,
    kernels: NetworkKernels,
    solver: InducingPoints,
    tasks: UnobservedFit,
) -> SparseFit:
    """Return the sums over the training rows, with learned kernels if there is an optimizer.

    The inducing points are chosen for the network as it is given.
    """
    if machine.training_time is not None and np.ndim(machine._alpha) == 1:
        raise ValueError(ONE_ALPHA_A_ROW_OVER_TIME)
    random_state = solver.generator(machine.random_state)
    points = choose_points(solver, kernels, machine.X_train_, random_state)
    require_memory_for_points(len(points), f"{type(machine).__name__}.fit")
    rows = SparseRows.of(machine, InducingKernels(kernels, points))
    if machine.optimizer is not None:
        rows = learn_through_points(machine, rows, random_state, tasks)
    with tasks.kernel_matrix() as progress:
        return rows.sums(machine, random_state, progress)


def level_of_noise(machine: KernelMachine, fit: SparseFit) -> float:
    """Return the level of noise; find it and the scale of the outputs if it is "auto"."""
    learned = machine._learned_alpha
    if not machine._alpha_is_found:
        if np.ndim(machine._alpha) == 1:
            return 1.0
        return float(machine._rows.alpha[0]) if learned is None else learned
    scale = np.ones(len(fit.sums.squares))
    size = np.sqrt(fit.sums.squares / fit.sums.weight)
    varies = ~np.atleast_1d(machine._scaling.says_nothing(size[np.newaxis]))
    level, score, end = ALPHA, np.nan, None
    if varies.any():
        varying = fit.of_outputs(varies)
        criterion = machine._sparse_criterion(varying)
        if learned is None:
            level, evaluation, end = varying.best_level(criterion, machine.dtype)
        else:
            level, evaluation = learned, criterion(varying.system(learned))
        score, scale[varies] = evaluation.score, evaluation.output_scale
    else:
        report_constant_targets()
    machine._hold_found(level, score, end, scale.reshape(fit.outputs))
    return level
