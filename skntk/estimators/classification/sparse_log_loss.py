"""Training on the log-loss through inducing points."""

from __future__ import annotations

import numpy as np

from skntk._memory import require_memory
from skntk._sklearn import UnobservedFit
from skntk.estimators.classification.classification import NetworkClassifier
from skntk.estimators.classification.log_loss import LogLossScores
from skntk.estimators.kernel_machines.kernels import NetworkKernels
from skntk.estimators.kernel_machines.process import PosteriorProcess
from skntk.estimators.kernel_machines.sparse_fit import level_of_noise, sums_at_points
from skntk.inference import LossFlow, SoftmaxCrossEntropy
from skntk.inference.inducing.loss_training import SparseLossDynamics
from skntk.inference.inducing.softmax_curvature import bytes_of_full_curvature
from skntk.solvers.inducing_points import InducingPoints

# Arrays of a number for each row and point: features, their eigenvectors, and these scaled.
_ARRAYS_OF_ROWS = 3


def fit_log_loss_through_points(
    machine: NetworkClassifier,
    kernels: NetworkKernels,
    solver: InducingPoints,
    tasks: UnobservedFit,
) -> None:
    """Train for a finite time, and hold the result; the features of all rows are part of it.

    Parameters
    ----------
    machine : NetworkClassifier
        Holds its rows and their one-hot targets.
    kernels : NetworkKernels
    solver : InducingPoints
        What its parameter `solver` stands for.
    tasks : UnobservedFit
        Those of `fit`.
    """
    _require_memory(machine, solver)
    fit = sums_at_points(machine, kernels, solver, tasks)
    # An optimizer may have learned others.
    inducing, method = fit.rows.inducing, machine._training_method()
    with tasks.training(), machine._solving():
        noise = level_of_noise(machine, fit) * fit.unit
        features = np.asarray(inducing.features(machine.X_train_), dtype=np.float64, order="F")
        dynamics = SparseLossDynamics.of(
            inducing.whitening,
            features,
            SoftmaxCrossEntropy(machine.y_train_),
            noise,
            machine._noise.sample_weight,
            fit.kernel_variance,
        )
        untrained = LossFlow(dynamics, method, 0.0, np.zeros((0, 0)))
        assert machine.training_time is not None  # otherwise the loss is refused
        flow = untrained.at(machine.training_time)
        process = PosteriorProcess(
            inducing.kernels,
            inducing.points,
            flow,
            machine.y_train_,
            machine._noise.sample_weight,
            method,
            is_centered=False,
            repetitions=None,
        )
        machine._hold_scores(LogLossScores(process, flow, machine._rows), inducing.kernels)


def _require_memory(machine: NetworkClassifier, solver: InducingPoints) -> None:
    n_rows, n_classes = machine.y_train_.shape
    given = not isinstance(solver.selection, str)
    n_points = len(np.asarray(solver.selection)) if given else min(solver.n_points, n_rows)
    require_memory(
        _ARRAYS_OF_ROWS * n_rows * n_points * 8 + bytes_of_full_curvature(n_points, n_classes),
        f'{type(machine).__name__}.fit on {n_rows} samples with loss="log_loss" and {n_points} '
        "inducing points",
        "Choose fewer points: training holds a number for each row and point. "
        "NNGPClassifier(likelihood='softmax') has the log-loss in blocks of rows.",
    )
