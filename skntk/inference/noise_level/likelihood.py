r"""The marginal likelihood of a level, at the best scale of every output.

With B = K + A and A the noise at a level, the targets of output k are normal with covariance
:math:`c_k B`. Of N observations the most likely scale is :math:`c_k = y_k^T B^{-1} y_k / N`, and
there

.. math::

    \log p(y_k) = -\tfrac12 \left(N \log 2 \pi e c_k + \log |B|
        + \sum_i \bigl((r_i - 1) \log(r_i A_{ii}) + \log r_i\bigr)\right),

where the sum is about the :math:`r_i` observations of one value that a sample stands for:
:math:`N(y \mid f, a)^r = N(y \mid f, a / r) (2 \pi a)^{(1 - r) / 2} r^{-1/2}`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from scipy.special import xlogy

from skntk.inference.linalg.arrays import FloatArray
from skntk.inference.linalg.solver import LinearSystem
from skntk.inference.noise_level.inverse_columns import InverseColumns
from skntk.inference.noise_level.problem import Evaluation, LevelScores, NoiseProblem, Rows
from skntk.inference.noise_level.tridiagonal import TridiagonalForm

__all__ = ["ProfiledLikelihood"]


@dataclass(frozen=True)
class ProfiledLikelihood:
    """The log marginal likelihood of a Gaussian process, at the best scale of every output."""

    # A tridiagonal reduction of so many takes about as long as a fit.
    n_decomposed: ClassVar[int] = 500

    def on(self, rows: Rows) -> Self:
        return self

    def scores(self, problem: NoiseProblem) -> LevelScores:
        root = np.sqrt(problem.sample_weight)
        # W^1/2 (K + A) W^1/2 has the same noise for all samples.
        matrix = problem.kernel * root
        matrix *= root[:, np.newaxis]
        form = TridiagonalForm.reduce(matrix, problem.targets * root[:, np.newaxis])
        log_density = _LogDensity.of(problem)
        log_weights = float(np.log(problem.sample_weight).sum())

        def score(level: float) -> float:
            shifted = form.shifted(level * problem.unit)
            if shifted is None:
                return -np.inf
            misfit, log_determinant = shifted
            return log_density(level, misfit, log_determinant - log_weights)

        return lambda levels: np.array([score(float(level)) for level in levels])

    def evaluate(
        self, problem: NoiseProblem, system: LinearSystem, level: float, rows: Rows
    ) -> Evaluation:
        misfit = system.quadratic_form(problem.targets)
        score = _LogDensity.of(problem)(level, misfit, system.log_determinant())
        return Evaluation(score, misfit / problem.n_observations)

    def slope(self, problem: NoiseProblem, system: LinearSystem, level: float, rows: Rows) -> float:
        inverse = InverseColumns.of(problem, system, level, rows)
        dual_coef = system.solve(problem.targets)
        misfit = np.einsum("ij,ij->j", problem.targets, dual_coef)
        damped = inverse.noise[:, np.newaxis] * dual_coef
        misfit_slope = -np.einsum("ij,ij->j", damped, dual_coef)
        # Of the trace of B^-1 A some terms are known.
        known = inverse.noise[rows] @ inverse.diagonal()[:, 0]
        trace = len(problem.kernel) / len(rows) * known
        return _LogDensity.of(problem).slope(misfit, misfit_slope, float(trace))


@dataclass(frozen=True)
class _LogDensity:
    """The formula above, with what does not depend on the level."""

    n_samples: int
    n_observations: float
    # The sum at level 1.
    repetitions: float

    @classmethod
    def of(cls, problem: NoiseProblem) -> _LogDensity:
        number = problem.repetitions
        repetitions = xlogy(number - 1, number * problem.pattern) + np.log(number)
        return cls(len(number), problem.n_observations, float(repetitions.sum()))

    def __call__(self, level: float, misfit: FloatArray, log_determinant: float) -> float:
        n = self.n_observations
        repetitions = (n - self.n_samples) * np.log(level) + self.repetitions
        scale = n * np.log(2 * np.pi * np.e / n * misfit).sum()
        return -0.5 * float(scale + len(misfit) * (log_determinant + repetitions))

    def slope(self, misfit: FloatArray, misfit_slope: FloatArray, trace: float) -> float:
        """Return the derivative by the logarithm of the level, given that of the misfit."""
        n = self.n_observations
        scale = n * float((misfit_slope / misfit).sum())
        return -0.5 * (scale + len(misfit) * (trace + n - self.n_samples))
