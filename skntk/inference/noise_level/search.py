"""The level of noise that a criterion prefers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import minimize_scalar

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

__all__ = [
    "NoiseLevel",
    "best_level",
    "end_of_range",
    "evenly_spaced",
    "find_noise_level",
]

End = Literal["lower", "upper"] | None

# Sums over more samples are estimated from so many of them.
_N_LARGE = 500
_N_LEFT_OUT = 256
# For the slope a third of the samples will do, within these bounds.
_N_COMPARED = (100, 256)
# All samples correct what half of them tell.
_FEWEST_DECOMPOSED = 150
_LEVELS_PER_DECADE = 2
# A level is known well enough to a few percent: scores are flat at their maximum.
_TOLERANCE = 0.05
# Standard deviation of the prior of the logarithm of a level: two decades.
_PRIOR_STD = 2 * np.log(10)
# The distance of the logarithms of levels whose scores tell a curvature.
_STEP = 0.5
# The largest step from the level of a part of the samples to that of all, and the smallest gain in
# nats that is worth a factorization.
_LARGEST_STEP = 2.0
# By how many nats a sample of the part another maximum may be lower that is tried on all samples.
_RIVAL = 0.5
_SMALLEST_GAIN = 0.05


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
    center: float,
    solver: LinearSolver,
    order: Rows,
    *,
    level: float | None = None,
) -> NoiseLevel:
    """Return the level of the largest score, with a weak prior.

    One decomposition tells the scores of all levels: of the kernel of all samples, or of a part of
    some hundred. How far the maximum moves with more samples is told by the slope of the score of
    all of them, which takes a factorization. The scale of the outputs, to which intervals are in
    proportion, is found from all. Where the part has several maxima of about the same score, all
    samples decide between them.

    The prior is log-normal around `center`, with a standard deviation of two decades. Scores of
    dozens of samples outweigh it. A handful, whose likelihood is often largest without any noise or
    with nothing else, do not, and where scores are flat it keeps the kernel from being singular.

    Parameters
    ----------
    problem : NoiseProblem
    criterion : LevelCriterion
    bounds : tuple of float
        Smallest and largest level, positive.
    center : float
        Median of the prior.
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
    prior = _Prior(np.log(center))
    if n <= criterion.n_decomposed:
        position = _best_position(criterion.scores(problem), prior, low, high)
    else:
        part = evenly_spaced(order, min(criterion.n_decomposed, max(n // 2, _FEWEST_DECOMPOSED)))
        scores = criterion.on(part).scores(problem.subset(part))
        rivals = _best_positions(scores, prior, low, high, margin=_RIVAL * len(part))
        position = _best_on_all(rivals, evaluate, prior)
        curvature = _curvature(scores, position) * n / len(part)
        position = _moved(position, curvature, evaluate, prior, low, high)
    return evaluate.result(position, low, high)


@dataclass(frozen=True)
class _Prior:
    """The log density of the logarithm of a level, up to a constant."""

    center: float

    def __call__(self, position: FloatArray | float) -> FloatArray | float:
        return -0.5 * ((position - self.center) / _PRIOR_STD) ** 2

    def slope(self, position: float) -> float:
        return (self.center - position) / _PRIOR_STD**2


class _OnAllSamples:
    """The criterion for all samples, at the logarithms of levels."""

    def __init__(
        self, problem: NoiseProblem, criterion: LevelCriterion, solver: LinearSolver, order: Rows
    ) -> None:
        n = len(order)
        self._problem, self._criterion = problem, criterion
        self._solver = _KeepingSolver(solver)
        self._left_out = np.arange(n) if n <= _N_LARGE else evenly_spaced(order, _N_LEFT_OUT)
        fewest, most = _N_COMPARED
        self._compared = evenly_spaced(order, min(n, max(fewest, min(n // 3, most))))

    def score(self, position: float) -> float:
        """Return the score, -inf where the kernel with this noise is singular."""
        try:
            return self._evaluation(position).score
        except SingularKernelError:
            return -np.inf

    def slope(self, position: float) -> float:
        """Return the slope of the score, estimated from a few samples."""
        level = float(np.exp(position))
        return self._criterion.slope(self._problem, self._system(level), level, self._compared)

    def _evaluation(self, position: float) -> Evaluation:
        level = float(np.exp(position))
        return self._criterion.evaluate(self._problem, self._system(level), level, self._left_out)

    def _system(self, level: float) -> LinearSystem:
        problem = self._problem
        return self._solver.factorize(DenseOperator(problem.kernel), level * problem.pattern)

    def result(self, position: float, low: float, high: float) -> NoiseLevel:
        """Return the level at a position, or the next that the kernel is not singular with."""
        while True:
            try:
                evaluation = self._evaluation(position)
                break
            except SingularKernelError:
                if position >= high:
                    raise
                position = low = min(position + np.log(10), high)
        level = float(np.exp(position))
        end = end_of_range(level, (float(np.exp(low)), float(np.exp(high))))
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


def best_level(
    scores: LevelScores, bounds: tuple[float, float], center: float, per_decade: float
) -> float:
    """Return the level of the largest score with the prior: of a grid, and then between levels."""
    low, high = np.log(bounds)
    return float(np.exp(_best_position(scores, _Prior(np.log(center)), low, high, per_decade)))


def end_of_range(level: float, bounds: tuple[float, float]) -> End:
    """Return which end of its range a level is at."""
    if level < 2 * bounds[0]:
        return "lower"
    return "upper" if 2 * level > bounds[1] else None


def evenly_spaced(order: Rows, n_rows: int) -> Rows:
    """Return so many rows of an order, at equal distances, ascending."""
    return np.sort(order[np.linspace(0, len(order) - 1, n_rows).astype(np.intp)])


def _best_position(
    scores: LevelScores,
    prior: _Prior,
    low: float,
    high: float,
    per_decade: float = _LEVELS_PER_DECADE,
) -> float:
    return _best_positions(scores, prior, low, high, per_decade)[0]


def _best_positions(
    scores: LevelScores,
    prior: _Prior,
    low: float,
    high: float,
    per_decade: float = _LEVELS_PER_DECADE,
    margin: float = 0.0,
) -> list[float]:
    """Return the largest maximum, and other maxima that are lower by less than a margin."""
    n_levels = int(np.ceil((high - low) / np.log(10) * per_decade)) + 1
    grid = np.linspace(low, high, n_levels)
    on_grid = scores(np.exp(grid)) + prior(grid)
    # A level at which numbers overflow is worse than all others.
    on_grid = np.where(np.isnan(on_grid), -np.inf, on_grid)
    best = int(np.argmax(on_grid))
    if np.isneginf(on_grid[best]):
        # Factorized, the kernel with the most noise says what is wrong with it.
        return [high]
    between = np.concatenate([[-np.inf], on_grid, [-np.inf]])
    is_maximum = (on_grid > between[:-2]) & (on_grid >= between[2:])
    rivals = np.flatnonzero(is_maximum & (on_grid > on_grid[best] - margin))
    found = [best, *rivals[rivals != best].tolist()]
    return [_refined(scores, prior, grid, position) for position in found]


def _refined(scores: LevelScores, prior: _Prior, grid: FloatArray, best: int) -> float:
    """Return the maximum between the neighbors of a level of the grid."""
    if best in (0, len(grid) - 1):
        return float(grid[best])
    found = minimize_scalar(
        lambda position: -float(scores(np.exp([position]))[0] + prior(position)),
        bounds=(grid[best - 1], grid[best + 1]),
        method="bounded",
        options={"xatol": _TOLERANCE},
    )
    return float(found.x)


def _best_on_all(rivals: list[float], evaluate: _OnAllSamples, prior: _Prior) -> float:
    """Return which of several maxima of a part of the samples is best for all of them."""
    if len(rivals) == 1:
        return rivals[0]
    return max(rivals, key=lambda position: evaluate.score(position) + float(prior(position)))


def _curvature(scores: LevelScores, position: float) -> float:
    """Return minus the second derivative by the logarithm of the level."""
    below, at, above = scores(np.exp(position + _STEP * np.array([-1.0, 0.0, 1.0])))
    return float(2 * at - below - above) / _STEP**2


def _moved(
    position: float,
    curvature: float,
    evaluate: _OnAllSamples,
    prior: _Prior,
    low: float,
    high: float,
) -> float:
    """Return the maximum of the parabola of this curvature and of the slope on all samples."""
    curvature += 1 / _PRIOR_STD**2
    try:
        slope = evaluate.slope(position) + prior.slope(position)
    except SingularKernelError:
        return position
    if not (np.isfinite(slope) and curvature > 0):
        return position
    move = np.clip(slope / curvature, -_LARGEST_STEP, _LARGEST_STEP)
    if 0.5 * curvature * move**2 < _SMALLEST_GAIN:
        return position
    return float(np.clip(position + move, low, high))
