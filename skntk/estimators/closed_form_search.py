"""Grid search over networks and `alpha` from kernel matrices that are computed once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self

import numpy as np
from joblib import parallel_config
from numpy.typing import ArrayLike
from sklearn.base import clone, is_classifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import GridSearchCV, ParameterGrid, check_cv
from sklearn.utils import _safe_indexing, indexable

from skntk.estimators._sklearn import accepts_sample_weight, search_context
from skntk.estimators.base import InfiniteNetwork
from skntk.estimators.closed_form import require_closed_form
from skntk.estimators.held_out import OnSharedKernel, on_shared_kernel
from skntk.estimators.left_out import leaving_one_out
from skntk.estimators.shared_kernels import SamplesOfSearch, decomposition_pays, digest

Parameters = dict[str, Any]


class ClosedFormSearchCV(GridSearchCV):
    def __init__(
        self,
        estimator: InfiniteNetwork,
        param_grid: dict[str, Sequence[Any]] | list[dict[str, Sequence[Any]]],
        *,
        cv: Any = None,
        scoring: Any = None,
        refit: bool | str | Callable[[dict[str, Any]], int] = True,
        n_jobs: int | None = None,
        error_score: Any = np.nan,
    ) -> None:
        self.estimator = estimator
        self.param_grid = param_grid
        self.cv = cv
        self.scoring = scoring
        self.refit = refit
        self.n_jobs = n_jobs
        self.error_score = error_score

    @search_context
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        candidates = _Candidates.of(self.estimator, self.param_grid)
        X, y = indexable(X, y)
        scorers = _scorers(self.estimator, self.scoring)
        samples = SamplesOfSearch(X, np.asarray(y), sample_weight)
        splits, held_out = self._held_out(samples, candidates, groups)
        search = _SearchByGroups(
            held_out,
            candidates,
            scoring=_OnHeldOut(scorers, X),
            cv=splits,
            n_jobs=self.n_jobs,
            error_score=self.error_score,
        )
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        # Threads share the kernels; processes could not.
        with parallel_config(backend="threading"):
            search.fit(np.arange(len(samples.y))[:, np.newaxis], y, **weights)
        self.cv_results_ = candidates.in_order_of_grid(search.cv_results_)
        self.n_splits_, self.multimetric_, self.scorer_ = (
            len(splits),
            search.multimetric_,
            scorers,
        )
        self._select(X, y, weights)
        return self

    def _held_out(
        self, samples: SamplesOfSearch, candidates: _Candidates, groups: Any
    ) -> tuple[list[tuple[np.ndarray, np.ndarray]], OnSharedKernel]:
        """Return the splits, and the estimator that predicts their test samples."""
        n_samples, classifies = len(samples.y), is_classifier(self.estimator)
        if self.cv is None:
            if n_samples < 2:
                raise ValueError(
                    "Leaving one sample out needs at least 2 samples, got 1: add samples."
                )
            samples.decomposes = True
            everything = np.arange(n_samples)
            return [(everything, everything)], leaving_one_out(self.estimator, samples)
        cv = check_cv(self.cv, samples.y, classifier=classifies)
        splits = list(cv.split(samples.X, samples.y, groups))
        samples.decomposes = decomposition_pays(
            n_samples,
            [len(train) for train, _ in splits],
            candidates.largest_group(),
            with_leave_one_out=classifies,
        )
        return splits, on_shared_kernel(self.estimator, samples)

    def _select(self, X: Any, y: Any, weights: Parameters) -> None:
        """Find the best candidate, and fit it on all samples if asked to."""
        if self.multimetric_ and not self.refit:
            return
        results = self.cv_results_
        metric = self.refit if self.multimetric_ else "score"
        if callable(self.refit):
            self.best_index_ = self.refit(results)
        else:
            self.best_index_ = int(results[f"rank_test_{metric}"].argmin())
            self.best_score_ = results[f"mean_test_{metric}"][self.best_index_]
        self.best_params_ = results["params"][self.best_index_]
        if self.refit:
            self.best_estimator_ = clone(self.estimator)
            self.best_estimator_.set_params(**clone(self.best_params_, safe=False))
            self.best_estimator_.fit(X, y, **weights)
            if hasattr(self.best_estimator_, "feature_names_in_"):
                self.feature_names_in_ = self.best_estimator_.feature_names_in_


def _scorers(estimator: Any, scoring: Any) -> Any:
    """Return one scorer, or a dict of them by name."""
    if isinstance(scoring, list | tuple | set):
        scoring = {name: name for name in scoring}
    if isinstance(scoring, dict):
        return {name: check_scoring(estimator, scoring=each) for name, each in scoring.items()}
    return check_scoring(estimator, scoring=scoring)


class _OnHeldOut:
    """Applies scorers to estimators that are fitted on numbers of samples.

    Parameters
    ----------
    scorers : callable or dict of str to callable
        ``scorer(estimator, X, y)``.
    X : array-like of shape (n_samples, ...)
        What the numbers stand for.
    """

    def __init__(self, scorers: Any, X: Any) -> None:
        self.scorers, self.X = scorers, X

    def __call__(
        self, estimator: OnSharedKernel, numbers: np.ndarray, y: Any, sample_weight: Any = None
    ) -> Any:
        """Return the score, or a dict of scores by name."""
        samples = numbers[:, 0]
        inputs = _safe_indexing(self.X, samples)
        estimator.expect(inputs, samples)

        def score(scorer: Any) -> Any:
            if sample_weight is None or not accepts_sample_weight(scorer):
                return scorer(estimator, inputs, y)
            return scorer(estimator, inputs, y, sample_weight=sample_weight)

        if isinstance(self.scorers, dict):
            return {name: score(scorer) for name, scorer in self.scorers.items()}
        return score(self.scorers)


class _Candidates:
    """The candidates of a grid, those with one kernel after the other.

    Attributes
    ----------
    groups : list of list of dict
        Parameters of the candidates, one group for each kernel.
    """

    def __init__(self, groups: list[list[Parameters]], position: np.ndarray) -> None:
        self.groups = groups
        self._position = position

    @classmethod
    def of(cls, estimator: Any, param_grid: Any) -> Self:
        """Group the candidates of a grid, and check that each has a closed form."""
        require_closed_form(estimator)
        numbers: dict[tuple[str, str], list[int]] = {}
        candidates = list(ParameterGrid(param_grid))
        for number, parameters in enumerate(candidates):
            candidate = clone(estimator).set_params(**clone(parameters, safe=False))
            require_closed_form(candidate)
            key = digest(candidate.architecture), str(candidate.dtype)
            numbers.setdefault(key, []).append(number)
        order = np.concatenate([np.array(group) for group in numbers.values()])
        groups = [[candidates[number] for number in group] for group in numbers.values()]
        return cls(groups, np.argsort(order))

    def largest_group(self) -> int:
        """Return the largest number of candidates with one kernel."""
        return max(map(len, self.groups))

    def in_order_of_grid(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return ``cv_results_`` with the candidates as in the grid."""
        return {
            name: [values[place] for place in self._position]
            if isinstance(values, list)
            else values[self._position]
            for name, values in results.items()
        }


class _SearchByGroups(GridSearchCV):
    """A search that finishes with one kernel before it goes on to the next."""

    def __init__(self, estimator: Any, candidates: _Candidates, **options: Any) -> None:
        super().__init__(estimator, {}, refit=False, **options)
        self.candidates = candidates

    def _run_search(self, evaluate_candidates: Callable[[Iterable[Parameters]], Any]) -> None:
        for group in self.candidates.groups:
            evaluate_candidates(group)
