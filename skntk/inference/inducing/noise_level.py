"""The level of noise, found from sums over rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from skntk.inference.inducing.gaussian_process import collapsed_bound
from skntk.inference.inducing.left_out_rows import LeftOutRows, TrainingBlock
from skntk.inference.inducing.projected_system import ProjectedSystem
from skntk.inference.inducing.whitening import AnyFloat
from skntk.inference.linalg.arrays import FloatArray
from skntk.inference.noise_level.problem import Evaluation
from skntk.inference.noise_level.search import End, best_level, end_of_range

__all__ = ["SampledRows", "best_noise", "bound", "left_out_density", "left_out_error"]

# A factorization of a matrix of the inducing points squared takes part in every score.
_LEVELS_PER_DECADE = 1

Criterion = Callable[[ProjectedSystem], Evaluation]


@dataclass(frozen=True, eq=False)
class SampledRows:
    """Training rows that stand for all of them where each costs something.

    Attributes
    ----------
    block : TrainingBlock
    nngp_cross : ndarray of shape (b, m) or None
        Their NNGP kernel with the inducing points, of an ensemble.
    nngp_diagonal : ndarray of shape (b,)
        Their prior variances.
    """

    block: TrainingBlock
    nngp_cross: AnyFloat | None
    nngp_diagonal: FloatArray


def bound(system: ProjectedSystem) -> Evaluation:
    """Return the collapsed bound at the best scale of every output."""
    score, scale = collapsed_bound(system)
    return Evaluation(score, scale)


def left_out_density(
    rows: SampledRows,
    total_weight: float | None,
    spread: Callable[[ProjectedSystem, LeftOutRows], FloatArray],
) -> Criterion:
    """Return the criterion of the log density of left-out observations, estimated from some rows.

    ``spread`` is their variance without noise, in units of the scale of an output.
    """

    def density(system: ProjectedSystem) -> Evaluation:
        left_out = LeftOutRows.of(system, rows.block, total_weight)
        repetitions = rows.block.repetitions
        variance = spread(system, left_out) + repetitions * left_out.noise
        share = repetitions / repetitions.sum()
        scale = share @ (np.square(left_out.residuals) / variance[:, np.newaxis])
        with np.errstate(divide="ignore"):
            logarithms = 1.0 + np.log(2 * np.pi * scale) + share @ np.log(variance)
        return Evaluation(-0.5 * system.sums.n_observations * float(logarithms.sum()), scale)

    return density


def ensemble_spread(
    rows: SampledRows, nngp: FloatArray
) -> Callable[[ProjectedSystem, LeftOutRows], FloatArray]:
    """Return the variance of left-out observations over the networks of an ensemble."""
    assert rows.nngp_cross is not None
    cross = rows.nngp_cross.T.astype(np.float64)
    features = rows.block.features.astype(np.float64)

    def spread(system: ProjectedSystem, left_out: LeftOutRows) -> FloatArray:
        learned = features - system.noise * system.solve(features)
        prediction = system.whitening.to_kernel_coefficients(learned)
        change = np.einsum("ij,ij->j", prediction, nngp @ prediction - 2.0 * cross)
        variance = np.maximum(rows.nngp_diagonal + change, 0.0)
        return np.square(left_out.factor / left_out.noise) * variance

    return spread


def process_spread(
    rows: SampledRows,
) -> Callable[[ProjectedSystem, LeftOutRows], FloatArray]:
    """Return the variance of left-out observations of a Gaussian process."""
    features = rows.block.features
    explained = np.einsum("ij,ij->j", features, features, dtype=np.float64)
    unexplained = np.maximum(rows.nngp_diagonal - explained, 0.0)

    def spread(system: ProjectedSystem, left_out: LeftOutRows) -> FloatArray:
        repetitions = rows.block.repetitions
        light = 1 / left_out.precision - left_out.noise
        heavy = repetitions * (left_out.factor - left_out.noise)
        return unexplained + np.maximum(np.where(repetitions > 1, heavy, light), 0.0)

    return spread


def no_spread(system: ProjectedSystem, left_out: LeftOutRows) -> FloatArray:
    """Return the variance of one network whose outputs are not random."""
    return np.zeros_like(left_out.noise)


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
