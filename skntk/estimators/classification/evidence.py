"""The `alpha` of a Gaussian process with softmax likelihood, by its evidence."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from skntk.estimators.data.noise import Noise
from skntk.estimators.data.row_order import order_by_value
from skntk.estimators.kernel_machines.automatic_alpha import range_of_alpha
from skntk.inference import SoftmaxLaplacePosterior
from skntk.inference.noise_level.search import (
    End,
    best_level,
    end_of_range,
    evenly_spaced,
)

# A Laplace approximation takes many factorizations, and the evidence is smooth.
_LEVELS_PER_DECADE = 0.5
_N_ROWS = 200
# Nats that the evidence of a level may be off by, long before its mode is exact.
_TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False)
class ObservedClasses:
    """What was observed at rows.

    Attributes
    ----------
    counts : ndarray of shape (n, n_classes)
        Observations of every class.
    prior_mean : ndarray of shape (n_classes,) or None
    repetitions : ndarray of shape (n,)
        How many observations, each with noise of its own, a row stands for.
    noise : Noise
    """

    counts: np.ndarray
    prior_mean: np.ndarray | None
    repetitions: np.ndarray
    noise: Noise

    def on(self, rows: np.ndarray) -> ObservedClasses:
        """Return the same for some rows."""
        return replace(
            self,
            counts=self.counts[rows],
            repetitions=self.repetitions[rows],
            noise=replace(self.noise, sample_weight=self.noise.sample_weight[rows]),
        )


@dataclass(frozen=True, eq=False)
class ClassEvidence:
    """Observed classes, whose evidence depends on the noise of their logits.

    Attributes
    ----------
    kernel : ndarray of shape (n, n)
    observed : ObservedClasses
    """

    kernel: np.ndarray
    observed: ObservedClasses

    def on(self, rows: np.ndarray) -> ClassEvidence:
        """Return the same for some rows."""
        return ClassEvidence(self.kernel[np.ix_(rows, rows)], self.observed.on(rows))

    def posterior(
        self, variance: np.ndarray, start: np.ndarray | None = None, tolerance: float = 1e-12
    ) -> SoftmaxLaplacePosterior:
        """Return the posterior, given the noise of every row.

        Newton's method starts from coefficients near to those of the mode.
        """
        return SoftmaxLaplacePosterior.condition(
            self.kernel,
            self.observed.counts,
            variance,
            prior_mean=self.observed.prior_mean,
            repetitions=self.observed.repetitions,
            start=start,
            tolerance=tolerance,
        )


@dataclass(frozen=True, eq=False)
class AlphaByEvidence:
    """A value of `alpha`, and what the evidence of some rows says about it.

    Attributes
    ----------
    alpha : float
    score : float
        The log evidence.
    end : {"lower", "upper"} or None
        Which end of its range it is at.
    start : ndarray of shape (n_rows, n_classes)
        Coefficients of these rows near to those of the mode.
    """

    alpha: float
    score: float
    end: End
    start: np.ndarray


def rows_of_evidence(X: np.ndarray) -> np.ndarray:
    """Return the rows whose evidence tells `alpha`: all of few, some hundred of many.

    They are those that `order_by_value` spreads evenly.
    """
    if len(X) <= _N_ROWS:
        return np.arange(len(X))
    return evenly_spaced(order_by_value(X), _N_ROWS)


def find_alpha_by_evidence(
    problem: ClassEvidence, *, kernel_diagonal: np.ndarray, noise: Noise, dtype: str
) -> AlphaByEvidence:
    """Return the `alpha` of the largest evidence in Laplace's approximation, with a weak prior.

    Parameters
    ----------
    problem : ClassEvidence
        Of the rows that are asked.
    kernel_diagonal : ndarray of shape (n,)
        Of all training rows.
    noise : Noise
        Of all training rows.
    dtype : {"float64", "float32"}
        Precision of the kernel.
    """
    low, center, high = range_of_alpha(kernel_diagonal, noise, dtype)
    evidence = _EvidenceOfLevels(problem, noise.unit(kernel_diagonal))
    alpha = best_level(evidence, (low, high), center, _LEVELS_PER_DECADE)
    score, start = evidence.nearest(alpha)
    return AlphaByEvidence(alpha, score, end_of_range(alpha, (low, high)), start)


class _EvidenceOfLevels:
    """The evidence at levels of `alpha`.

    Modes of neighboring levels are near to one another: each search for one starts at the nearest.
    """

    def __init__(self, problem: ClassEvidence, unit: float) -> None:
        self._problem, self._unit = problem, unit
        # Of each level, the evidence and the coefficients of the mode.
        self._found: dict[float, tuple[float, np.ndarray]] = {}

    def __call__(self, levels: np.ndarray) -> np.ndarray:
        # From much noise to less: so the steps are fewest.
        for level in np.sort(levels)[::-1]:
            self._evaluate(float(level))
        return np.array([self._found[float(level)][0] for level in levels])

    def nearest(self, alpha: float) -> tuple[float, np.ndarray]:
        """Return the evidence at the nearest level, and the coefficients of its mode."""
        return self._found[min(self._found, key=lambda level: abs(np.log(level / alpha)))]

    def _evaluate(self, alpha: float) -> None:
        variance = self._problem.observed.noise.variance(np.full(1, alpha), self._unit)
        start = self.nearest(alpha)[1] if self._found else None
        posterior = self._problem.posterior(variance, start, _TOLERANCE)
        self._found[alpha] = posterior.log_marginal_likelihood, posterior.dual_coef
