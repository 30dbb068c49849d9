"""A search for the hyperparameters of the largest score, with gradients and restarts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from skntk._warnings import warn

Objective = Callable[[np.ndarray], tuple[float, np.ndarray]]
"""Returns the score at theta and its gradient; raises a ValueError where it is not finite."""

Optimizer = str | Callable[..., tuple[np.ndarray, float]]

_ADVICE = (
    "It kept the best that it had found. Standardize the inputs, set narrower bounds, above all a "
    "larger lower bound of alpha, or start more searches (n_restarts_optimizer)."
)
# How far theta may lie outside of its bounds by rounding.
_ROUNDING = 1e-9


def maximize(
    objective: Objective,
    theta: np.ndarray,
    bounds: np.ndarray,
    names: Sequence[str],
    *,
    optimizer: Optimizer,
    n_restarts: int,
    random: np.random.RandomState,
) -> np.ndarray:
    """Return the theta of the largest score that some runs of an optimizer find.

    Parameters
    ----------
    objective : callable
        The score and its gradient.
    theta : ndarray of shape (n_dims,)
        Where the first run starts.
    bounds : ndarray of shape (n_dims, 2)
        Lower and upper bounds of theta.
    names : sequence of str of length n_dims
        What the entries of theta are called in messages.
    optimizer : "fmin_l_bfgs_b" or callable
        A callable is used as `sklearn.gaussian_process.GaussianProcessRegressor` uses it.
    n_restarts : int
        Further runs, from points that are uniform within the bounds.
    random : RandomState
        Draws these points, all of them before the first run.

    Returns
    -------
    ndarray of shape (n_dims,)

    Raises
    ------
    ValueError
        If there is nothing to search over, if theta is not within the bounds, if the bounds are
        not finite and there are restarts, or if the score is not finite at the start.

    Warns
    -----
    ConvergenceWarning
        If a run ends early: beside a theta where the score is not finite, or without convergence.

    Notes
    -----
    Where a step of L-BFGS-B is so long that it leads to where the score is not finite, a shorter
    one is tried. The run of a callable ends there: it is not known whether it would step back.
    """
    _check(theta, bounds, names, n_restarts)
    starts = [theta, *(random.uniform(bounds[:, 0], bounds[:, 1]) for _ in range(n_restarts))]
    runs = [_Run(objective, names) for _ in starts]
    for number, (run, start) in enumerate(zip(runs, starts, strict=True)):
        failure = run.finish(optimizer, start, bounds)
        if failure is None:
            continue
        if number == 0 and run.best_theta is None:
            raise ValueError(
                f"The score of the hyperparameters to start from is not finite: {failure}"
            ) from failure
        warn(
            f"The search for hyperparameters from start {number} ended early, with the best that "
            f"it had found, because the score is not finite on its way: {failure} Set narrower "
            "bounds, above all a larger lower bound of alpha.",
            ConvergenceWarning,
        )
    best = max((run for run in runs if run.best_theta is not None), key=lambda run: run.best_score)
    assert best.best_theta is not None
    return best.best_theta


def _check(theta: np.ndarray, bounds: np.ndarray, names: Sequence[str], n_restarts: int) -> None:
    if not len(theta):
        raise ValueError(
            "There are no hyperparameters to learn: all are fixed. Give some of them bounds, or "
            "set optimizer=None."
        )
    outside = (theta < bounds[:, 0] - _ROUNDING) | (theta > bounds[:, 1] + _ROUNDING)
    if outside.any():
        name = names[int(np.argmax(outside))]
        raise ValueError(
            f"The search starts at a {name} that is not within its bounds: change its value or "
            "its bounds."
        )
    if n_restarts and not np.isfinite(bounds).all():
        raise ValueError(
            "Restarts (n_restarts_optimizer > 0) are drawn within the bounds, which have to be "
            "finite."
        )


class _NotFiniteError(Exception):
    """Ends a run of an optimizer, which could not go on from such a value."""


class _Run:
    """One run of an optimizer, and the best that it came across.

    Parameters
    ----------
    objective : callable
    names : sequence of str
    """

    def __init__(self, objective: Objective, names: Sequence[str]) -> None:
        self._objective = objective
        self._names = names
        self.best_theta: np.ndarray | None = None
        self.best_score = -np.inf

    def finish(
        self, optimizer: Optimizer, start: np.ndarray, bounds: np.ndarray
    ) -> _NotFiniteError | None:
        """Run to the end, and return what ended it early."""
        try:
            if callable(optimizer):
                theta, _ = optimizer(self.to_minimize, start, bounds=bounds)
                self.to_minimize(np.asarray(theta, float))
            else:
                self._run_l_bfgs_b(start, bounds)
        except _NotFiniteError as failure:
            return failure
        return None

    def _run_l_bfgs_b(self, start: np.ndarray, bounds: np.ndarray) -> None:
        function = _SteppingBack(self.to_minimize)
        result = minimize(
            function, start, method="L-BFGS-B", jac=True, bounds=bounds, callback=function.accept
        )
        if function.failure is not None:
            raise function.failure
        if not result.success:
            warn(
                f"The search for hyperparameters did not converge: {result.message} {_ADVICE}",
                ConvergenceWarning,
            )

    def to_minimize(self, theta: np.ndarray, eval_gradient: bool = True) -> Any:
        """Return the negative score, and its gradient, as optimizers of scikit-learn ask for it."""
        try:
            score, gradient = self._objective(theta)
        except ValueError as error:
            raise _NotFiniteError(f"at {self._described(theta)}: {error}") from error
        if not (np.isfinite(score) and np.isfinite(gradient).all()):
            raise _NotFiniteError(f"at {self._described(theta)} the score is {score}.")
        if score > self.best_score:
            self.best_theta, self.best_score = np.array(theta, float), score
        return (-score, -gradient) if eval_gradient else -score

    def _described(self, theta: np.ndarray) -> str:
        numbers = ", ".join(
            f"{name}: {value:.4g}" for name, value in zip(self._names, theta, strict=True)
        )
        return f"theta = ({numbers})"


class _Evaluation(NamedTuple):
    theta: np.ndarray
    value: float
    gradient: np.ndarray


class _SteppingBack:
    """What a line search minimizes, that steps back from where the score is not finite.

    From the theta that was accepted last, with its value and slope, leads a parabola whose lowest
    point is at a quarter of the step. At the end of the step it is above the accepted value, so
    that no search stays there; where the step was too long and no more, the run goes on.

    Parameters
    ----------
    to_minimize : callable
        Returns a value and its gradient; raises a `_NotFiniteError`.
    """

    _latest: _Evaluation

    def __init__(self, to_minimize: Callable[[np.ndarray], tuple[float, np.ndarray]]) -> None:
        self._to_minimize = to_minimize
        self._accepted: _Evaluation | None = None
        self._failure: _NotFiniteError | None = None
        self._failure_before: _NotFiniteError | None = None

    @property
    def failure(self) -> _NotFiniteError | None:
        """Why the last line search had to step back, if it had to: it may have been held up."""
        return self._failure or self._failure_before

    def __call__(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the value at theta and its gradient, or those of the parabola."""
        try:
            value, gradient = self._to_minimize(theta)
        except _NotFiniteError as failure:
            if self._accepted is None:
                raise
            self._failure = failure
            return self._parabola(self._accepted, theta)
        self._latest = _Evaluation(np.array(theta), value, gradient)
        if self._accepted is None:
            self._accepted = self._latest
        return value, gradient

    def accept(self, theta: np.ndarray) -> None:
        """Take note of the end of a line search.

        Raises
        ------
        _NotFiniteError
            If it ends where the score is not finite, for want of a place between.
        """
        if self._failure is not None and not np.array_equal(theta, self._latest.theta):
            raise self._failure
        self._accepted = self._latest
        self._failure, self._failure_before = None, self._failure

    @staticmethod
    def _parabola(accepted: _Evaluation, theta: np.ndarray) -> tuple[float, np.ndarray]:
        step = theta - accepted.theta
        descent = abs(float(accepted.gradient @ step))
        return accepted.value + descent, 3 * descent / float(step @ step) * step
