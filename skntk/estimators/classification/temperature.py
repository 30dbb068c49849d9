"""From scores to probabilities: one temperature for all classes, fitted on held-out scores."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.special import softmax

# The search ends where probabilities of typical scores are uniform, or certain, to about this
# factor.
_EXTREME = 1e3


def fit_temperature(scores: np.ndarray, labels: np.ndarray, sample_weight: np.ndarray) -> float:
    r"""Return the temperature T that minimizes the log-loss of ``softmax(scores / T)``.

    The log-loss of held-out scores is convex in 1 / T [1]_; the zero of its derivative is
    bracketed by temperatures far above and below the spread of the scores. Where every held-out
    row is right its infimum is at T = 0, certainty, which n rows do not warrant. As Platt does
    [2]_, the target of each row is therefore not 1 for its class but (n + 1) / (n + 2), the rule
    of succession after n successes in n trials, with n the sum of the weights; the other classes
    share the rest.

    Parameters
    ----------
    scores : ndarray of shape (n_samples, n_classes)
        Scores of rows by models that were not trained on them.
    labels : ndarray of shape (n_samples,)
        Index of the class of each row.
    sample_weight : ndarray of shape (n_samples,)
        Weight of each row in the log-loss, nonnegative.

    Returns
    -------
    float
        Positive; 1 if the scores of all classes are equal in every row, or no row has a weight.

    References
    ----------
    .. [1] Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks", ICML 2017.
    .. [2] Platt, "Probabilistic outputs for support vector machines and comparisons to regularized
       likelihood methods", 1999.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.estimators.classification.temperature import fit_temperature
    >>> scores = np.array([[0.2, 0.0], [0.2, 0.0], [0.2, 0.0], [0.2, 0.0]])
    >>> temperature = fit_temperature(scores, np.array([0, 0, 0, 1]), np.ones(4))
    >>> float(1 / (1 + np.exp(-0.2 / temperature)))  # 3/4 of 5/6, and 1/4 of 1/6
    0.6666666
    """
    if not sample_weight.any():
        return 1.0
    centered = scores - scores.mean(axis=1, keepdims=True)
    spread = float(np.sqrt(np.average(np.square(centered).mean(axis=1), weights=sample_weight)))
    if spread == 0:
        return 1.0
    relative = centered / spread
    targets = _smoothed_targets(labels, scores.shape[1], float(sample_weight.sum()))
    target_score = np.average((targets * relative).sum(axis=1), weights=sample_weight)

    def slope(log_sharpness: float) -> float:
        probabilities = softmax(np.exp(log_sharpness) * relative, axis=1)
        score = np.average((probabilities * relative).sum(axis=1), weights=sample_weight)
        return float(score - target_score)

    bound = np.log(_EXTREME)
    if slope(-bound) >= 0:
        return spread * _EXTREME
    if slope(bound) <= 0:
        return spread / _EXTREME
    return spread / float(np.exp(brentq(slope, -bound, bound, xtol=1e-13)))


def _smoothed_targets(labels: np.ndarray, n_classes: int, n_rows: float) -> np.ndarray:
    certain = (n_rows + 1) / (n_rows + 2)
    targets = np.full((len(labels), n_classes), (1 - certain) / (n_classes - 1))
    targets[np.arange(len(labels)), labels] = certain
    return targets
