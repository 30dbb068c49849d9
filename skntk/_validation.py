"""Checks of hyperparameters, run in plain Python before anything is traced or computed.

NumPy's integers, numbers and booleans are as good as Python's, and True is no number.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from numbers import Integral, Real
from typing import Any, TypeGuard

import numpy as np
from scipy.sparse import issparse


def is_boolean(value: object) -> bool:
    """Return whether a value is True or False."""
    return isinstance(value, bool | np.bool)


def is_integer(value: object) -> TypeGuard[int]:
    """Return whether a value is an integer; True and False are none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_real(value: object) -> bool:
    """Return whether a value is a real number, or an array that holds one; True is none."""
    if isinstance(value, Real):
        return not isinstance(value, bool)
    dtype = getattr(value, "dtype", None)
    # bfloat16 is of the kind "V" to NumPy.
    return getattr(value, "shape", None) == () and getattr(dtype, "kind", None) in tuple("iufV")


def check_real(
    owner: object,
    name: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    exclusive: bool = False,
) -> float:
    """Return the hyperparameter ``owner.name`` as a float, or say what is wrong with it.

    A bound of None leaves that side open; if ``exclusive``, the bounds themselves are refused.
    """
    value = getattr(owner, name)
    label = _label(owner, name)
    if not is_real(value):
        raise TypeError(f"{label}: {name} must be a real number, got {type(value).__name__}.")
    number = float(value)
    if not isfinite(number):
        raise ValueError(f"{label}: {name} must be finite.")
    if minimum is not None and (number < minimum or (exclusive and number == minimum)):
        raise ValueError(f"{label}: {name} must be {'>' if exclusive else '>='} {minimum:g}.")
    if maximum is not None and (number > maximum or (exclusive and number == maximum)):
        raise ValueError(f"{label}: {name} must be {'<' if exclusive else '<='} {maximum:g}.")
    return number


def check_integer(owner: object, name: str, *, minimum: int) -> int:
    """Return the hyperparameter ``owner.name`` as an int of at least ``minimum``."""
    value = getattr(owner, name)
    if not is_integer(value):
        raise TypeError(
            f"{_label(owner, name)}: {name} must be an integer, got {type(value).__name__}."
        )
    if value < minimum:
        raise ValueError(f"{_label(owner, name)}: {name} must be at least {minimum}.")
    return int(value)


def check_boolean(owner: object, name: str) -> bool:
    """Return the hyperparameter ``owner.name``, which is True or False, as a bool."""
    value = getattr(owner, name)
    if not is_boolean(value):
        raise TypeError(
            f"{_label(owner, name)}: {name} must be True or False, got {type(value).__name__}."
        )
    return bool(value)


def check_choice(owner: object, name: str, choices: Sequence[str]) -> str:
    """Return the hyperparameter ``owner.name``, which is one of a few words."""
    value = getattr(owner, name)
    if not isinstance(value, str) or value not in choices:
        words = ", ".join(map(repr, choices))
        raise ValueError(f"{_label(owner, name)}: {name} must be one of {words}.")
    return value


def check_sizes(owner: object, name: str, length: int | None = None) -> tuple[int, ...]:
    """Return the hyperparameter ``owner.name`` as a tuple of integers of at least 1.

    Without ``length`` any number of them, but 0, is accepted.
    """
    value = _check_integers(owner, name)
    label = _label(owner, name)
    if not value or (length is not None and len(value) != length):
        wanted = "at least one entry" if length is None else f"{length} entries"
        raise ValueError(f"{label}: {name} must have {wanted}, one for every axis.")
    return _check_positive(owner, name, value)


def check_sizes_of_axes(owner: object, name: str, n_axes: int) -> tuple[int, ...]:
    """Return the hyperparameter ``owner.name``, a size for each spatial axis of the input."""
    value = _check_integers(owner, name)
    if not n_axes or len(value) != n_axes:
        raise ValueError(
            f"{_label(owner, name)}: {name} has {len(value)} entries, but the input has {n_axes} "
            "spatial axes."
        )
    return _check_positive(owner, name, value)


def _check_integers(owner: object, name: str) -> tuple[int, ...]:
    value: Any = getattr(owner, name)
    if not isinstance(value, tuple | list) or not all(map(is_integer, value)):
        raise TypeError(f"{_label(owner, name)}: {name} must be a tuple of integers.")
    return tuple(map(int, value))


def _check_positive(owner: object, name: str, sizes: tuple[int, ...]) -> tuple[int, ...]:
    if min(sizes) < 1:
        raise ValueError(f"{_label(owner, name)}: {name} must be at least 1.")
    return sizes


def _label(owner: object, name: str) -> str:
    return f"{type(owner).__name__}({name}={getattr(owner, name)!r})"


def check_n_jobs(n_jobs: int | None) -> int | None:
    """Return a number of workers as joblib counts them, or raise a TypeError."""
    if n_jobs is not None and not is_integer(n_jobs):
        raise TypeError(
            f"n_jobs must be an integer or None, got {n_jobs!r}: the number of workers, or None "
            "for every core."
        )
    return n_jobs


def require_dense(name: str, values: object) -> None:
    """Raise a TypeError, as scikit-learn does, if the argument with this name is sparse."""
    if issparse(values):
        raise TypeError(
            f"Sparse data was passed for {name}, but dense data is required. Use '.toarray()' to "
            "convert to a dense numpy array."
        )


def require_samples(name: str, values: object) -> None:
    """Raise an error if the argument with this name is None or sparse, and no samples."""
    if values is None:
        raise ValueError(
            f"{name} is None: pass samples as an array of shape (n_samples, n_features). Only the "
            "right inputs of a kernel may be None, which stands for the left ones."
        )
    require_dense(name, values)


def check_sample_shape(estimator: object, X: Any, expected: tuple[int, ...]) -> None:
    """Raise a ValueError if images differ in shape from the training data.

    Of tables scikit-learn says which features are missing; of images it would compare the heights
    alone. What has no shape before its validation is checked again after it.
    """
    shape = tuple(X.shape[1:]) if hasattr(X, "shape") else expected
    if shape != expected and max(len(shape), len(expected)) > 1:
        raise ValueError(
            f"X has samples of shape {shape}, but {type(estimator).__name__} was fitted on samples "
            f"of shape {expected}: pass samples of that shape."
        )
