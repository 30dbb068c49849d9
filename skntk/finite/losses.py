"""What is minimized in training, as means over samples of the loss of one sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import jax
import jax.numpy as jnp
import numpy as np

from skntk.architecture.propagation.state import Array
from skntk.inference import HalfSquaredError, SoftmaxCrossEntropy
from skntk.inference.losses.losses import LossName

# On NumPy arrays, with the largest second derivative by the outputs of a sample.
LOSSES: Final[dict[LossName, type[HalfSquaredError] | type[SoftmaxCrossEntropy]]] = {
    "squared_error": HalfSquaredError,
    "log_loss": SoftmaxCrossEntropy,
}


def _squared_error(outputs: Array, targets: Array) -> Array:
    return jnp.sum(jnp.square(outputs - targets), -1) / 2


def _log_loss(outputs: Array, targets: Array) -> Array:
    return -jnp.sum(targets * jax.nn.log_softmax(outputs, -1), -1)


TRACED_LOSSES: Final[dict[LossName, Callable[[Array, Array], Array]]] = {
    "squared_error": _squared_error,
    "log_loss": _log_loss,
}


def network_losses(
    outputs: np.ndarray, targets: np.ndarray, sample_weight: np.ndarray, loss: LossName
) -> np.ndarray:
    """Return the weighted mean loss of every network, shape (n_networks,).

    ``outputs`` are of shape (n_networks, n, n_outputs), ``targets`` of (n, n_outputs).
    """
    return np.average(LOSSES[loss](targets).value(outputs), axis=-1, weights=sample_weight)
