"""Choice of a recipe and of a round by models that have seen nothing of what they predict."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata
from sklearn.exceptions import ConvergenceWarning

from skntk.estimators.feature_learning.folds import HeldOutFold
from skntk.estimators.feature_learning.held_out import HeldOut
from skntk.estimators.feature_learning.rounds import FeatureLearning, Recipe, WeightedRows


@dataclass(frozen=True)
class Candidate:
    """A recipe up to one of its rounds."""

    recipe: Recipe
    n_rounds: int

    @property
    def params(self) -> dict[str, Any]:
        """What is chosen, by name."""
        return {**vars(self.recipe), "n_rounds": self.n_rounds}


@dataclass(frozen=True, eq=False)
class Choice:
    """The candidate of the least loss.

    Attributes
    ----------
    candidate : Candidate
    calibration : float or ndarray of shape () or (n_outputs,)
        As `HeldOut` has it.
    table : dict of str to ndarray
        As ``cv_results_`` of a search; empty where nothing was held out.
    """

    candidate: Candidate
    calibration: np.ndarray | float
    table: dict[str, Any]


def candidates_of(recipes: Sequence[Recipe], n_rounds: int) -> list[Candidate]:
    """Return all rounds of all recipes; round 0 depends on the factor of alpha alone."""
    seen: set[float] = set()
    candidates = []
    for recipe in recipes:
        first = int(recipe.alpha_factor in seen)
        seen.add(recipe.alpha_factor)
        candidates += [Candidate(recipe, number) for number in range(first, n_rounds + 1)]
    return candidates


def choose(
    estimator: Any,
    rows: WeightedRows,
    folds: Sequence[HeldOutFold],
    candidates: Sequence[Candidate],
    make_held_out: Callable[[np.ndarray, np.ndarray], HeldOut],
) -> Choice:
    """Return the candidate whose models predict best what they were not trained on.

    ``make_held_out`` makes an empty `HeldOut` of the targets and the weights of held-out rows.
    Without folds the plain model is chosen.
    """
    if not folds:
        return Choice(candidates[0], 1.0, {})
    weight = np.concatenate([fold.test_weight for fold in folds])
    y = np.concatenate([rows.y[fold.test] for fold in folds])
    predictions = {candidate: make_held_out(y, weight) for candidate in candidates}
    for fold in folds:
        _predict_held_out(estimator, rows, fold, predictions)
    losses = np.array([held_out.losses() for held_out in predictions.values()])
    ends = np.cumsum([len(fold.test) for fold in folds])[:-1]
    table = _table(candidates, np.split(losses, ends, axis=1), np.split(weight, ends))
    best = int(np.argmax(table["mean_test_score"]))
    candidate = candidates[best]
    return Choice(candidate, predictions[candidate].calibration(), table)


def _predict_held_out(
    estimator: Any,
    rows: WeightedRows,
    fold: HeldOutFold,
    predictions: dict[Candidate, HeldOut],
) -> None:
    """Learn features and alpha without a fold, and predict it by every candidate."""
    X = rows.X[fold.test]
    most: dict[Recipe, int] = {}
    for candidate in predictions:
        most[candidate.recipe] = max(candidate.n_rounds, most.get(candidate.recipe, 0))
    with warnings.catch_warnings():
        # The fit of all rows says where alpha ends.
        warnings.filterwarnings("ignore", "alpha=.auto. ends at", ConvergenceWarning)
        learning = FeatureLearning(estimator, rows.part(fold.train, fold.train_weight))
        for recipe, n_rounds in most.items():
            for number, (rescaling, model) in enumerate(learning.rounds(recipe, n_rounds)):
                held_out = predictions.get(Candidate(recipe, number))
                if held_out is not None:
                    held_out.add(model, rescaling(X))


def _table(
    candidates: Sequence[Candidate],
    losses: Sequence[np.ndarray],
    weights: Sequence[np.ndarray],
) -> dict[str, Any]:
    """Return scores, losses times -1, by candidate; losses of shape (n_candidates, n) by fold."""
    params = [candidate.params for candidate in candidates]
    table: dict[str, Any] = {"params": params}
    for name in params[0]:
        table[f"param_{name}"] = np.array([chosen[name] for chosen in params])
    by_fold = [
        -np.average(loss, axis=1, weights=weight)
        for loss, weight in zip(losses, weights, strict=True)
    ]
    for number, scores in enumerate(by_fold):
        table[f"split{number}_test_score"] = scores
    totals = [weight.sum() for weight in weights]
    mean = np.average(by_fold, axis=0, weights=totals)
    deviation = np.square(np.array(by_fold) - mean)
    table["mean_test_score"] = mean
    table["std_test_score"] = np.sqrt(np.average(deviation, axis=0, weights=totals))
    table["rank_test_score"] = rankdata(-mean, method="min").astype(np.int32)
    return table
