"""Scores of one kernel for a whole grid of alpha, from one eigendecomposition a fold.

With S = Q diag(e) Q^T the training kernel, every (S + alpha I)^-1 is Q diag(1 / (e + alpha)) Q^T:
predictions, leave-one-out predictions and variances for all alphas are products with Q. The
estimators reach the same numbers through one Cholesky factor for each alpha.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh
from scipy.special import log_softmax, softmax

MAX_INVERSE_TEMPERATURE = 1e4


@dataclass(frozen=True)
class Fold:
    """Kernel matrices of one fold.

    Attributes
    ----------
    train, cross : ndarray of shape (n, n) and (m, n)
        The kernel that is inverted, NNGP or NTK.
    train_nngp, cross_nngp, test_nngp : ndarray of shape (n, n), (m, n) and (m,)
        The covariance of the network before training.
    """

    train: np.ndarray
    cross: np.ndarray
    train_nngp: np.ndarray
    cross_nngp: np.ndarray
    test_nngp: np.ndarray


class RidgeOverAlphas:
    """Regressions on one training kernel, one for each alpha: the first axis of all arrays."""

    def __init__(self, fold: Fold, alphas: np.ndarray) -> None:
        self.fold = fold
        self.alphas = alphas
        self.eigenvalues, self.Q = eigh(
            fold.train, driver="evd", check_finite=False, overwrite_a=False
        )
        self.shrinkage = 1.0 / (np.maximum(self.eigenvalues, 0.0) + alphas[:, np.newaxis])
        self.projected_cross = fold.cross @ self.Q

    def predict(self, targets: np.ndarray, centered: bool) -> np.ndarray:
        """Return predictions of shape (alphas, m, outputs)."""
        columns = np.column_stack([targets, np.ones(len(targets))])
        values = self._through(self.projected_cross, columns)
        return _add_mean(values, targets.mean(axis=0)) if centered else values[..., :-1]

    def leave_one_out(self, targets: np.ndarray, centered: bool) -> np.ndarray:
        """Return leave-one-out predictions of shape (alphas, n, outputs)."""
        columns = np.column_stack([targets, np.ones(len(targets))])
        precision = self.shrinkage @ (self.Q**2).T
        values = columns - self._through(self.Q, columns) / precision[..., np.newaxis]
        if not centered:
            return values[..., :-1]
        n = len(targets)
        return _add_mean(values, (targets.sum(axis=0) - targets) / (n - 1))

    def nngp_variance(self) -> np.ndarray:
        """Return the posterior variance of the Gaussian process, of shape (alphas, m)."""
        explained = self.shrinkage @ (self.projected_cross**2).T
        return np.maximum(self.fold.test_nngp - explained, 0.0)

    def ensemble_variance(self) -> np.ndarray:
        """Return the variance over trained networks, of shape (alphas, m)."""
        prior = self.Q.T @ self.fold.train_nngp @ self.Q
        prior_cross = self.fold.cross_nngp @ self.Q
        variances = []
        for shrinkage in self.shrinkage:
            weights = self.projected_cross * shrinkage
            variance = self.fold.test_nngp - 2 * np.sum(weights * prior_cross, axis=1)
            variances.append(variance + np.sum((weights @ prior) * weights, axis=1))
        return np.maximum(variances, 0.0)

    def _through(self, left: np.ndarray, columns: np.ndarray) -> np.ndarray:
        shrunk = self.shrinkage[:, :, np.newaxis] * (self.Q.T @ columns)
        n_alphas, n, n_columns = shrunk.shape
        flat = shrunk.transpose(1, 0, 2).reshape(n, n_alphas * n_columns)
        return (left @ flat).reshape(-1, n_alphas, n_columns).transpose(1, 0, 2)


def _add_mean(values: np.ndarray, mean: np.ndarray) -> np.ndarray:
    # The last column is the prediction for targets of 1: what centering takes off and adds again.
    return values[..., :-1] + mean * (1.0 - values[..., -1:])


def classification_scores(
    ridge: RidgeOverAlphas, train: np.ndarray, test: np.ndarray, centered: bool
) -> dict[str, np.ndarray]:
    """Return accuracy and log-loss for each alpha; one-hot targets."""
    scores = ridge.predict(train, centered)
    labels = test.argmax(axis=1)
    left_out = ridge.leave_one_out(train, centered)
    inverse_temperature = fit_inverse_temperature(left_out, train.argmax(axis=1))
    log_probability = log_softmax(scores * inverse_temperature[:, np.newaxis, np.newaxis], axis=-1)
    return {
        "accuracy": np.mean(scores.argmax(axis=-1) == labels, axis=1),
        "log_loss": -np.mean(log_probability[:, np.arange(len(labels)), labels], axis=1),
    }


def fit_inverse_temperature(scores: np.ndarray, labels: np.ndarray, n_steps: int = 8) -> np.ndarray:
    """Return the inverse temperature with the least log-loss, for each alpha.

    The log-loss is convex in it: Newton's method. As in the classifiers, the label of each of n
    rows counts as (n + 1) / (n + 2) and the other classes share the rest.
    """
    n, n_classes = scores.shape[1:]
    certain = (n + 1) / (n + 2)
    label_scores = scores[:, np.arange(n), labels]
    other_scores = (scores.sum(axis=-1) - label_scores) / (n_classes - 1)
    target_score = np.mean(certain * label_scores + (1 - certain) * other_scores, axis=1)
    inverse = np.full(len(scores), 5.0)
    for _ in range(n_steps):
        probability = softmax(scores * inverse[:, np.newaxis, np.newaxis], axis=-1)
        mean = np.sum(probability * scores, axis=-1)
        curvature = np.mean(np.sum(probability * scores**2, axis=-1) - mean**2, axis=1)
        step = (mean.mean(axis=1) - target_score) / np.maximum(curvature, 1e-12)
        inverse = np.clip(inverse - step, inverse / 3, inverse * 3)
        inverse = np.clip(inverse, 1e-3, MAX_INVERSE_TEMPERATURE)
    return inverse


def regression_scores(
    ridge: RidgeOverAlphas, kind: str, train: np.ndarray, test: np.ndarray, centered: bool
) -> dict[str, np.ndarray]:
    """Return R2 and the mean negative log density, with and without alpha in the variance.

    Targets have variance 1 over the whole set, so that the mean over the folds of 1 - squared error
    is R2 over all of them, however small they are.
    """
    errors = ridge.predict(train, centered) - test
    scale = train.std(axis=0) if centered else np.ones(train.shape[1])
    variance = ridge.nngp_variance() if kind == "nngp" else ridge.ensemble_variance()
    noisy = variance + ridge.alphas[:, np.newaxis]
    return {
        "r2": 1.0 - np.mean(errors**2, axis=(1, 2)),
        "nlpd": _negative_log_density(errors, variance[..., np.newaxis] * scale**2),
        "nlpd_with_alpha": _negative_log_density(errors, noisy[..., np.newaxis] * scale**2),
    }


def _negative_log_density(errors: np.ndarray, variance: np.ndarray) -> np.ndarray:
    variance = np.maximum(variance, 1e-12)
    density = np.log(2 * np.pi * variance) + errors**2 / variance
    return 0.5 * np.mean(density, axis=(1, 2))
