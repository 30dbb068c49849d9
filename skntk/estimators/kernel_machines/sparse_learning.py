"""Hyperparameters learned through inducing points."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from skntk._sklearn import UnobservedFit
from skntk.architecture.core.layer import Layer
from skntk.estimators.kernel_machines.inducing import sample_for_means
from skntk.estimators.kernel_machines.learned_hyperparameters import (
    HyperparameterScore,
    hyperparameter_score,
)
from skntk.estimators.kernel_machines.machine import KernelMachine
from skntk.estimators.kernel_machines.sparse_criteria import (
    Bound,
    LeftOutDensity,
    SparseCriterion,
)
from skntk.estimators.kernel_machines.sparse_rows import SparseRows
from skntk.estimators.kernel_machines.sparse_score import SparseScore


def learn_through_points(
    machine: KernelMachine,
    rows: SparseRows,
    random_state: np.random.RandomState,
    tasks: UnobservedFit,
) -> SparseRows:
    """Return the rows with the kernels that an optimizer finds; the inducing points stay."""
    machine._require_density()
    machine._require_varying_targets()
    start = machine._given_alpha()
    if machine._alpha_is_found:
        fit = rows.sums(machine, random_state).of_outputs(machine._varying_outputs())
        level, _, _ = fit.best_level(machine._sparse_criterion(fit), machine.dtype)
        start = np.full(1, level)
    kernels, best_scale = rows.inducing.kernels, machine._alpha_is_found
    criterion: SparseCriterion = Bound(best_scale)
    if machine._learns_by_leaving_out:
        n_rows, n_points = len(rows.observed.X), len(rows.inducing.points)
        criterion = LeftOutDensity(sample_for_means(n_rows, n_points, random_state), best_scale)
    objective = sparse_objective(machine, kernels.architecture, start, rows, criterion)
    architecture, _ = machine._search(objective, tasks)
    return rows.with_kernels(kernels.with_network(architecture))


def sparse_objective(
    machine: KernelMachine,
    architecture: Layer,
    alpha: np.ndarray,
    rows: SparseRows,
    criterion: SparseCriterion,
) -> HyperparameterScore:
    """Return a score of rows at inducing points as a function of theta."""
    noise = replace(machine._noise, sample_weight=rows.observed.centering_weight)
    targets = rows.observed.targets[:, machine._varying_outputs()]
    score = SparseScore.of(
        replace(rows.observed, targets=targets),
        noise,
        criterion,
        has_one_alpha=np.ndim(machine._alpha) == 0,
    )
    return hyperparameter_score(machine, architecture, alpha, score)
