"""Checks of hyperparameters, run in plain Python before anything is traced or computed."""

from __future__ import annotations

from math import isfinite
from numbers import Integral, Real
from typing import Any


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


def _is_scalar_array(value: Any) -> bool:
    return getattr(value, "shape", None) == () and hasattr(value, "dtype")
