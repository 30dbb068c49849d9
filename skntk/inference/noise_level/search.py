"""The level of noise that a criterion prefers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import brentq, minimize_scalar

from skntk.inference.linalg.arrays import FloatArray
from skntk.inference.linalg.errors import SingularKernelError
from skntk.inference.linalg.solver import (
    DenseOperator,
    KernelOperator,
    LinearSolver,
    LinearSystem,
)
from skntk.inference.noise_level.problem import (
    Evaluation,
    LevelCriterion,
    LevelScores,
    NoiseProblem,
    Rows,
)

__all__ = ["NoiseLevel", "best_level", "evenly_spaced", "find_noise_level"]

End = Literal["lower", "upper"] | None

# From here on the maximum of a part of the samples is moved to that of all, and sums over samples
# are estimated from so many of them.
_N_LARGE = 500
_N_LEFT_OUT = 256
# To compare two levels fewer will do: the same samples are left out at both.
_N_COMPARED = 100
_LEVELS_PER_DECADE = 2
# A level is known well enough to a few percent: scores are flat at their maximum.
_TOLERANCE = 0.05
# Scores in nats that differ by less say the same.
_INDIFFERENCE = 0.1
# By how much the first step on all samples moves the logarithm of the level.
_STEP = 0.5
# The largest step from the level of a part of the samples to that of all.
_LARGEST_STEP = 2.0


@dataclass(frozen=True, eq=False)
class NoiseLevel:
    """A level, and what its criterion says about it.

    Attributes
    ----------
    level : float
    evaluation : Evaluation
    end : {"lower", "upper"} or None
        Which end of the range it is at.
    solver : LinearSolver
        Has factorized the kernel with this noise, and hands out the result once more.
    """

    level: float
    evaluation: Evaluation
    end: End
    solver: LinearSolver


def find_noise_level(
    problem: NoiseProblem,
    criterion: LevelCriterion,
    bounds: tuple[float, float],
    solver: LinearSolver,
    order: Rows,
    *,
    level: float | None = None,
) -> NoiseLevel:
    """Return the level of the largest score.

    One decomposition tells the scores of all levels: of the kernel of all samples, or of a part of
    some hundred. A part finds the maximum nearly as well, where scores are flat; how far it moves
    with many more samples is told by two factorizations of all of them. The scale of the outputs,
    to which intervals are in proportion, is found from all.

    Parameters
    ----------
    problem : NoiseProblem
    criterion : LevelCriterion
    bounds : tuple of float
        Smallest and largest level, positive.
    solver : LinearSolver
        Solves the systems with all samples.
    order : ndarray of shape (n,)
        The samples in an order that says nothing about them but which are equal. Evenly spaced
        ones are a random part.
    level : float or None, default=None
        A level that is evaluated instead of a search.

    Raises
    ------
    SingularKernelError
        If the kernel is singular with the noise of any level.
    """
    n = len(problem.kernel)
    evaluate = _OnAllSamples(problem, criterion, solver, order)
    low, high = np.log(bounds)
    if level is not None:
        return evaluate.result(np.log(level), -np.inf, np.inf)
    if n <= criterion.n_decomposed:
        return evaluate.result(_best_position(criterion.scores(problem), low, high), low, high)
    part = evenly_spaced(order, criterion.n_decomposed)
    scores = criterion.on(part).scores(problem.subset(part))
    position = _best_position(scores, low, high)
    if n <= _N_LARGE:
        return evaluate.result(position, low, high)
    curvature = _curvature(scores, position) * n / len(part)
    position = _moved(position, curvature, evaluate, low, high)
    return evaluate.result(position, low, high)


class _OnAllSamples:
    """The criterion for all samples, at the logarithms of levels."""

    def __init__(
        self, problem: NoiseProblem, criterion: LevelCriterion, solver: LinearSolver, order: Rows
    ) -> None:
        n = len(order)
        self._problem, self._criterion = problem, criterion
        self._solver = _KeepingSolver(solver)
        self._left_out = np.arange(n) if n <= _N_LARGE else evenly_spaced(order, _N_LEFT_OUT)
        self._compared = evenly_spaced(self._left_out, min(n, _N_COMPARED))

    def score(self, position: float) -> float:
        """Return the score, estimated from a few samples."""
        return self._evaluation(position, self._compared).score

    def _evaluation(self, position: float, left_out: Rows) -> Evaluation:
        problem, level = self._problem, float(np.exp(position))
        system = self._solver.factorize(DenseOperator(problem.kernel), level * problem.pattern)
        return self._criterion.evaluate(problem, system, level, left_out)

    def result(self, position: float, low: float, high: float) -> NoiseLevel:
        """Return the level at a position, or the next that the kernel is not singular with."""
        while True:
            try:
                evaluation = self._evaluation(position, self._left_out)
                break
            except SingularKernelError:
                if position >= high:
                    raise
                position = low = min(position + np.log(10), high)
        level = float(np.exp(position))
        end = _end_of_range(level, (float(np.exp(low)), float(np.exp(high))))
        return NoiseLevel(level, evaluation, end, self._solver)


class _KeepingSolver:
    """A solver that hands out its last system once more where the same is asked for."""

    def __init__(self, solver: LinearSolver) -> None:
        self._solver = solver
        self._last: tuple[FloatArray, LinearSystem] | None = None

    def factorize(
        self, operator: KernelOperator, noise: FloatArray, *, overwrite: bool = False
    ) -> LinearSystem:
        if self._last is None or not np.array_equal(noise, self._last[0]):
            # One at a time: a system is as large as the kernel.
            self._last = None
            system = self._solver.factorize(operator, noise, overwrite=overwrite)
            self._last = noise.copy(), system
        return self._last[1]


def best_level(scores: LevelScores, bounds: tuple[float, float], per_decade: float) -> float:
    """Return the level of the largest score: of a grid, and then between its neighbors."""
    low, high = np.log(bounds)
    return float(np.exp(_best_position(scores, low, high, per_decade)))


def _end_of_range(level: float, bounds: tuple[float, float]) -> End:
    """Return which end of its range a level is at."""
    if level < 2 * bounds[0]:
        return "lower"
    return "upper" if 2 * level > bounds[1] else None


def evenly_spaced(order: Rows, n_rows: int) -> Rows:
    """Return so many rows of an order, at equal distances, ascending."""
    return np.sort(order[np.linspace(0, len(order) - 1, n_rows).astype(np.intp)])


def _best_position(
    scores: LevelScores, low: float, high: float, per_decade: float = _LEVELS_PER_DECADE
) -> float:
    n_levels = int(np.ceil((high - low) / np.log(10) * per_decade)) + 1
    grid = np.linspace(low, high, n_levels)
    on_grid = scores(np.exp(grid))
    # A level at which numbers overflow is worse than all others.
    on_grid = np.where(np.isnan(on_grid), -np.inf, on_grid)
    best = int(np.argmax(on_grid))
    if np.isneginf(on_grid[best]):
        # Factorized, the kernel with the most noise says what is wrong with it.
        return high
    if on_grid[best] - on_grid[0] < _INDIFFERENCE:
        return _largest_of_equal_score(scores, grid, on_grid)
    if best == n_levels - 1:
        return float(grid[best])
    found = minimize_scalar(
        lambda position: -float(scores(np.exp([position]))[0]),
        bounds=(grid[best - 1], grid[best + 1]),
        method="bounded",
        options={"xatol": _TOLERANCE},
    )
    return float(found.x)


def _largest_of_equal_score(scores: LevelScores, grid: FloatArray, on_grid: FloatArray) -> float:
    """Return the largest position that is as good as the lowest.

    Where noise is small beside all that the kernel explains, no score depends on it. Much of it
    then does no harm, and a kernel with less is nearly singular.
    """
    lowest_score = on_grid.max() - _INDIFFERENCE
    below = np.flatnonzero(on_grid < lowest_score)
    if not below.size:
        return float(grid[-1])
    bracket = grid[below[0] - 1], grid[below[0]]

    def excess(position: float) -> float:
        return float(scores(np.exp([position]))[0]) - lowest_score

    if not excess(bracket[0]) > 0 > excess(bracket[1]):
        # The scores are so large that a nat is rounding.
        return float(bracket[0])
    position: float = brentq(excess, *bracket, xtol=_TOLERANCE)
    return position


def _curvature(scores: LevelScores, position: float) -> float:
    """Return minus the second derivative by the logarithm of the level."""
    below, at, above = scores(np.exp(position + _STEP * np.array([-1.0, 0.0, 1.0])))
    return float(2 * at - below - above) / _STEP**2


def _moved(
    position: float, curvature: float, evaluate: _OnAllSamples, low: float, high: float
) -> float:
    """Return the maximum of the parabola of this curvature through two scores of all samples."""
    step = _STEP if position + _STEP <= high else -_STEP
    try:
        gain = evaluate.score(position + step) - evaluate.score(position)
    except SingularKernelError:
        return position
    if not (np.isfinite(gain) and curvature > 0):
        return position
    slope = gain / step + 0.5 * curvature * step
    move = np.clip(slope / curvature, -_LARGEST_STEP, _LARGEST_STEP)
    return float(np.clip(position + move, low, high))
