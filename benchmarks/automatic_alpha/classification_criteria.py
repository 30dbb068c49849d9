"""Criteria for the `alpha` of classifiers, compared by the log-loss of test rows.

One eigendecomposition of the training kernel tells the scores of all criteria, and the test
predictions, at every alpha of a grid. Rows are not merged, and leaving out means one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from benchmarks.automatic_alpha.data import Split
from benchmarks.automatic_alpha.scores import geometric_mean, log_loss
from benchmarks.defaults_study.scores import Fold, RidgeOverAlphas
from benchmarks.timing import markdown_table
from skntk import gram_matrix
from skntk.architecture import FullyConnected
from skntk.estimators.classification.temperature import fit_temperature
from skntk.estimators.data.defaults import ALPHA_CENTER

ALPHAS = np.logspace(-6, 3, 37)
FIXED = 0.1
# Of the logarithm of alpha, as in `fit`: two decades.
PRIOR_STD = 2 * np.log(10)
KERNELS = {"NNGP": "nngp", "NTK": "ntk"}
CRITERIA = (
    "leave-one-out squared error",
    "leave-one-out log-loss behind the temperature",
    "leave-one-out density, one scale a class",
    "leave-one-out density, one scale",
    "marginal likelihood, one scale a class",
)


@dataclass(frozen=True)
class Outcome:
    """What an alpha leads to on test rows."""

    log_loss: float
    accuracy: float
    alpha: float


class Classification:
    """A classification by one kernel with every alpha.

    Attributes
    ----------
    left_out : ndarray of shape (n_alphas, n, n_classes)
        Predicted one-hot targets of training rows, each by the others.
    temperatures : list of float
        One for each alpha, found from these.
    """

    def __init__(self, split: Split, kernel: str) -> None:
        self.split = split
        train, cross = (
            gram_matrix(FullyConnected(), X, Y, kind=kernel)
            for X, Y in ((split.X, None), (split.X_test, split.X))
        )
        unit = np.mean(np.diag(train))
        train, cross = train / unit, cross / unit
        self.classes, self.labels = np.unique(split.y, return_inverse=True)
        self.one_hot = np.eye(len(self.classes))[self.labels]
        # The variance of the process takes no part.
        self.ridge = RidgeOverAlphas(Fold(train, cross, train, cross, np.zeros(1)), ALPHAS)
        self.left_out = self.ridge.leave_one_out(self.one_hot, centered=True)
        weight = np.ones(len(self.labels))
        self.temperatures = [
            fit_temperature(scores, self.labels, weight) for scores in self.left_out
        ]

    def outcomes(self) -> list[Outcome]:
        """Return what every alpha leads to."""
        found = []
        predictions = self.ridge.predict(self.one_hot, centered=True)
        for alpha, scores, temperature in zip(ALPHAS, predictions, self.temperatures, strict=True):
            loss = log_loss(softmax(scores / temperature, axis=1), self.classes, self.split.y_test)
            hits = self.classes[scores.argmax(axis=1)] == self.split.y_test
            found.append(Outcome(loss, float(hits.mean()), float(alpha)))
        return found

    def criteria(self) -> dict[str, np.ndarray]:
        """Return the score of every criterion at every alpha, in nats."""
        n = len(self.labels)
        squares = np.square(self.one_hot - self.left_out)
        precision = self.ridge.shrinkage @ np.square(self.ridge.Q).T
        log_precision = np.log(precision).mean(axis=1)
        relative = squares * precision[..., np.newaxis]
        n_classes = len(self.classes)
        scores = (
            -0.5 * n * n_classes * np.log(squares.mean(axis=(1, 2))),
            np.array(list(map(self._log_likelihood, self.left_out, self.temperatures))),
            0.5 * n * (n_classes * log_precision - np.log(relative.mean(axis=1)).sum(axis=1)),
            0.5 * n * n_classes * (log_precision - np.log(relative.mean(axis=(1, 2)))),
            self._marginal_likelihood(),
        )
        return dict(zip(CRITERIA, scores, strict=True))

    def _log_likelihood(self, scores: np.ndarray, temperature: float) -> float:
        loss = log_loss(
            softmax(scores / temperature, axis=1), np.arange(len(self.classes)), self.labels
        )
        return -len(self.labels) * loss

    def _marginal_likelihood(self) -> np.ndarray:
        centered = self.one_hot - self.one_hot.mean(axis=0)
        energy = self.ridge.shrinkage @ np.square(self.ridge.Q.T @ centered)
        n, n_classes = centered.shape
        log_determinant = -np.log(self.ridge.shrinkage).sum(axis=1)
        return -0.5 * (n * np.log(energy).sum(axis=1) + n_classes * log_determinant)


def chosen(scores: np.ndarray) -> int:
    """Return the position of the best score, with the prior of `fit`."""
    prior = -0.5 * np.square(np.log(ALPHAS / ALPHA_CENTER) / PRIOR_STD)
    return int(np.argmax(scores + prior))


def outcomes_of(split: Split, kernel: str) -> dict[str, Outcome]:
    """Return what every rule leads to."""
    classification = Classification(split, kernel)
    outcomes = classification.outcomes()
    fixed = int(np.abs(np.log(ALPHAS / FIXED)).argmin())
    best = min(outcomes, key=lambda outcome: outcome.log_loss)
    criteria = classification.criteria()
    return {
        "alpha=0.1": outcomes[fixed],
        **{name: outcomes[chosen(scores)] for name, scores in criteria.items()},
        "the best in hindsight": best,
    }


def report(sources: Mapping[str, Iterable[Split]]) -> str:
    """Return a table with the means over the splits of every source."""
    rows = []
    for source, splits in sources.items():
        found: dict[tuple[str, str], list[Outcome]] = {}
        for split in splits:
            for title, kernel in KERNELS.items():
                for rule, outcome in outcomes_of(split, kernel).items():
                    found.setdefault((title, rule), []).append(outcome)
        for (title, rule), outcomes in found.items():
            fixed = np.array([outcome.log_loss for outcome in found[title, "alpha=0.1"]])
            losses = np.array([outcome.log_loss for outcome in outcomes])
            accuracy = 100 * np.mean([outcome.accuracy for outcome in outcomes])
            rows.append(
                [
                    f"{source}, {len(outcomes)}",
                    title,
                    rule,
                    f"{losses.mean():.4f}",
                    f"{geometric_mean(losses / fixed):.4f}",
                    f"{np.max(losses / fixed):.2f}",
                    f"{np.sum(losses < fixed)}",
                    f"{accuracy:.2f}",
                ]
            )
    header = [
        "data, how many",
        "kernel",
        "alpha by",
        "log-loss",
        "ratio to 0.1",
        "largest ratio",
        "how many lower",
        "accuracy %",
    ]
    return markdown_table(header, rows)
