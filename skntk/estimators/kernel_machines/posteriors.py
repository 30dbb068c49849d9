"""The posteriors of networks trained on squared error, from training kernels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import xlogy

from skntk.estimators.kernel_machines.kernels import NetworkKernels
from skntk.estimators.kernel_machines.machine import KernelMachine
from skntk.gram.engine.progress import Report
from skntk.inference import (
    EnsemblePosterior,
    GaussianProcessPosterior,
    GradientFlowPosterior,
    ReadoutFlowPosterior,
)
from skntk.inference.linalg.solver import LinearSolver
from skntk.inference.posteriors.protocol import Posterior


def bayesian_posterior(
    machine: KernelMachine, kernel: np.ndarray, targets: np.ndarray, solver: LinearSolver
) -> GaussianProcessPosterior | ReadoutFlowPosterior:
    """Return the exact posterior of a Bayesian network, or the training that ends there.

    Trained to convergence, each on targets with noise of its own, the last layers of random
    networks are samples of the posterior. The memory of the kernel is overwritten.
    """
    if machine.training_time is not None:
        return ReadoutFlowPosterior.condition(
            kernel,
            machine._noise.single(machine.alpha_),
            targets,
            overwrite_kernel=True,
            **machine._training_options(),
        )
    posterior = GaussianProcessPosterior.condition(
        kernel, machine.alpha_, targets, solver=solver, overwrite_kernel=True
    )
    machine._require_stability(posterior)
    return posterior


def ensemble_kernels(
    machine: KernelMachine, kernels: NetworkKernels, progress: bool | Report
) -> tuple[np.ndarray, np.ndarray | Callable[[], np.ndarray]]:
    """Return the NTK of the training rows, and their NNGP kernel or what finds it.

    A cache has the NNGP kernel for those who ask for a standard deviation.
    """
    X = machine.X_train_
    if kernels.cache and machine.training_time is None and not machine._alpha_is_found:
        (ntk,) = kernels.training(X, ("ntk",), progress)
        return ntk, kernels.found_later(X, "nngp")
    ntk, nngp = kernels.training(X, ("ntk", "nngp"), progress)
    return ntk, nngp


def ensemble_posterior(
    machine: KernelMachine,
    ntk: np.ndarray,
    nngp: np.ndarray | Callable[[], np.ndarray],
    targets: np.ndarray,
    solver: LinearSolver,
) -> Posterior:
    """Return the ensemble of networks trained for a finite time, or to convergence.

    The memory of the NTK is overwritten.
    """
    if machine.training_time is not None:
        assert not callable(nngp)
        return GradientFlowPosterior.condition(
            ntk,
            nngp,
            machine._noise.single(machine.alpha_),
            targets,
            overwrite_ntk=True,
            **machine._training_options(),
        )
    posterior = EnsemblePosterior.condition(
        ntk, nngp, machine.alpha_, targets, solver=solver, overwrite_ntk=True
    )
    machine._require_stability(posterior)
    return posterior


def log_marginal_likelihood(machine: KernelMachine, posterior: Posterior) -> float:
    r"""Return the log density of the training targets, of every observation.

    The posterior knows one of each row. Of rows with noise A that stand for r observations, or for
    copies, the density is that of the mean with noise B, times

    .. math::

        \prod N(y \mid f, A) = N(y \mid f, B) \prod (2 \pi A)^{-1/2} (2 \pi B)^{1/2}.

    Targets whose prior and noise are scaled by c have the density of targets over root c, which has
    another unit.
    """
    assert isinstance(posterior, GaussianProcessPosterior | ReadoutFlowPosterior)
    noise, observations = machine.alpha_, machine._observations(machine.X_train_)
    number, rows = observations.repetitions, observations.rows
    scale = machine._scaling.output_scale
    targets = machine.y_train_ / np.sqrt(scale)
    n_outputs = targets.size // len(targets)
    # Of r observations with noise r A each, whose mean has noise A.
    repetitions = 0.5 * (np.log(number) + xlogy(number - 1, 2 * np.pi * noise[rows] * number))
    density = posterior.log_marginal_likelihood(targets) - n_outputs * float(repetitions.sum())
    if len(rows) < len(targets) and noise.all():
        # Of copies, which the posterior holds one by one; without noise it gives -inf.
        of_one = noise[rows] * machine._rows.sample_weight[rows] / observations.sample_weight
        together = np.log(2 * np.pi * of_one).sum()
        density += 0.5 * n_outputs * float(np.log(2 * np.pi * noise).sum() - together)
    units = number.sum() * np.log(np.broadcast_to(scale, targets.shape[1:])).sum()
    return density - 0.5 * float(units)
