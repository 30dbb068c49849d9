"""What is minimized in training, as means over samples of the loss of one sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import log_softmax

from skntk.architecture.propagation.state import Array

Loss = Literal["squared_error", "log_loss"]


def _squared_error(outputs: Array, targets: Array) -> Array:
    return jnp.sum(jnp.square(outputs - targets), -1) / 2


def _log_loss(outputs: Array, targets: Array) -> Array:
    return -jnp.sum(targets * jax.nn.log_softmax(outputs, -1), -1)


LOSSES: Final[dict[Loss, Callable[[Array, Array], Array]]] = {
    "squared_error": _squared_error,
    "log_loss": _log_loss,
}

# The largest second derivative by the outputs of one sample. That of the log-loss is the covariance
# of a one-hot vector, at most 1/2.
LARGEST_CURVATURE: Final[dict[Loss, float]] = {"squared_error": 1.0, "log_loss": 0.5}


def loss_of_networks(
    outputs: np.ndarray, targets: np.ndarray, sample_weight: np.ndarray, loss: Loss
) -> np.ndarray:
    """Return the loss of each network on given samples.

    Parameters
    ----------
    outputs : ndarray of shape (n_networks, n, n_outputs)
        Their outputs.
    targets : ndarray of shape (n, n_outputs)
        Targets, one-hot for the log-loss.
    sample_weight : ndarray of shape (n,)
        Nonnegative, not all 0.
    loss : {"squared_error", "log_loss"}
        Half of the squared distance, or the cross-entropy of the softmax of the outputs.

    Returns
    -------
    ndarray of shape (n_networks,)
        The weighted mean over the samples.
    """
    if loss == "squared_error":
        of_samples = np.sum(np.square(outputs - targets), -1) / 2
    else:
        of_samples = -np.sum(targets * log_softmax(outputs, axis=-1), -1)
    return np.average(of_samples, axis=-1, weights=sample_weight)
