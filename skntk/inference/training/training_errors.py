"""The errors of a training run at its own training points, over time."""

from __future__ import annotations

import numpy as np

from skntk.inference.training.loss_history import ErrorMoments
from skntk.inference.training.trajectory import EnsembleTrajectory, ReadoutTrajectory

__all__ = ["errors_at_training_points"]


def errors_at_training_points(
    trajectory: EnsembleTrajectory | ReadoutTrajectory, *, ensemble: bool = True
) -> ErrorMoments:
    """Return the moments of the errors at the training points, times the roots of their weights.

    Noise that differs from sample to sample costs a few products of n x n matrices for each time.
    Equal noise commutes with S and costs a few products with a matrix for all times.

    Parameters
    ----------
    trajectory : EnsembleTrajectory or ReadoutTrajectory
        The training run at these times.
    ensemble : bool, default=True
        Whether the initial functions are random. One network from a given function has no spread.

    Returns
    -------
    ErrorMoments
        Of the training points.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.inference import GradientFlowPosterior, errors_at_training_points
    >>> kernel = np.array([[2.0, 1.0], [1.0, 2.0]])
    >>> run = GradientFlowPosterior.condition(kernel, kernel, 0.0, [4.0, 2.0], training_time=0.0)
    >>> mean, std = errors_at_training_points(run.over([0.0, 100.0])).loss(2)
    >>> mean.round(3), std.round(3)  # (16 + 2 + 4 + 2) / 4 at the beginning
    (array([6., 0.]), array([3.905, 0.   ]))
    """
    posterior = trajectory.posterior
    spectrum = posterior.spectrum
    filter_values = trajectory.filter_values
    residuals = spectrum.residual_function(posterior.training_method, trajectory.training_times)
    targets = posterior.rotated_targets.reshape(len(filter_values), -1)
    learned = np.einsum("it,io->tio", filter_values, targets)
    means = np.einsum("it,io->tio", residuals, targets)
    noise = posterior.noise
    if (noise == noise[0]).all():
        means += noise[0] * learned
        if not ensemble:
            return ErrorMoments.without_spread(means)
        return trajectory.training_moments(
            means, residuals + noise[0] * filter_values, float(noise[0])
        )
    rotated_noise = (spectrum.eigenvectors.T * noise) @ spectrum.eigenvectors
    means += rotated_noise @ learned
    if not ensemble:
        return ErrorMoments.without_spread(means)
    return ErrorMoments.of(means, trajectory.training_covariances(residuals, rotated_noise))
