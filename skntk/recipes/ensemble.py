"""Greedy averages of predictions, chosen by what they predict for rows that were held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

__all__ = ["greedy_weights"]

_MOST_STEPS = 50


def greedy_weights(
    predictions: Sequence[np.ndarray], loss: Callable[[np.ndarray], float]
) -> np.ndarray:
    """Return weights of sum 1 by which an average of predictions has a small loss.

    Predictions are added one at a time, with replacement, always the one that lowers the loss of
    the average most [1]_. Of all averages on the way the first with the least loss counts, so that
    none is chosen that is worse than the best single prediction.

    References
    ----------
    .. [1] Caruana, Niculescu-Mizil, Crew, Ksikes, "Ensemble selection from libraries of models",
       ICML 2004.
    """
    counts = np.zeros(len(predictions), dtype=int)
    total = np.zeros_like(predictions[0])
    best_loss, best_counts = np.inf, counts
    for step in range(1, _MOST_STEPS + 1):
        losses = [loss((total + prediction) / step) for prediction in predictions]
        chosen = int(np.argmin(losses))
        counts = counts.copy()
        counts[chosen] += 1
        total = total + predictions[chosen]
        if losses[chosen] < best_loss:
            best_loss, best_counts = losses[chosen], counts
    return best_counts / best_counts.sum()
