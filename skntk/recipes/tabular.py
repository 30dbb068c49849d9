"""What the recipes for tables share: how they check a table and learn its columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from skntk._progress_bar import tqdm_class
from skntk._sample_weight import as_sample_weight
from skntk._sklearn import CheckedParameters, Interval
from skntk.inference.linalg.threads import small_problem_threads
from skntk.recipes.candidates import CANDIDATES
from skntk.recipes.columns import Table, TableColumns, named_columns
from skntk.recipes.deadline import Deadline
from skntk.recipes.selected_ensemble import HeldOut, SelectedEnsemble, select_ensemble
from skntk.recipes.tasks import Task

__all__ = ["TabularEstimator", "check_weights"]

T = TypeVar("T", bound=Task)
_FEWEST_ROWS = 3


class TabularEstimator(CheckedParameters):
    """A greedy ensemble of networks' Gaussian processes for tables as they come."""

    _constraints: ClassVar[dict[str, list[Any]]] = {
        "time_limit": [Interval(Real, 0, None, closed="neither"), None],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["boolean"],
    }

    n_features_in_: int
    feature_names_in_: np.ndarray
    leaderboard_: list[dict[str, Any]]

    def __init__(
        self,
        time_limit: float | None = None,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
    ) -> None:
        self.time_limit = time_limit
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def _learn_columns(self, X: Any) -> Table:
        """Check a table to train on, and read it."""
        columns = named_columns(X)
        validate_data(self, X, skip_check_array=True)
        self._columns = TableColumns.learn(columns)
        table = self._columns.read(columns)
        if len(table) < _FEWEST_ROWS:
            raise ValueError(
                f"{type(self).__name__} needs {_FEWEST_ROWS} rows at least to hold some of them "
                f"out, got n_samples={len(table)}. Use NNGPRegressor or NNGPClassifier for fewer."
            )
        return table

    def _read(self, X: Any) -> Table:
        """Check a table that has the columns of the one in `fit`, and read it."""
        check_is_fitted(self)
        columns = named_columns(X)
        validate_data(self, X, reset=False, skip_check_array=True)
        return self._columns.read(columns)

    def _select(self, table: Table, task: T) -> tuple[SelectedEnsemble, HeldOut[T]]:
        """Find the ensemble in the time that there is, and what it predicts for held-out rows."""
        deadline = Deadline(self.time_limit)
        random_state = check_random_state(self.random_state)
        with _bar(self.verbose) as report, small_problem_threads(len(table)):
            return select_ensemble(
                table,
                task,
                random_state,
                deadline=deadline,
                n_jobs=self.n_jobs,
                report=report,
            )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags


def check_weights(sample_weight: ArrayLike | None, table: Table, y: np.ndarray) -> np.ndarray:
    """Return the weights of rows, of which there are as many as targets."""
    check_consistent_length(table.numbers, y)
    return as_sample_weight(sample_weight, len(y))


@contextmanager
def _bar(verbose: bool) -> Iterator[Callable[[str], None]]:
    """Provide what is called with the name of a finished candidate."""
    if not verbose:
        yield lambda name: None
        return
    tqdm = tqdm_class("verbose=True", "pass verbose=False.")
    with tqdm(total=len(CANDIDATES), desc="candidates") as bar:

        def report(name: str) -> None:
            bar.set_postfix_str(name)
            bar.update(min(1, bar.total - bar.n))

        yield report
