"""Training on any convex loss over time: gradient flow by an ODE solver, descent step by step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.integrate import DOP853, OdeSolver

from .arrays import FloatArray
from .implicit import NewtonMatrices, StructuredBDF
from .loss_dynamics import LossDynamics
from .momentum import HeavyBall, MomentumFlow
from .solvers import Solver

__all__ = ["train_on_loss"]

# Local errors that the solvers accept: of the movement so far, and of outputs of size 1.
_RELATIVE_TOLERANCE = 1e-9
_ABSOLUTE_TOLERANCE = 1e-10

# A flow that is not over after so many explicit steps, 12 slopes each, and will not be after as
# many more of their present size, is stiff.
_EXPLICIT_STEPS = 500


def train_on_loss(dynamics: LossDynamics, solver: Solver, times: FloatArray) -> FloatArray:
    """Return the coefficients of the networks at many times of one training run.

    Parameters
    ----------
    dynamics : LossDynamics
        Loss, kernel, weights and noise.
    solver : Solver
        The method of training.
    times : ndarray of shape (n_times,)
        Checked by :func:`as_training_times`.

    Returns
    -------
    ndarray of shape (n_times, n, n_outputs)
        The coefficients c.

    Raises
    ------
    ValueError
        If the learning rate is above that at which discrete steps are stable.
    RuntimeError
        If the solver of the flow does not reach the last time.
    """
    momentum = solver.momentum if isinstance(solver, HeavyBall | MomentumFlow) else 0.0
    solver.require_stability(dynamics.largest_curvature, converged=False)
    if solver.has_steps:
        states = _descent(dynamics, solver.learning_rate, momentum, times)
    else:
        states = _flow(dynamics, solver.learning_rate, momentum, times)
    return np.stack([dynamics.coefficients(state) for state in states])


def _descent(
    dynamics: LossDynamics, learning_rate: float, momentum: float, times: FloatArray
) -> Iterator[FloatArray]:
    state = np.zeros(dynamics.initial_outputs.shape)
    movement = np.zeros_like(state)
    n_steps = 0
    for time in times:
        while n_steps < time:
            movement = momentum * movement - learning_rate * dynamics.slope(state)
            state = state + movement
            n_steps += 1
        yield state


def _flow(
    dynamics: LossDynamics, learning_rate: float, momentum: float, times: FloatArray
) -> Iterator[FloatArray]:
    shape = dynamics.initial_outputs.shape
    untrained = np.zeros(shape)
    yield from (untrained for time in times if time == 0)
    steps = (
        _flow_with_momentum(dynamics, learning_rate, momentum, times[-1])
        if momentum
        else _plain_flow(dynamics, learning_rate, times[-1])
    )
    for flat in _sampled(times[times > 0], steps):
        # With momentum the velocity follows.
        yield flat[: untrained.size].reshape(shape)


def _plain_flow(dynamics: LossDynamics, learning_rate: float, last: float) -> Iterator[OdeSolver]:
    shape = dynamics.initial_outputs.shape

    def velocity(time: float, flat: FloatArray) -> FloatArray:
        return -learning_rate * dynamics.slope(flat.reshape(shape)).ravel()

    def linearize(flat: FloatArray) -> NewtonMatrices:
        return dynamics.newton_matrices(flat.reshape(shape), learning_rate)

    resolution = dynamics.resolution(_ABSOLUTE_TOLERANCE).ravel()
    options: dict[str, Any] = {"t_bound": last, "rtol": _RELATIVE_TOLERANCE, "atol": resolution}
    solver = DOP853(velocity, 0.0, np.zeros(resolution.size), **options)
    n_steps = 0
    while solver.status == "running":
        yield _stepped(solver)
        n_steps += 1
        if n_steps == _EXPLICIT_STEPS and last - solver.t > _EXPLICIT_STEPS * solver.step_size:
            solver = StructuredBDF(velocity, solver.t, solver.y, linearize=linearize, **options)


def _flow_with_momentum(
    dynamics: LossDynamics, learning_rate: float, momentum: float, last: float
) -> Iterator[OdeSolver]:
    shape = (2, *dynamics.initial_outputs.shape)

    def velocity(time: float, flat: FloatArray) -> FloatArray:
        state, movement = flat.reshape(shape)
        acceleration = -(1.0 - momentum) * movement - learning_rate * dynamics.slope(state)
        return np.concatenate([movement.ravel(), acceleration.ravel()])

    resolution = np.tile(dynamics.resolution(_ABSOLUTE_TOLERANCE).ravel(), 2)
    solver = DOP853(
        velocity,
        0.0,
        np.zeros(resolution.size),
        t_bound=last,
        rtol=_RELATIVE_TOLERANCE,
        atol=resolution,
    )
    while solver.status == "running":
        yield _stepped(solver)


def _stepped(solver: OdeSolver) -> OdeSolver:
    message = solver.step()
    if solver.status == "failed":
        raise RuntimeError(
            f"The solver of the gradient flow stopped at training_time={solver.t:g}, before "
            f"{solver.t_bound:g}: {message} Reduce `training_time`, or increase `alpha`."
        )
    return solver


def _sampled(times: FloatArray, steps: Iterator[OdeSolver]) -> Iterator[FloatArray]:
    """Yield the flat state at each positive time, from a solver that has just made a step."""
    waiting = times
    while waiting.size:
        solver = next(steps)
        n_passed = int(np.count_nonzero(waiting <= solver.t))
        if n_passed:
            yield from solver.dense_output()(waiting[:n_passed]).T
        waiting = waiting[n_passed:]
