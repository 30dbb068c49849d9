"""The compiled programs: outputs, training and curvature of many networks at once.

`jax.jit` keys its cache by the structure of the architecture, by shapes and by dtype. Numeric
hyperparameters, rates and the number of steps are arguments, so that a search over them compiles
nothing. `Program.on` gives the function for the structure of a network. All arrays of
`TrainingState` have a leading axis for the networks.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from skntk.architecture.core.layer import Layer
from skntk.architecture.core.protocols import Parameters
from skntk.architecture.propagation.state import Array
from skntk.finite.losses import LOSSES, TRACED_LOSSES
from skntk.gram.engine.compilation import program
from skntk.inference.losses.losses import LossName

# Enough for four digits where the second eigenvalue is within 5 % of the largest. Their number is
# fixed: if they ended by a tolerance, rounding could decide of one more.
_POWER_ITERATIONS = 50


class TrainingState(NamedTuple):
    """Networks in training."""

    parameters: Parameters
    # As they were before training.
    initial: Parameters
    # How the parameters changed in the last step, 0 before the first.
    step: Parameters
    # What decides the masks of `Dropout`, None without one.
    mask_keys: Any


class TrainingData(NamedTuple):
    """Training samples: inputs, targets of shape (n, n_outputs), and weights that sum to 1."""

    X: Array
    targets: Array
    weight: Array


class Rates(NamedTuple):
    """Numbers of the training."""

    # Length of a step, in units of the gradient.
    learning_rate: Any
    # Fraction of the previous step that is added to the current one.
    momentum: Any
    # Half of it multiplies the squared distance from the initial parameters.
    penalty: Any


@program(of_tiles=False)
def ensemble_outputs(
    architecture: Layer, parameters: Parameters, mask_keys: Any, X: Array
) -> Array:
    """Return the outputs of all networks, shape (n_networks, n, n_outputs)."""
    return jax.vmap(architecture.apply, in_axes=(0, None, 0))(parameters, X, mask_keys)


@program(static_argnames="loss", of_tiles=False)
def descend(
    architecture: Layer,
    networks: TrainingState,
    data: TrainingData,
    rates: Rates,
    n_steps: Any,
    *,
    loss: LossName,
) -> TrainingState:
    """Return the networks after so many more steps of gradient descent with momentum."""

    def objective(parameters: Parameters, mask_key: Any) -> Array:
        outputs = architecture.apply(parameters, data.X, mask_key)
        return jnp.sum(data.weight * TRACED_LOSSES[loss](outputs, data.targets))

    def train(network: TrainingState) -> TrainingState:
        def one_step(_: Array, carry: tuple[Parameters, Parameters]) -> tuple[Any, Any]:
            parameters, step = carry
            gradient = jax.grad(objective)(parameters, network.mask_keys)
            step = jax.tree.map(
                lambda moved, slope, now, before: (
                    rates.momentum * moved
                    - rates.learning_rate * (slope + rates.penalty * (now - before))
                ),
                step,
                gradient,
                parameters,
                network.initial,
            )
            return jax.tree.map(jnp.add, parameters, step), step

        carry = (network.parameters, network.step)
        parameters, step = lax.fori_loop(0, n_steps, one_step, carry)
        return network._replace(parameters=parameters, step=step)

    return jax.vmap(train)(networks)


@program(static_argnames="loss", of_tiles=False)
def largest_curvature(
    architecture: Layer, networks: TrainingState, data: TrainingData, *, loss: LossName
) -> Array:
    """Return a bound of every network's second derivative of the loss along any direction.

    With J the derivatives of the outputs of all samples by the parameters and W the weights, it is
    the largest eigenvalue of J^T W J, which is that of the empirical NTK W^1/2 J J^T W^1/2, times
    the largest second derivative of the loss by outputs. By power iteration from the parameters
    themselves: random, and independent of how samples are ordered or repeated.
    """

    def largest_eigenvalue(network: TrainingState) -> Array:
        def outputs(parameters: Parameters) -> Array:
            return architecture.apply(parameters, data.X, network.mask_keys)

        _, derivative = jax.linearize(outputs, network.parameters)
        transpose = jax.linear_transpose(derivative, network.parameters)

        def iterate(_: Array, carry: tuple[Parameters, Array]) -> tuple[Parameters, Array]:
            direction, _ = carry
            (image,) = transpose(data.weight[:, jnp.newaxis] * derivative(direction))
            size = jnp.sqrt(sum(jnp.vdot(leaf, leaf) for leaf in jax.tree.leaves(image)))
            # Outputs that do not depend on the parameters have the curvature 0.
            unit = jnp.where(size > 0, size, 1)
            return jax.tree.map(lambda leaf: leaf / unit, image), size

        start = (network.parameters, jnp.zeros((), data.X.dtype))
        return lax.fori_loop(0, _POWER_ITERATIONS, iterate, start)[1]

    return LOSSES[loss].largest_curvature * jax.vmap(largest_eigenvalue)(networks)
