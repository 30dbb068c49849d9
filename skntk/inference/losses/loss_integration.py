"""Training on any convex loss over time: gradient flow by an ODE solver, descent step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy.integrate import DOP853, OdeSolver

from skntk.inference.linalg.arrays import FloatArray
from skntk.inference.losses.implicit import NewtonMatrices, StructuredBDF
from skntk.inference.losses.loss_dynamics import LossDynamics
from skntk.inference.training.momentum import MomentumFlow, WithMomentum
from skntk.inference.training.training_methods import TrainingMethod

__all__ = ["train_on_loss"]

# Local errors that the solvers accept: of the movement so far, and of outputs of size 1.
_RELATIVE_TOLERANCE = 1e-9
_ABSOLUTE_TOLERANCE = 1e-10

# A flow that is not over after so many explicit steps, 12 slopes each, and will not be after as
# many more of their present size, is stiff.
_EXPLICIT_STEPS = 500

# The slowest movement decays at a rate that the noise gives, and is over after so many of its
# inverses.
_DECAYS = 100.0


def train_on_loss(
    dynamics: LossDynamics, training_method: TrainingMethod, times: FloatArray
) -> FloatArray:
    """Return the coefficients c at many times of one training run, shape (n_times, n, n_outputs).

    The times are checked by `as_training_times`; errors are those of `LossFlow.condition`.
    """
    momentum = training_method.momentum if isinstance(training_method, WithMomentum) else 0.0
    training_method.require_stability(dynamics.largest_curvature, converged=False)
    dynamics.require_resolved(training_method.learning_rate * float(times[-1]) / (1.0 - momentum))
    if training_method.has_steps:
        states = _descent(dynamics, training_method.learning_rate, momentum, times)
    elif isinstance(training_method, MomentumFlow):
        states = _flow_with_momentum(dynamics, training_method.learning_rate, momentum, times)
    else:
        states = _plain_flow(dynamics, training_method.learning_rate, times)
    return np.stack([dynamics.coefficients(state) for state in states])


def _descent(
    dynamics: LossDynamics, learning_rate: float, momentum: float, times: FloatArray
) -> Iterator[FloatArray]:
    state = np.zeros(dynamics.state_shape)
    movement = np.zeros_like(state)
    n_steps = 0
    for time in times:
        while n_steps < time:
            movement = momentum * movement - learning_rate * dynamics.slope(state)
            state = state + movement
            n_steps += 1
        yield state


def _plain_flow(
    dynamics: LossDynamics, learning_rate: float, times: FloatArray
) -> Iterator[FloatArray]:
    # With the kernel divided by its scale, the coefficients multiplied by it and the time in units
    # of both rates, all numbers are of size 1 whatever the size of the inputs.
    scale = dynamics.mean_variance or 1.0
    shape = dynamics.state_shape

    def velocity(duration: float, flat: FloatArray) -> FloatArray:
        return -dynamics.slope(flat.reshape(shape) / scale).ravel()

    def linearize(flat: FloatArray) -> NewtonMatrices:
        return dynamics.newton_matrices(flat.reshape(shape) / scale, 1.0 / scale)

    with np.errstate(over="ignore"):
        durations = learning_rate * scale * times
    relative_noise = float(dynamics.noise.min()) / scale
    if relative_noise > 0:
        # Later, rounding errors are all that moves.
        converged = _DECAYS * dynamics.spectrum.total_weight / relative_noise
        durations = np.minimum(durations, converged)
    if not np.isfinite(durations[-1]):
        raise ValueError(
            "`learning_rate` * `training_time` overflows in units of the kernel, whose diagonal is "
            f"{scale:.3g}: reduce one of them, or rescale the inputs."
        )
    resolution = scale * dynamics.resolution(_ABSOLUTE_TOLERANCE).ravel()
    options: dict[str, Any] = {"rtol": _RELATIVE_TOLERANCE, "atol": resolution}

    def steps(last: float) -> Iterator[OdeSolver]:
        solver = DOP853(velocity, 0.0, np.zeros(resolution.size), last, **options)
        n_steps = 0
        while solver.status == "running":
            yield _stepped(solver)
            n_steps += 1
            if n_steps == _EXPLICIT_STEPS and last - solver.t > n_steps * solver.step_size:
                solver = StructuredBDF(
                    velocity, solver.t, solver.y, last, linearize=linearize, **options
                )

    for flat in _sampled(durations, steps):
        yield flat.reshape(shape) / scale


def _flow_with_momentum(
    dynamics: LossDynamics, learning_rate: float, momentum: float, times: FloatArray
) -> Iterator[FloatArray]:
    shape = (2, *dynamics.state_shape)
    friction = 1.0 - momentum
    slowest = learning_rate * float(dynamics.noise.min()) / dynamics.spectrum.total_weight
    if slowest > 0:
        # Bounds on the rates at which oscillations and slow movements decay.
        times = np.minimum(times, _DECAYS * max(4.0 / friction, 2.0 * friction / slowest))

    def velocity(time: float, flat: FloatArray) -> FloatArray:
        state, movement = flat.reshape(shape)
        acceleration = -friction * movement - learning_rate * dynamics.slope(state)
        return np.concatenate([movement.ravel(), acceleration.ravel()])

    resolution = np.tile(dynamics.resolution(_ABSOLUTE_TOLERANCE).ravel(), 2)

    def steps(last: float) -> Iterator[OdeSolver]:
        start, rtol = np.zeros(resolution.size), _RELATIVE_TOLERANCE
        solver = DOP853(velocity, 0.0, start, last, rtol=rtol, atol=resolution)
        while solver.status == "running":
            yield _stepped(solver)

    for flat in _sampled(times, steps):
        yield flat.reshape(shape)[0]


def _stepped(solver: OdeSolver) -> OdeSolver:
    message = solver.step()
    if solver.status == "failed":
        raise RuntimeError(
            f"The solver of the gradient flow stopped after {solver.t / solver.t_bound:.3g} of the "
            f"time: {message} Reduce `training_time`, or increase `alpha`."
        )
    return solver


def _sampled(
    times: FloatArray, steps: Callable[[float], Iterator[OdeSolver]]
) -> Iterator[FloatArray]:
    """Yield the flat state at each time, 0 at first, from a solver that has just made a step."""
    solvers = steps(times[-1])
    waiting = times
    while waiting.size:
        # A flow that ends at time 0 makes one step of no length.
        solver = next(solvers)
        n_passed = int(np.count_nonzero(waiting <= solver.t))
        if n_passed:
            yield from solver.dense_output()(waiting[:n_passed]).T
        waiting = waiting[n_passed:]
