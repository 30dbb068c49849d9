"""The `alpha` of a Gaussian process with softmax likelihood, by its evidence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skntk.estimators.data.noise import Noise
from skntk.estimators.data.row_order import order_by_value
from skntk.estimators.kernel_machines.automatic_alpha import range_of_alpha
from skntk.inference import SoftmaxLaplacePosterior
from skntk.inference.noise_level.search import best_level, evenly_spaced

# A Laplace approximation takes many factorizations, and the evidence is smooth.
_LEVELS_PER_DECADE = 0.5
_N_ROWS = 200


@dataclass(frozen=True)
class EvidenceOfAlpha:
    """A value of `alpha`, and the log evidence of the rows that it was found from."""

    alpha: float
    score: float


def find_alpha_by_evidence(
    kernel: np.ndarray,
    counts: np.ndarray,
    prior_mean: np.ndarray | None,
    noise: Noise,
    *,
    X: np.ndarray,
    dtype: str,
) -> EvidenceOfAlpha:
    """Return the `alpha` of the largest evidence in Laplace's approximation.

    Parameters
    ----------
    kernel : ndarray of shape (n, n)
    counts : ndarray of shape (n, n_classes)
        Observations of every class at the rows X. Of some hundred rows at most, those that
        `order_by_value` spreads evenly.
    prior_mean : ndarray of shape (n_classes,) or None
    noise : Noise
    X : ndarray of shape (n, ...)
    dtype : {"float64", "float32"}
        Precision of the kernel.
    """
    low, center, high = range_of_alpha(kernel, noise, dtype)
    unit = noise.unit(np.diagonal(kernel))
    rows = np.arange(len(kernel))
    if len(rows) > _N_ROWS:
        rows = evenly_spaced(order_by_value(X), _N_ROWS)
    within, observed = kernel[np.ix_(rows, rows)], counts[rows]

    def evidence(alpha: float) -> float:
        posterior = SoftmaxLaplacePosterior.condition(
            within, observed, np.full(len(rows), alpha * unit), prior_mean=prior_mean
        )
        return posterior.log_marginal_likelihood

    alpha = best_level(
        lambda levels: np.array([evidence(float(level)) for level in levels]),
        (low, high),
        center,
        _LEVELS_PER_DECADE,
    )
    return EvidenceOfAlpha(alpha, evidence(alpha))
