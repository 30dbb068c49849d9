"""Criteria of a level by the models that leave out one observation.

With B = K + A and dual coefficients B^-1 y, the prediction for an observation that is left out
misses it by its dual coefficient times `left_out_factor`. The targets are centered anew by the mean
of the others where they were centered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol, Self

import numpy as np
import numpy.typing as npt

from skntk.inference.linalg.arrays import FloatArray
from skntk.inference.linalg.solver import LinearSystem
from skntk.inference.noise_level.inverse_columns import AROUND, InverseColumns, slope_around
from skntk.inference.noise_level.problem import Evaluation, LevelScores, NoiseProblem, Rows
from skntk.inference.posteriors.leave_one_out import left_out_factor, shift_of_center
from skntk.inference.subsets.noise_spectrum import NoiseSpectrum

__all__ = [
    "EnsembleVariance",
    "LeaveOneOutDensity",
    "LeaveOneOutError",
    "NoiseVariance",
    "ProcessVariance",
]


# An eigendecomposition of more would take longer than a fit.
_N_DECOMPOSED = 200


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Predictions of observations that were left out, at some levels.

    Attributes
    ----------
    residuals : ndarray of shape (n, outputs, n_levels)
    factor : ndarray of shape (n, n_levels)
        The residual of a sample by its dual coefficient, without centering.
    precision : ndarray of shape (n, n_levels)
        The diagonal of B^-1.
    noise : ndarray of shape (n, n_levels)
        Of one observation.
    repetitions, weight : ndarray of shape (n, 1)
    """

    residuals: FloatArray
    factor: FloatArray
    precision: FloatArray
    noise: FloatArray
    repetitions: FloatArray
    weight: FloatArray

    @classmethod
    def at(
        cls,
        problem: NoiseProblem,
        rows: Rows,
        levels: FloatArray,
        precision: FloatArray,
        dual_coef: FloatArray,
    ) -> LeftOut:
        """Leave out an observation of some rows, given the dual coefficients of (y, 1)."""
        repetitions = problem.repetitions[rows, np.newaxis]
        noise = levels * problem.pattern[rows, np.newaxis]
        factor = left_out_factor(repetitions, noise, precision)
        residuals = factor[:, np.newaxis] * dual_coef
        center = _center_of_others(problem)[rows, :, np.newaxis]
        residuals = residuals[:, :-1] - center * residuals[:, -1:]
        weight = problem.sample_weight[rows, np.newaxis]
        return cls(residuals, factor, precision, repetitions * noise, repetitions, weight)


def _center_of_others(problem: NoiseProblem) -> FloatArray:
    """Return by how much the mean of the targets moves, shape (n, outputs)."""
    if not problem.is_centered:
        return np.zeros_like(problem.targets)
    left_out = problem.sample_weight / np.maximum(problem.repetitions, 1)
    return shift_of_center(problem.targets, left_out, problem.sample_weight.sum())


class LeftOutVariance(Protocol):
    """The variance of an observation that was left out, in units of the scale of an output."""

    def on(self, rows: Rows) -> Self:
        """Return the same for some samples."""
        ...

    def by_spectrum(self, spectrum: NoiseSpectrum) -> Callable[[LeftOut, FloatArray], FloatArray]:
        """Return a function of what is left out at some levels, shape (n, n_levels)."""
        ...

    def by_system(self, left_out: LeftOut, inverse: InverseColumns) -> FloatArray:
        """Return the variance of some rows, shape (n, n_levels), given their columns of B^-1."""
        ...


class _OwnVariance:
    """A variance that follows from what is left out, without another kernel."""

    def on(self, rows: Rows) -> Self:
        return self

    def by_spectrum(self, spectrum: NoiseSpectrum) -> Callable[[LeftOut, FloatArray], FloatArray]:
        return lambda left_out, levels: self._variance(left_out)

    def by_system(self, left_out: LeftOut, inverse: InverseColumns) -> FloatArray:
        return self._variance(left_out)

    def _variance(self, left_out: LeftOut) -> FloatArray:
        raise NotImplementedError


class ProcessVariance(_OwnVariance):
    """That of a Gaussian process: 1 / p for a weight of 1."""

    def _variance(self, left_out: LeftOut) -> FloatArray:
        repetitions = left_out.repetitions
        light = 1 / left_out.precision + left_out.noise * (1 - 1 / repetitions)
        return np.where(repetitions > 1, repetitions * left_out.factor, light)


class NoiseVariance(_OwnVariance):
    """That of one network whose outputs are not random: the noise alone."""

    def _variance(self, left_out: LeftOut) -> FloatArray:
        return left_out.noise


@dataclass(frozen=True, eq=False)
class EnsembleVariance:
    r"""That of an ensemble of trained networks, and the noise.

    The initial functions with covariance K move the prediction by :math:`\varphi B^{-1} f_0`, whose
    variance is :math:`\varphi^2 \operatorname{diag}(B^{-1} K B^{-1})`. Over many levels it is found
    as if K had the eigenvectors of the NTK, as it nearly has: the product of matrices that it takes
    otherwise, at every level, is made for the one that is chosen.

    Attributes
    ----------
    prior : ndarray of shape (n, n)
        K, the NNGP kernel.
    """

    prior: FloatArray

    def on(self, rows: Rows) -> EnsembleVariance:
        return EnsembleVariance(self.prior[np.ix_(rows, rows)])

    def by_spectrum(self, spectrum: NoiseSpectrum) -> Callable[[LeftOut, FloatArray], FloatArray]:
        vectors = spectrum.vectors
        eigenvalues = np.maximum(spectrum.eigenvalues, 0)[:, np.newaxis]
        prior = np.einsum("ij,ij->j", vectors, self.prior @ vectors)[:, np.newaxis]
        squares = np.square(vectors)

        def variance(left_out: LeftOut, levels: FloatArray) -> FloatArray:
            # One factor after the other: squares of kernels in small or large units overflow.
            shifted = eigenvalues + levels
            spread = squares @ (prior / shifted / shifted)
            return left_out.factor * (left_out.factor * spread) + left_out.noise

        return variance

    def by_system(self, left_out: LeftOut, inverse: InverseColumns) -> FloatArray:
        spread = inverse.quadratic_form(self.prior)
        return left_out.factor * (left_out.factor * spread) + left_out.noise


@dataclass(frozen=True, eq=False)
class LeaveOneOutDensity:
    """The log density of every observation given all others, at the best scale of every output.

    Attributes
    ----------
    variance : LeftOutVariance
    """

    variance: LeftOutVariance
    n_decomposed: ClassVar[int] = _N_DECOMPOSED

    def on(self, rows: Rows) -> LeaveOneOutDensity:
        return LeaveOneOutDensity(self.variance.on(rows))

    def scores(self, problem: NoiseProblem) -> LevelScores:
        spectrum = _Spectrum.decompose(problem)
        variance = self.variance.by_spectrum(spectrum.spectrum)

        def scores(levels: FloatArray) -> FloatArray:
            left_out = spectrum.left_out(levels)
            return _density(problem, left_out, variance(left_out, levels))[0]

        return scores

    def evaluate(
        self, problem: NoiseProblem, system: LinearSystem, level: float, rows: Rows
    ) -> Evaluation:
        inverse = InverseColumns.of(problem, system, level, rows)
        left_out = _left_out(problem, inverse)
        score, scale = _density(problem, left_out, self.variance.by_system(left_out, inverse))
        return Evaluation(float(score[0]), scale[:, 0])

    def slope(self, problem: NoiseProblem, system: LinearSystem, level: float, rows: Rows) -> float:
        inverse = InverseColumns.of(problem, system, level, rows, AROUND)
        left_out = _left_out(problem, inverse)
        score, _ = _density(problem, left_out, self.variance.by_system(left_out, inverse))
        return slope_around(score)


@dataclass(frozen=True, eq=False)
class LeaveOneOutError:
    """The log density of all errors at their most likely variance, one for all outputs.

    It ranks levels as the mean squared error of left-out observations does, in nats.

    Attributes
    ----------
    counted : ndarray of bool of shape (n,) or None
        Whose errors count: of all samples if None, or if there are none.
    """

    counted: npt.NDArray[np.bool_] | None = None
    n_decomposed: ClassVar[int] = _N_DECOMPOSED

    def on(self, rows: Rows) -> LeaveOneOutError:
        return self if self.counted is None else LeaveOneOutError(self.counted[rows])

    def scores(self, problem: NoiseProblem) -> LevelScores:
        spectrum = _Spectrum.decompose(problem)
        everything = np.arange(len(problem.kernel))
        return lambda levels: self._score(problem, spectrum.left_out(levels), everything)

    def evaluate(
        self, problem: NoiseProblem, system: LinearSystem, level: float, rows: Rows
    ) -> Evaluation:
        left_out = _left_out(problem, InverseColumns.of(problem, system, level, rows))
        score = float(self._score(problem, left_out, rows)[0])
        return Evaluation(score, np.ones(problem.targets.shape[1]))

    def slope(self, problem: NoiseProblem, system: LinearSystem, level: float, rows: Rows) -> float:
        left_out = _left_out(problem, InverseColumns.of(problem, system, level, rows, AROUND))
        return slope_around(self._score(problem, left_out, rows))

    def _score(self, problem: NoiseProblem, left_out: LeftOut, rows: Rows) -> FloatArray:
        weight = left_out.weight
        if self.counted is not None and self.counted[rows].any():
            weight = weight * self.counted[rows, np.newaxis]
        error = _mean(np.square(left_out.residuals), weight).mean(axis=0)
        density: FloatArray = -0.5 * problem.n_observations * np.log(2 * np.pi * np.e * error)
        return density


def _density(
    problem: NoiseProblem, left_out: LeftOut, variance: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the log density, shape (n_levels,), and the scales, shape (outputs, n_levels)."""
    repetitions = left_out.repetitions
    scale = _mean(np.square(left_out.residuals) / variance[:, np.newaxis], repetitions)
    logarithms = np.log(2 * np.pi * np.e * scale) + _mean(np.log(variance), repetitions)
    return -0.5 * problem.n_observations * logarithms.sum(axis=0), scale


def _mean(values: FloatArray, weight: FloatArray) -> FloatArray:
    """Return the weighted mean over samples, for weights of shape (n, 1)."""
    mean: FloatArray = np.tensordot(weight[:, 0] / weight.sum(), values, axes=1)
    return mean


@dataclass(frozen=True, eq=False)
class _Spectrum:
    """The eigendecomposition of a problem, for what is left out at any levels."""

    problem: NoiseProblem
    spectrum: NoiseSpectrum
    squares: FloatArray
    coordinates: FloatArray

    @classmethod
    def decompose(cls, problem: NoiseProblem) -> _Spectrum:
        rows = np.arange(len(problem.kernel))
        spectrum = NoiseSpectrum.decompose(problem.kernel, rows, problem.pattern)
        coordinates = spectrum.vectors.T @ _with_ones(problem)
        return cls(problem, spectrum, np.square(spectrum.vectors), coordinates)

    def left_out(self, levels: FloatArray) -> LeftOut:
        # Eigenvalues below 0 are rounding.
        inverse = 1 / (np.maximum(self.spectrum.eigenvalues, 0)[:, np.newaxis] + levels)
        weighted = self.coordinates[:, :, np.newaxis] * inverse[:, np.newaxis]
        dual_coef = np.tensordot(self.spectrum.vectors, weighted, axes=1)
        precision = self.squares @ inverse
        return LeftOut.at(self.problem, self.spectrum.rows, levels, precision, dual_coef)


def _left_out(problem: NoiseProblem, inverse: InverseColumns) -> LeftOut:
    """Return what is left out of the rows whose columns of B^-1 are given."""
    return LeftOut.at(
        problem,
        inverse.rows,
        inverse.levels,
        inverse.diagonal(),
        inverse.solution(_with_ones(problem))[inverse.rows],
    )


def _with_ones(problem: NoiseProblem) -> FloatArray:
    return np.column_stack([problem.targets, np.ones(len(problem.targets))])
