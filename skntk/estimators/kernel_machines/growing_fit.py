"""Fits with the exact solver that go on from the factor of earlier rows."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from skntk._memory import require_memory
from skntk.estimators.data.rows import TrainingRows
from skntk.estimators.kernel_machines.all_rows import AllRows
from skntk.estimators.kernel_machines.kernels import NetworkKernels
from skntk.estimators.kernel_machines.machine import KernelMachine
from skntk.estimators.kernel_machines.posteriors import bayesian_posterior, ensemble_posterior
from skntk.estimators.kernel_machines.row_stream import RowStream
from skntk.estimators.kernel_machines.solver_choice import is_exact
from skntk.inference import EnsemblePosterior, GaussianProcessPosterior
from skntk.inference.linalg.cholesky import CholeskySystem

ExactPosterior = GaussianProcessPosterior | EnsemblePosterior

# Noise that differs by less is the same: means of equal numbers are equal up to rounding.
_SAME_NOISE = 1e-13


@contextmanager
def all_or_nothing(machine: KernelMachine) -> Iterator[KernelMachine]:
    """Provide a copy to train, whose attributes an estimator takes over if nothing fails."""
    trained = copy.copy(machine)
    yield trained
    vars(machine).clear()
    vars(machine).update(vars(trained))


def held_rows(machine: KernelMachine) -> AllRows | RowStream | None:
    """Return the rows of earlier calls, None if there were none with this solver."""
    held: AllRows | RowStream | None = machine.__dict__.get("_stream")
    return held if isinstance(held, AllRows) == is_exact(machine.solver) else None


def hold_rows(
    machine: KernelMachine,
    X: np.ndarray,
    y: np.ndarray,
    sample_weight: np.ndarray,
    outputs: tuple[int, ...],
) -> None:
    """Add rows of positive weight to those that an estimator holds, without training on them."""
    held = machine.__dict__.get("_stream")
    if isinstance(held, AllRows):
        _require_memory(machine, len(held.X) + len(X))
        machine._stream = held.and_those(X, y, sample_weight)
        return
    kernels = machine._prepared_kernels(X, np.empty((len(X), *outputs)))
    machine._stream = AllRows(kernels, X, y, sample_weight, outputs)


def train_on_all_rows(machine: KernelMachine, rows: TrainingRows, *, normalize_y: bool) -> None:
    """Train on the rows that an estimator holds, given what `fit` makes of all of them.

    The result is that of `fit`. Rows whose noise is what it was keep their part of the factor.
    """
    held = machine._stream
    assert isinstance(held, AllRows)
    machine._normalize(rows, normalize_y=normalize_y)
    with machine._solving():
        posterior = _from_earlier_rows(machine, held) or _from_all_rows(machine, held.kernels)
        machine._hold_factorized(held.kernels, posterior)
    machine._stream = replace(held, posterior=posterior)


def _from_all_rows(machine: KernelMachine, kernels: NetworkKernels) -> ExactPosterior:
    """Return the posterior by a factorization of all rows, with the alpha that they tell."""
    first, *others = kernels.training(machine.X_train_, kernels.kinds, False)
    machine._scale_noise(machine._rows.alpha, np.diagonal(first))
    prior = others[0] if others else first
    solver, targets = machine._solver_for(first, prior), machine._targets_to_learn()
    posterior = (
        ensemble_posterior(machine, first, prior, targets, solver)
        if others
        else bayesian_posterior(machine, first, targets, solver)
    )
    assert isinstance(posterior, ExactPosterior)
    return posterior


def _from_earlier_rows(machine: KernelMachine, held: AllRows) -> ExactPosterior | None:
    """Return the posterior by an extension of the factor, None if nothing of it stays."""
    before, kernels, X = held.posterior, held.kernels, machine.X_train_
    # The alpha that is found changes the noise of all rows.
    if before is None or machine._alpha_is_found:
        return None
    (diagonal,) = kernels.function.diagonals(X, kinds=kernels.kinds[:1])
    machine._scale_noise(machine._rows.alpha, diagonal.astype(np.float64))
    n_kept = _n_unchanged(before.noise, machine.alpha_)
    if not n_kept:
        return None
    crosses = _in_double(kernels.matrices(X[n_kept:], X[:n_kept]))
    withins = _in_double(kernels.matrices(X[n_kept:]))
    noise = np.concatenate([before.noise[:n_kept], machine.alpha_[n_kept:]])
    assert isinstance(before.system, CholeskySystem)
    system = before.system.extended(n_kept, crosses[0], withins[0], noise)
    dual_coef = system.solve(machine._targets_to_learn())
    posterior: ExactPosterior
    if isinstance(before, EnsemblePosterior):
        nngp = _joined(before.nngp[:n_kept, :n_kept], crosses[1], withins[1])
        posterior = EnsemblePosterior(system, nngp, noise, dual_coef)
    else:
        posterior = GaussianProcessPosterior(system, noise, dual_coef)
    machine._require_stability(posterior)
    return posterior


def _n_unchanged(before: np.ndarray, noise: np.ndarray) -> int:
    """Return how many rows, from the first on, have the noise that they had."""
    changed = np.abs(noise[: len(before)] - before) > _SAME_NOISE * before
    return int(np.argmax(changed)) if changed.any() else len(before)


def _in_double(matrices: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    return [np.asarray(matrix, dtype=np.float64) for matrix in matrices]


def _joined(known: np.ndarray, cross: np.ndarray, within: np.ndarray) -> np.ndarray:
    """Return the symmetric matrix of these blocks."""
    n_known = len(known)
    matrix = np.empty((n_known + len(within),) * 2)
    matrix[:n_known, :n_known] = known
    matrix[n_known:, :n_known], matrix[:n_known, n_known:] = cross, cross.T
    matrix[n_known:, n_known:] = within
    return matrix


def _require_memory(machine: KernelMachine, n_samples: int) -> None:
    # What an earlier call has found stays until this one has succeeded.
    n_matrices = machine._peak_matrices + machine._alpha_is_found + len(machine.kinds)
    require_memory(
        n_matrices * n_samples**2 * 8,
        f"{type(machine).__name__}.partial_fit on {n_samples} samples",
        "Set solver='inducing_points', whose memory does not grow with rows.",
    )
