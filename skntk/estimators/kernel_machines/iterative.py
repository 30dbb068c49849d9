"""Fits by conjugate gradients, for kernels that are not factorized."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np

from skntk._sklearn import UnobservedFit
from skntk.estimators.data.row_order import order_by_value
from skntk.estimators.kernel_machines.kernels import NetworkKernels
from skntk.estimators.kernel_machines.machine import KernelMachine
from skntk.estimators.kernel_machines.memory import MOST_ROWS_FOR_ALPHA
from skntk.estimators.kernel_machines.training_kernel import computed_operator, training_operator
from skntk.inference import EnsemblePosterior, GaussianProcessPosterior
from skntk.inference.linalg.conjugate_gradient import (
    ConjugateGradientSolver,
    ConjugateGradientSystem,
)
from skntk.inference.linalg.solver import KernelOperator
from skntk.inference.posteriors.protocol import Posterior
from skntk.solvers.conjugate_gradient import ConjugateGradient

# Kernels between test and training rows at a time, for models that hold no matrix to compare with.
_BYTES_IN_BLOCK = 2**28


def fit_iteratively(
    machine: KernelMachine,
    kernels: NetworkKernels,
    solver: ConjugateGradient,
    alpha: np.ndarray,
    tasks: UnobservedFit,
) -> None:
    """Train to convergence on squared error, and hold the result.

    Parameters
    ----------
    machine : KernelMachine
        Holds its rows and their normalized targets.
    kernels : NetworkKernels
    solver : ConjugateGradient
        What its parameter `solver` stands for.
    alpha : ndarray of shape (n,)
    tasks : UnobservedFit
        Those of `fit`.
    """
    kernels = replace(kernels, bytes_in_block=_BYTES_IN_BLOCK)
    with tasks.kernel_matrix() as progress:
        operator = training_operator(kernels, machine.X_train_, solver, progress)
    machine._scale_noise(alpha, operator.diagonal())
    with tasks.training_steps() as step, machine._solving():
        if machine._alpha_is_found:
            _find_alpha(machine, kernels)
        array_solver = solver.array_solver(lambda iteration: step())
        posterior = _condition(machine, kernels, operator, array_solver)
        machine._require_stability(posterior)
        machine._hold_trained(kernels, posterior, replace(array_solver, report=None))


def _condition(
    machine: KernelMachine,
    kernels: NetworkKernels,
    operator: KernelOperator,
    solver: ConjugateGradientSolver,
) -> Posterior:
    """Return the posterior, and hold how it was found."""
    targets = machine._targets_to_learn()
    posterior: GaussianProcessPosterior | EnsemblePosterior
    if kernels.kinds == ("nngp",):
        posterior = GaussianProcessPosterior.condition(
            operator, machine.alpha_, targets, solver=solver
        )
    else:
        nngp = computed_operator(kernels.function, machine.X_train_, "nngp")
        posterior = EnsemblePosterior.condition(
            operator, nngp, machine.alpha_, targets, solver=solver
        )
    system: Any = posterior.system
    assert isinstance(system, ConjugateGradientSystem)
    # The steps of predictions are no part of the fit.
    system.report = None
    machine.n_iter_ = system.n_iter
    machine.residual_ = system.residual.reshape(targets.shape[1:])
    return posterior


def _find_alpha(machine: KernelMachine, kernels: NetworkKernels) -> None:
    """Find ``alpha`` and the scale of the outputs on a part of the rows, by factorizations.

    The part is chosen by a hash of the values of the rows. In units of all rows, it has the targets
    and the scaling that these have.
    """
    n_rows = len(machine.X_train_)
    rows = np.arange(n_rows)
    if n_rows > MOST_ROWS_FOR_ALPHA:
        rows = np.sort(order_by_value(machine.X_train_)[:MOST_ROWS_FOR_ALPHA])
    part = copy.copy(machine)
    part._rows = machine._rows.part(rows)
    part.X_train_, part.y_train_ = machine.X_train_[rows], machine.y_train_[rows]
    part._noise = replace(machine._noise, sample_weight=part._rows.sample_weight)
    matrices = kernels.training(part.X_train_, machine.kinds, False)
    found = part._found_alpha(matrices[0], matrices[-1])
    machine._hold_found(found.alpha, found.score, found.end, found.output_scale)
