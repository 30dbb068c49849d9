"""Methods that a search hands on to the estimator that it found."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from sklearn.utils.metaestimators import available_if

from skntk._final_estimator import best_estimator

_PARAGRAPH = """\
        This is the method of the best estimator, fitted on all samples. A search has it where its
        estimator does, unless ``refit=False``, and after its own `fit`."""


def handed_on(method: Callable[..., Any]) -> Any:
    """Return a method of a search that calls the same method of its best estimator.

    It has the signature and the docstring of the method, with a paragraph that says whose it is.
    A search has it where its estimator does and ``refit`` is not False, as with the methods of
    `sklearn.model_selection.GridSearchCV`.
    """
    name = method.__name__

    def is_available(search: Any) -> bool:
        fitted = hasattr(search, "best_estimator_") or not search.refit
        # What is missing raises an AttributeError, which says why.
        getattr(best_estimator(search) if fitted else search.estimator, name)
        return True

    @wraps(method)
    def call(search: Any, *args: Any, **params: Any) -> Any:
        return getattr(best_estimator(search), name)(*args, **params)

    summary, _, details = (method.__doc__ or "").partition("\n\n")
    call.__doc__ = f"{summary}\n\n{_PARAGRAPH}\n\n{details}"
    return available_if(is_available)(call)
