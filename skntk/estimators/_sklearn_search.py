"""What is not public of scikit-learn's searches, apart for the time that their import takes."""

from __future__ import annotations

from typing import Any

from sklearn.model_selection import GridSearchCV
from sklearn.model_selection._validation import (
    _insert_error_scores,
    _score,
    _warn_or_raise_about_fit_failures,
)

# Applies ``scorer(estimator, X, y)`` as searches do: ``score(estimator, X, y, scorer, params,
# error_score)`` checks what is returned, and puts the error score in the place of an error.
score = _score

# Whether the installed searches weight the scores of held-out samples as well.
SEARCHES_WEIGHT_SCORES = hasattr(GridSearchCV, "_check_scorers_accept_sample_weight")


def results_of_search(
    candidates: list[dict[str, Any]], outcomes: list[list[dict[str, Any]]], error_score: Any
) -> dict[str, Any]:
    """Return ``cv_results_``, after the warnings of a search about fits that failed.

    Parameters
    ----------
    candidates : list of dict
        Parameters of each candidate.
    outcomes : list of list of dict
        For each candidate and split: ``test_scores``, ``fit_time``, ``score_time``, and
        ``fit_error``, which is None or a text.
    error_score : "raise" or float
        The score of fits that failed.

    Raises
    ------
    ValueError
        If all of them did.
    """
    in_order = [outcome for of_candidate in outcomes for outcome in of_candidate]
    _warn_or_raise_about_fit_failures(in_order, error_score)
    _insert_error_scores(in_order, error_score)
    results: dict[str, Any] = GridSearchCV(None, {})._format_results(
        candidates, len(outcomes[0]), in_order
    )
    return results
