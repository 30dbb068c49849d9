"""Which estimators a search can score without training them."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import numpy as np

from skntk.estimators.kernel_machines.machine import KernelMachine
from skntk.estimators.kernel_machines.solver_choice import inducing_points, is_exact

# What the closed form takes into account, and what has no effect on it.
_TAKEN_INTO_ACCOUNT = {
    "architecture",
    "alpha",
    "alpha_scale",
    "normalize_y",
    "class_weight",
    "dtype",
    "n_jobs",
    "cache_size",
    "cache_location",
    "learning_rate",
    "momentum",
    "n_targets",
    # Without an optimizer, which is refused, these have no effect.
    "n_restarts_optimizer",
    "architecture_bounds",
    "alpha_bounds",
    "criterion",
    "random_state",
}


def require_closed_form(estimator: Any) -> None:
    """Raise an error for an estimator whose held-out predictions have no closed form.

    It is a TypeError unless the estimator is a network of infinite width, and a ValueError if it is
    trained in another way than by one linear system, as for a finite time.
    """
    if not isinstance(estimator, KernelMachine):
        raise TypeError(
            "A closed-form search takes NNGPRegressor, NTKRegressor, NNGPClassifier or "
            f"NTKClassifier, got {type(estimator).__name__}. Put the search at the end of a "
            "pipeline, or into a WarpedTargetRegressor, rather than either into the search, or use "
            "GridSearchCV."
        )
    defaults = inspect.signature(type(estimator).__init__).parameters
    for name, value in estimator.get_params(deep=False).items():
        if name == "solver" and (is_exact(value) or inducing_points(value) is not None):
            continue
        if name not in _TAKEN_INTO_ACCOUNT and not _equal(value, defaults[name].default):
            raise ValueError(
                f"Held-out predictions have no closed form for {name}={value!r}: leave {name} at "
                f"{defaults[name].default!r}, or use GridSearchCV."
            )


def require_fit_parameters(estimator: Any, names: Iterable[str]) -> None:
    """Raise a TypeError, as ``fit`` of the estimator would, for names that it does not take."""
    known = inspect.signature(estimator.fit).parameters
    unknown = [name for name in names if name not in known]
    if unknown:
        raise TypeError(
            f"{type(estimator).__name__}.fit() got an unexpected keyword argument {unknown[0]!r}"
        )


def _equal(value: Any, default: Any) -> bool:
    return value is default or (np.ndim(value) == 0 and bool(value == default))
