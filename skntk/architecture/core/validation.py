"""Checks of hyperparameters, run in plain Python before anything is traced or computed."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from numbers import Integral, Real
from typing import Any

import numpy as np


def check_real(
    owner: object,
    name: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    exclusive: bool = False,
) -> float:
    """Return the hyperparameter ``owner.name`` as a float, or say what is wrong with it.

    Parameters
    ----------
    owner : object
        The layer, named in the message.
    name : str
        The hyperparameter.
    minimum, maximum : float, default=None
        Bounds; None leaves that side open.
    exclusive : bool, default=False
        Whether the bounds themselves are refused.

    Raises
    ------
    TypeError
        If the value is not a real number.
    ValueError
        If it is not finite or not within the bounds.
    """
    value = getattr(owner, name)
    label = f"{type(owner).__name__}({name}={value!r})"
    if isinstance(value, bool) or not (isinstance(value, Real) or _is_scalar_array(value)):
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
    """Return the hyperparameter ``owner.name`` as an int of at least ``minimum``.

    Raises
    ------
    TypeError
        If the value is not an integer.
    ValueError
        If it is less than ``minimum``.
    """
    value = getattr(owner, name)
    label = f"{type(owner).__name__}({name}={value!r})"
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{label}: {name} must be an integer, got {type(value).__name__}.")
    if value < minimum:
        raise ValueError(f"{label}: {name} must be at least {minimum}.")
    return int(value)


def check_boolean(owner: object, name: str) -> bool:
    """Return the hyperparameter ``owner.name``, which is True or False.

    Raises
    ------
    TypeError
        If it is neither.
    """
    value = getattr(owner, name)
    if not isinstance(value, bool | np.bool):
        raise TypeError(
            f"{type(owner).__name__}({name}={value!r}): {name} must be True or False, "
            f"got {type(value).__name__}."
        )
    return bool(value)


def check_choice(owner: object, name: str, choices: Sequence[str]) -> str:
    """Return the hyperparameter ``owner.name``, which is one of a few words.

    Raises
    ------
    ValueError
        If it is none of them.
    """
    value = getattr(owner, name)
    if not isinstance(value, str) or value not in choices:
        words = ", ".join(map(repr, choices))
        raise ValueError(
            f"{type(owner).__name__}({name}={value!r}): {name} must be one of {words}."
        )
    return value


def check_sizes(owner: object, name: str, length: int | None = None) -> tuple[int, ...]:
    """Return the hyperparameter ``owner.name`` as a tuple of integers of at least 1.

    Parameters
    ----------
    owner : object
        The layer, named in the message.
    name : str
        The hyperparameter.
    length : int, default=None
        How many there are; None is any number but 0.

    Raises
    ------
    TypeError
        If the value is not a tuple or list of integers.
    ValueError
        If they are too many, too few or too small.
    """
    value = getattr(owner, name)
    label = f"{type(owner).__name__}({name}={value!r})"
    if not isinstance(value, tuple | list) or not all(map(_is_integer, value)):
        raise TypeError(f"{label}: {name} must be a tuple of integers.")
    if not value or (length is not None and len(value) != length):
        wanted = "at least one entry" if length is None else f"{length} entries"
        raise ValueError(f"{label}: {name} must have {wanted}, one for every axis.")
    if min(value) < 1:
        raise ValueError(f"{label}: {name} must be at least 1.")
    return tuple(value)


def check_vector_input(owner: object, input_shape: tuple[int, ...]) -> int:
    """Return the number of features of a vector input, or say that the network takes vectors.

    Raises
    ------
    ValueError
        If one sample is not a vector with at least one feature.
    """
    if len(input_shape) != 1:
        raise ValueError(
            f"{type(owner).__name__} takes vectors, X of shape (n_samples, n_features), but one "
            f"sample has shape {tuple(input_shape)}. Flatten the samples with "
            "X.reshape(len(X), -1)."
        )
    if input_shape[0] < 1:
        raise ValueError(f"{type(owner).__name__} needs at least one feature, got 0 feature(s).")
    return input_shape[0]


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_scalar_array(value: Any) -> bool:
    return getattr(value, "shape", None) == () and hasattr(value, "dtype")
