"""Training on any convex loss over time: gradient flow by an ODE solver, descent step by step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.integrate import DOP853, OdeSolver

from .arrays import FloatArray
from .implicit import NewtonMatrices, StructuredBDF
from .loss_dynamics import LossDynamics
from .training_dynamics import training_duration

__all__ = ["loss_descent", "loss_flow"]

# Local errors that the solvers accept: of the movement so far, and of outputs of size 1.
_RELATIVE_TOLERANCE = 1e-9
_ABSOLUTE_TOLERANCE = 1e-10

# A flow that is not over after so many explicit steps, 12 slopes each, and will not be after as
# many more of their present size, is stiff.
_EXPLICIT_STEPS = 500


def loss_flow(
    dynamics: LossDynamics,
    training_times: npt.ArrayLike,
    *,
    learning_rate: float = 1.0,
    momentum: float = 0.0,
) -> FloatArray:
    r"""Return the coefficients of networks trained by gradient flow, at many times of one run.

    The flow, with :math:`L(c)` the regularized loss of `LossDynamics`, is

    .. math::

        \dot c = -\frac{\eta}{N} (W \nabla\ell + A c), \qquad
        \ddot c = -(1 - m) \dot c - \frac{\eta}{N} (W \nabla\ell + A c)

    without and with momentum m, from c = 0 (and at rest), in the time that counts steps of gradient
    descent at the rate :math:`\eta`. Outputs are :math:`f_0 + T_* c`.

    SciPy's `DOP853` integrates it, and hands over to `BDF` where its steps stay small although the
    solution hardly changes: in stiff phases, with linear algebra made for kernels (`implicit`).
    Local errors are kept below 1e-9 of the movement and 1e-10 of outputs of size 1. With momentum
    the flow swings with a frequency of about one step, and `DOP853` alone does it.

    Parameters
    ----------
    dynamics : LossDynamics
        Loss, kernel, weights and noise.
    training_times : array-like of shape (n_times,)
        Times t >= 0, finite and ascending.
    learning_rate : float, default=1.0
        Speed of the flow, positive. A loss that is a mean over all n_outputs N elements is the one
        here at the rate divided by n_outputs.
    momentum : float, default=0.0
        m, in [0, 1). 0 is the flow without momentum.

    Returns
    -------
    ndarray of shape (n_times, n, n_outputs)
        The coefficients c.

    Raises
    ------
    ValueError
        If the times, the rate or the momentum is out of range.
    RuntimeError
        If the solver does not reach the last time.

    References
    ----------
    .. [1] Jacot, Gabriel, Hongler, "Neural tangent kernel: convergence and generalization in neural
       networks", NeurIPS 2018.
    .. [2] Lee et al., "Wide neural networks of any depth evolve as linear models under gradient
       descent", NeurIPS 2019, appendix on cross-entropy loss and momentum.
    .. [3] Hairer, Norsett, Wanner, "Solving ordinary differential equations I", Springer 1993.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.inference import LossDynamics, SoftmaxCrossEntropy, loss_flow
    >>> kernel = np.array([[2.0, 1.0], [1.0, 2.0]])
    >>> dynamics = LossDynamics.decompose(kernel, 0.0, SoftmaxCrossEntropy(np.eye(2)))
    >>> untrained, trained = loss_flow(dynamics, [0.0, 10.0])
    >>> (kernel @ trained).round(2)
    array([[ 1.09, -1.09],
           [-1.09,  1.09]])
    """
    times = _as_times(training_times, learning_rate)
    _check_momentum(momentum)
    steps = (
        _flow_with_momentum(dynamics, learning_rate, momentum, times[-1])
        if momentum
        else _plain_flow(dynamics, learning_rate, times[-1])
    )
    shape = dynamics.initial_outputs.shape
    coefficients = np.zeros((len(times), *shape))
    n_untrained = int(np.count_nonzero(times == 0))
    for index, flat in enumerate(_states(times[n_untrained:], steps), start=n_untrained):
        # With momentum the velocity follows.
        state = flat[: shape[0] * shape[1]].reshape(shape)
        coefficients[index] = dynamics.coefficients(state)
    return coefficients


def loss_descent(
    dynamics: LossDynamics,
    training_times: npt.ArrayLike,
    *,
    learning_rate: float = 1.0,
    momentum: float = 0.0,
) -> FloatArray:
    r"""Return the coefficients of networks after several numbers of steps of gradient descent.

    .. math::

        c_{k+1} = c_k - \frac{\eta}{N} (W \nabla\ell(f_0 + T c_k) + A c_k) + m (c_k - c_{k-1}),

    heavy-ball descent from c = 0, step by step.

    Parameters
    ----------
    dynamics : LossDynamics
        Loss, kernel, weights and noise.
    training_times : array-like of shape (n_times,)
        Numbers of steps: whole numbers, nonnegative and ascending.
    learning_rate : float, default=1.0
        Size of a step, positive and not above ``dynamics.max_learning_rate(momentum)``.
    momentum : float, default=0.0
        m, in [0, 1).

    Returns
    -------
    ndarray of shape (n_times, n, n_outputs)
        The coefficients c.

    Raises
    ------
    ValueError
        If the times, the rate or the momentum is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.inference import LossDynamics, SoftmaxCrossEntropy, loss_descent
    >>> dynamics = LossDynamics.decompose(np.eye(2), 0.0, SoftmaxCrossEntropy(np.eye(2)))
    >>> loss_descent(dynamics, [1])
    array([[[ 0.25, -0.25],
            [-0.25,  0.25]]])
    """
    times = _as_times(training_times, learning_rate)
    _check_momentum(momentum)
    if (times != np.floor(times)).any():
        raise ValueError(
            "Gradient descent takes whole steps: `training_times` must be whole numbers, got "
            f"{times[times != np.floor(times)][0]:g}. Gradient flow is defined at every time."
        )
    limit = dynamics.max_learning_rate(momentum)
    if learning_rate > limit:
        raise ValueError(
            f"`learning_rate` {learning_rate:g} is beyond the limit {limit:.4g} up to which "
            "gradient descent is stable on this loss, kernel and momentum: reduce it."
        )
    state = np.zeros(dynamics.initial_outputs.shape)
    movement = np.zeros_like(state)
    coefficients, n_steps = [], 0
    for time in times:
        while n_steps < time:
            movement = momentum * movement - learning_rate * dynamics.slope(state)
            state = state + movement
            n_steps += 1
        coefficients.append(dynamics.coefficients(state))
    return np.stack(coefficients)


def _as_times(training_times: npt.ArrayLike, learning_rate: float) -> FloatArray:
    times = np.asarray(training_times, dtype=np.float64)
    if times.ndim != 1 or times.size == 0:
        raise ValueError(
            f"`training_times` must have shape (n_times,) with a time or more, got {times.shape}."
        )
    for time in times:
        training_duration(time, learning_rate)
    if (np.diff(times) < 0).any():
        raise ValueError("`training_times` must be ascending: sort them.")
    return times


def _check_momentum(momentum: float) -> None:
    if not 0 <= momentum < 1:
        raise ValueError(f"`momentum` must be at least 0 and less than 1, got {momentum}.")


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


def _states(times: FloatArray, steps: Iterator[OdeSolver]) -> Iterator[FloatArray]:
    """Yield the flat state at each positive time, from solvers that have just made a step."""
    waiting = list(times)
    while waiting:
        solver = next(steps)
        passed = [time for time in waiting if time <= solver.t]
        waiting = waiting[len(passed) :]
        if passed:
            yield from solver.dense_output()(np.array(passed)).T
