"""Everything of scikit-learn that is not public, in one place: all else imports it from here.

scikit-learn ships no types. The classes that estimators derive from have a typed face here, for
mypy alone: without it every estimator would derive from `Any`, and any misspelled method would
pass. Searches are imported where they are needed: that takes time which `import skntk` does not
have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import _fit_context
from sklearn.utils import Bunch, _safe_indexing
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.validation import _check_method_params

if TYPE_CHECKING:
    # Signatures as in scikit-learn 1.7: what this package calls or overrides.
    class BaseEstimator:
        def get_params(self, deep: bool = True) -> dict[str, Any]: ...
        def set_params(self, **params: Any) -> Self: ...
        @classmethod
        def _get_param_names(cls) -> list[str]: ...
        def _validate_params(self) -> None: ...
        def __sklearn_tags__(self) -> Any: ...
        def __sklearn_clone__(self) -> Self: ...
        def __getstate__(self) -> dict[str, Any]: ...
        def __setstate__(self, state: dict[str, Any]) -> None: ...

    class RegressorMixin:
        def score(
            self, X: npt.ArrayLike, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
        ) -> float: ...

    class ClassifierMixin:
        def score(
            self, X: npt.ArrayLike, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None
        ) -> float: ...

    class MultiOutputMixin: ...

    class TransformerMixin:
        def fit_transform(self, X: npt.ArrayLike, y: Any = None) -> np.ndarray: ...

    class ClassNamePrefixFeaturesOutMixin:
        def get_feature_names_out(self, input_features: Any = None) -> np.ndarray: ...

    class OneToOneFeatureMixin:
        def get_feature_names_out(self, input_features: Any = None) -> np.ndarray: ...

    class CallbackSupportMixin: ...

    class GridSearchCV(BaseEstimator):
        n_jobs: int | None

        def __init__(
            self,
            estimator: Any,
            param_grid: Any,
            *,
            scoring: Any = None,
            n_jobs: int | None = None,
            cv: Any = None,
        ) -> None: ...
        def fit(self, X: Any, y: Any = None, **params: Any) -> Self: ...
        @property
        def n_features_in_(self) -> int: ...
        def get_metadata_routing(self) -> Any: ...

    class Kernel:
        """Of `sklearn.gaussian_process.kernels`."""

        def get_params(self, deep: bool = True) -> dict[str, Any]: ...
        def set_params(self, **params: Any) -> Self: ...

    class Nystroem(BaseEstimator):
        def __init__(self, kernel: Any, *, n_components: int, random_state: Any) -> None: ...
        def fit(self, X: npt.ArrayLike, y: Any = None) -> Self: ...
        def transform(self, X: npt.ArrayLike) -> np.ndarray: ...

else:
    from sklearn.base import (
        BaseEstimator,
        ClassifierMixin,
        ClassNamePrefixFeaturesOutMixin,
        MultiOutputMixin,
        OneToOneFeatureMixin,
        RegressorMixin,
        TransformerMixin,
    )

    try:
        from sklearn.callback import CallbackSupportMixin
    except ImportError:
        # Callbacks came with scikit-learn 1.9.
        class CallbackSupportMixin:
            """Stands for the mixin: an estimator without `set_callbacks`."""


__all__ = [
    "BaseEstimator",
    "CallbackSupportMixin",
    "CheckedParameters",
    "ClassNamePrefixFeaturesOutMixin",
    "ClassifierMixin",
    "HasMethods",
    "Interval",
    "MultiOutputMixin",
    "NamedParameters",
    "OneToOneFeatureMixin",
    "RegressorMixin",
    "StrOptions",
    "TransformerMixin",
    "UnobservedFit",
    "best_index",
    "check_refit_of_many_scores",
    "fit_context",
    "fit_tasks",
    "metadata_of_rows",
    "parameter_names",
    "results_of_search",
    "routed_metadata",
    "rows_of",
    "score",
    "scorers_by_name",
    "scorers_of_search",
    "search_context",
    "split_off",
    "validate_parameters",
]

# Checks the parameters before `fit` runs, unless a meta-estimator has already done so.
fit_context = _fit_context(prefer_skip_nested_validation=True)

# The same for a meta-estimator that leaves the parameters of its estimator to the estimator.
search_context = _fit_context(prefer_skip_nested_validation=False)

# The rows of one side of a split, of arrays, tables and kernels between samples alike.
split_off = _safe_split

# Some rows of an array or a table.
rows_of = _safe_indexing

# Parts of a kernel matrix whose ends callbacks are told of.
_N_PARTS = 100


def _names_once(cls: Any, find_names: Callable[[], list[str]]) -> list[str]:
    """Return the names of the parameters of a class, read in its signature at the first call."""
    if "_param_names" not in cls.__dict__:
        cls._param_names = find_names()
    names: list[str] = cls._param_names
    return names


class NamedParameters(BaseEstimator):
    """An object whose class looks up the names of its parameters once.

    scikit-learn reads them in the signature of the constructor at every call, and a search clones
    every estimator and every layer for every fold.
    """

    _param_names: ClassVar[list[str]]

    @classmethod
    def _get_param_names(cls) -> list[str]:
        return _names_once(cls, super()._get_param_names)


class CheckedParameters(BaseEstimator):
    """An estimator whose parameters are checked by name before `fit`.

    Subclasses say which values a name may have (``_constraints``), of other names as well.
    """

    _param_names: ClassVar[list[str]]

    _constraints: ClassVar[dict[str, list[Any]]]

    @classmethod
    def _get_param_names(cls) -> list[str]:
        return _names_once(cls, super()._get_param_names)

    @property
    def _parameter_constraints(self) -> dict[str, list[Any]]:
        return {name: self._constraints[name] for name in self._get_param_names()}


def parameter_names(cls: type[NamedParameters]) -> list[str]:
    """Return the names of the parameters of a class, sorted."""
    return cls._get_param_names()


def validate_parameters(estimator: CheckedParameters) -> None:
    """Check the parameters of an estimator that is used without `fit`."""
    estimator._validate_params()


def scorers_of_search(search: Any) -> tuple[Callable[..., Any], Any]:
    """Return what scores the candidates of a search, and the name of the score that chooses.

    A ValueError is raised if ``refit`` names none of several scores.
    """
    scorer, chosen = search._get_scorers()
    return scorer, chosen


def scorers_by_name(scorer: Any) -> Any:
    """Return the scorers that one for several scores is made of, by name; a single one as it is."""
    return getattr(scorer, "_scorers", scorer)


def check_refit_of_many_scores(search: Any, scores: Mapping[str, float]) -> None:
    """Raise a ValueError if ``refit`` of a search names none of the scores of its scorer."""
    search._check_refit_for_multimetric(scores)


def best_index(refit: Any, chosen: Any, results: dict[str, Any]) -> int:
    """Return the place of the best candidate in ``cv_results_``."""
    from sklearn.model_selection import GridSearchCV

    return int(GridSearchCV._select_best_index(refit, chosen, results))


def routed_metadata(search: Any, X: Any, metadata: dict[str, Any]) -> Bunch:
    """Return what ``fit`` of a search passes on of its metadata, as searches do.

    It is in ``splitter.split``, ``estimator.fit`` and ``scorer.score``: with metadata routing what
    each of them requests, and an error for what nobody does.
    """
    routed: Bunch = search._get_routed_params_for_fit(_check_method_params(X, params=metadata))
    return routed


def metadata_of_rows(X: Any, metadata: Mapping[str, Any], rows: np.ndarray) -> dict[str, Any]:
    """Return metadata of some rows of X; what has no value for each row of X stays as it is."""
    selected: dict[str, Any] = _check_method_params(X, params=metadata, indices=rows)
    return selected


def score(
    estimator: Any, X: Any, y: Any, scorer: Any, parameters: dict[str, Any], error_score: Any
) -> Any:
    """Apply ``scorer(estimator, X, y, **parameters)`` as searches do.

    What is returned is checked, and the error score stands in the place of an error.
    """
    from sklearn.model_selection._validation import _score

    return _score(estimator, X, y, scorer, parameters, error_score)


def results_of_search(
    candidates: list[dict[str, Any]], outcomes: list[list[dict[str, Any]]], error_score: Any
) -> dict[str, Any]:
    """Return ``cv_results_``, after the warnings of a search about fits that failed.

    ``outcomes`` has for each candidate, given by its parameters, and each split: ``test_scores``,
    ``fit_time``, ``score_time``, and ``fit_error``, which is None or a text. A ValueError is raised
    if all fits failed.
    """
    from sklearn.model_selection import GridSearchCV
    from sklearn.model_selection._validation import (
        _insert_error_scores,
        _warn_or_raise_about_fit_failures,
    )

    in_order = list(chain.from_iterable(outcomes))
    _warn_or_raise_about_fit_failures(in_order, error_score)
    _insert_error_scores(in_order, error_score)
    results: dict[str, Any] = GridSearchCV(None, {})._format_results(
        candidates, len(outcomes[0]), in_order
    )
    return results


class UnobservedFit:
    """The tasks of one `fit` that nobody is told of."""

    @contextmanager
    def hyperparameters(self) -> Iterator[Callable[[], None]]:
        """Provide what is called after every evaluation of a search for hyperparameters."""
        yield lambda: None

    @contextmanager
    def kernel_matrix(self) -> Iterator[bool | Callable[[int, int], None]]:
        """Provide what the computation of the kernel matrix reports its progress to."""
        yield False

    @contextmanager
    def training(self) -> Iterator[None]:
        """Last, for as long as the training lasts."""
        yield

    @contextmanager
    def training_steps(self) -> Iterator[Callable[[], None]]:
        """Provide what is called after every step of a training, and last as long."""
        yield lambda: None


class ObservedFit(UnobservedFit):
    """The tasks of one `fit` that callbacks are told of, beginning and end.

    They are the search for hyperparameters where there is one, as many evaluations as it takes, the
    kernel matrix, in a hundred parts, and the training.
    """

    def __init__(self, estimator: Any, X: np.ndarray, y: np.ndarray) -> None:
        self._of_fit = {"estimator": estimator, "X": X, "y": y}
        # Also without callbacks: those of a search around it count its tasks.
        n_tasks = 2 if estimator.optimizer is None else 3
        self._root = self._begun(estimator._init_callback_context(max_subtasks=n_tasks))
        self._is_watched = bool(getattr(estimator, "_skl_callbacks", ()))

    @contextmanager
    def hyperparameters(self) -> Iterator[Callable[[], None]]:
        task = self._begun(self._root.subcontext("search for hyperparameters", max_subtasks=None))
        yield lambda: self._end(self._begun(task.subcontext("evaluation")))
        self._end(task)

    @contextmanager
    def kernel_matrix(self) -> Iterator[bool | Callable[[int, int], None]]:
        task = self._begun(self._root.subcontext("kernel matrix", max_subtasks=_N_PARTS))
        n_ended = 0

        def report(finished: int, total: int) -> None:
            nonlocal n_ended
            while n_ended < _N_PARTS * finished // total:
                self._end(self._begun(task.subcontext("part of the kernel matrix")))
                n_ended += 1

        yield report if self._is_watched else False
        self._end(task)

    @contextmanager
    def training(self) -> Iterator[None]:
        task = self._begun(self._root.subcontext("training"))
        yield
        # The estimator is fitted: nothing is missing from it.
        self._end(task, reconstruction_attributes={})
        self._end(self._root, reconstruction_attributes={})

    @contextmanager
    def training_steps(self) -> Iterator[Callable[[], None]]:
        task = self._begun(self._root.subcontext("training", max_subtasks=None))
        yield lambda: self._end(self._begun(task.subcontext("step")))
        self._end(task, reconstruction_attributes={})
        self._end(self._root, reconstruction_attributes={})

    def _begun(self, task: Any) -> Any:
        return task.call_on_fit_task_begin(**self._of_fit)

    def _end(self, task: Any, **options: Any) -> None:
        # A callback that asks to stop is not heard: no part of the work can be left out.
        task.call_on_fit_task_end(**self._of_fit, **options)


def fit_tasks(estimator: Any, X: np.ndarray, y: np.ndarray) -> UnobservedFit:
    """Begin `fit`, and return its tasks."""
    supported = hasattr(estimator, "set_callbacks")
    return ObservedFit(estimator, X, y) if supported else UnobservedFit()
