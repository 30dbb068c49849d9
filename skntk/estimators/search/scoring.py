"""Scores of all candidates of a search, one kernel after the other and fold by fold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Real
from time import perf_counter
from traceback import format_exc
from typing import Any, NamedTuple, Self

import numpy as np
from joblib import parallel_config
from sklearn.utils import Bunch
from sklearn.utils.parallel import Parallel, delayed

from skntk._sklearn import metadata_of_rows, rows_of, score
from skntk.estimators.kernel_machines.solver_choice import inducing_points
from skntk.estimators.search.candidates import Candidate, Candidates, Family
from skntk.estimators.search.kernels import SamplesOfSearch
from skntk.estimators.search.leave_one_out_fit import LeaveOneOutFit
from skntk.estimators.search.points_fit import PointsFit
from skntk.estimators.search.subset_fit import Expected, FitTask, SubsetFit

Fit = SubsetFit | LeaveOneOutFit | PointsFit
# What `results_of_search` asks for.
Outcome = dict[str, Any]


class Fold(NamedTuple):
    """One split of the samples: their numbers, and their parts of the user's data."""

    train: np.ndarray
    y_train: Any
    # Metadata of `fit` and of the scorer, such as ``sample_weight``.
    fit_metadata: Mapping[str, Any]
    test: np.ndarray
    X_test: Any
    y_test: Any
    score_metadata: Mapping[str, Any]

    @classmethod
    def of(cls, X: Any, y: Any, metadata: Bunch, train: np.ndarray, test: np.ndarray) -> Self:
        """Divide all samples, with the metadata that a search has routed."""
        return cls(
            train,
            rows_of(y, train),
            metadata_of_rows(X, metadata.estimator.fit, train),
            test,
            rows_of(X, test),
            rows_of(y, test),
            metadata_of_rows(X, metadata.scorer.score, test),
        )


class HeldOutScoring:
    """Trains candidates of a class on shared kernels, and scores them on held-out samples.

    ``fit_type`` is that of the exact solver: `LeaveOneOutFit` where the folds hold all samples.
    ``scorer(estimator, X, y)`` returns a score, or a dict of scores by name. A training or a scorer
    that fails counts as ``error_score``, unless that is "raise".
    """

    def __init__(
        self,
        cls: type,
        samples: SamplesOfSearch,
        fit_type: type[Fit],
        scorer: Callable[..., Any],
        error_score: Any,
    ) -> None:
        self._class, self._samples, self._fit_type = cls, samples, fit_type
        self._scorer, self._error_score = scorer, error_score

    def outcomes(
        self, candidates: Candidates, folds: list[Fold], n_jobs: int | None
    ) -> list[list[Outcome]]:
        """Return the outcome of each candidate of the grid in each fold, in threads."""
        outcomes: list[list[Outcome]] = [[] for _ in candidates.parameters]
        # Threads share the kernels; processes could not.
        with parallel_config(backend="threading"), Parallel(n_jobs=n_jobs) as parallel:
            for families in candidates.by_kernel:
                for in_fold in parallel(delayed(self._in_fold)(families, fold) for fold in folds):
                    for number, outcome in in_fold:
                        outcomes[number].append(outcome)
        return outcomes

    def _in_fold(self, families: list[Family], fold: Fold) -> list[tuple[int, Outcome]]:
        outcomes = []
        for family in families:
            fitted: Fit | None = None
            for candidate in family:
                start = perf_counter()
                try:
                    fitted = self._fitted(candidate, fold, fitted, family)
                except Exception:
                    if self._error_score == "raise":
                        raise
                    outcome = self._failed(perf_counter() - start)
                else:
                    outcome = self._scored(fitted.model, fold, start)
                outcomes.append((candidate.number, outcome))
        return outcomes

    def _fitted(self, candidate: Candidate, fold: Fold, fitted: Fit | None, family: Family) -> Fit:
        """Train a candidate, with what another of its family has already found."""
        parameters = candidate.parameters
        alpha = parameters["alpha"]
        if fitted is not None and alpha >= 0:
            return fitted.with_alpha(alpha)
        expected = Expected(fold.X_test, fold.test)
        weight = fold.fit_metadata.get("sample_weight")
        data = self._samples, fold.train, fold.y_train, weight, expected
        task = FitTask(self._class, parameters, *data)
        if inducing_points(parameters["solver"]) is None:
            return self._fit_type(task).train()
        alphas = [one.parameters["alpha"] for one in family]
        together = tuple(alphas) if isinstance(alpha, Real) else ()
        return PointsFit(task._replace(alphas=together)).train()

    def _failed(self, seconds: float) -> Outcome:
        return {
            "fit_error": format_exc(),
            "test_scores": self._error_score,
            "fit_time": seconds,
            "score_time": 0.0,
        }

    def _scored(self, estimator: Any, fold: Fold, start: float) -> Outcome:
        fitted = perf_counter()
        metadata = dict(fold.score_metadata)
        scores = score(
            estimator, fold.X_test, fold.y_test, self._scorer, metadata, self._error_score
        )
        return {
            "fit_error": None,
            "test_scores": scores,
            "fit_time": fitted - start,
            "score_time": perf_counter() - fitted,
        }
