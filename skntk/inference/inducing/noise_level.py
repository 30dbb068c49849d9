"""The level of noise, found from sums over rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from skntk.inference.inducing.gaussian_process import collapsed_bound
from skntk.inference.inducing.left_out_gradient import EnsembleSpread, ProcessSpread
from skntk.inference.inducing.left_out_rows import LeftOutRows, SampledRows
from skntk.inference.inducing.projected_system import ProjectedSystem
from skntk.inference.linalg.arrays import FloatArray
from skntk.inference.noise_level.problem import Evaluation
from skntk.inference.noise_level.search import End, best_level, end_of_range
from skntk.inference.posteriors.normal_density import normal_density

__all__ = ["best_noise", "bound", "left_out_density", "left_out_error"]

# A factorization of a matrix of the inducing points squared takes part in every score.
_LEVELS_PER_DECADE = 1

Criterion = Callable[[ProjectedSystem], Evaluation]
VarianceOfLeftOut = Callable[[ProjectedSystem, LeftOutRows], FloatArray]


def bound(system: ProjectedSystem) -> Evaluation:
    """Return the collapsed bound at the best scale of every output."""
    score, scale = collapsed_bound(system)
    return Evaluation(score, scale)


def left_out_density(
    rows: SampledRows, total_weight: float | None, variance: VarianceOfLeftOut
) -> Criterion:
    """Return the criterion of the log density of left-out observations, estimated from some rows.

    ``variance`` is theirs, in units of the scale of an output.
    """
    repetitions = rows.block.repetitions

    def density(system: ProjectedSystem) -> Evaluation:
        left_out = LeftOutRows.of(system, rows.block, total_weight)
        weight = system.sums.n_observations / repetitions.sum() * repetitions
        found = normal_density(
            left_out.residuals, variance(system, left_out), weight, best_scale=True
        )
        return Evaluation(found.score, found.scale)

    return density


def ensemble_variance(rows: SampledRows, nngp: FloatArray) -> VarianceOfLeftOut:
    """Return that of an ensemble, with the NNGP kernel between the inducing points."""
    return lambda system, left_out: EnsembleSpread.of(system, rows, nngp).variance(left_out)


def process_variance(rows: SampledRows) -> VarianceOfLeftOut:
    """Return that of a Gaussian process."""
    return lambda system, left_out: ProcessSpread(rows).variance(left_out)


def noise_variance(rows: SampledRows) -> VarianceOfLeftOut:
    """Return that of one network whose outputs are not random."""
    return lambda system, left_out: rows.block.repetitions * left_out.noise


def left_out_error(
    rows: SampledRows, total_weight: float | None, counted: np.ndarray, unit: FloatArray
) -> Criterion:
    """Return the criterion of the squared error of left-out observations, one for all outputs.

    ``counted`` says whose errors count, and ``unit`` what those of an output are multiplied by.
    """
    weight = rows.block.centering_weight * (counted if counted.any() else 1.0)
    share = weight / weight.sum()

    def error(system: ProjectedSystem) -> Evaluation:
        left_out = LeftOutRows.of(system, rows.block, total_weight)
        squares = float((share @ np.square(left_out.residuals * unit)).mean())
        density = -0.5 * system.sums.n_observations * (1.0 + np.log(2 * np.pi * squares))
        return Evaluation(float(density), np.ones(len(unit)))

    return error


def best_noise(
    system_at: Callable[[float], ProjectedSystem],
    criterion: Criterion,
    bounds: tuple[float, float],
    center: float,
) -> tuple[float, Evaluation, End]:
    """Return the level of the largest score with the weak prior of `find_noise_level`.

    Parameters
    ----------
    system_at : callable
        Returns the system at a level.
    criterion : callable
    bounds : tuple of float
        Smallest and largest level.
    center : float
        Median of the prior.
    """

    def scores(levels: FloatArray) -> FloatArray:
        return np.array([criterion(system_at(float(level))).score for level in levels])

    level = best_level(scores, bounds, center, _LEVELS_PER_DECADE)
    return level, criterion(system_at(level)), end_of_range(level, bounds)
