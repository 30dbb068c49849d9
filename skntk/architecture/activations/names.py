"""From what a user writes for ``activation`` to the activation object."""

from __future__ import annotations

import inspect
import re
from difflib import get_close_matches
from functools import cache
from typing import Any

from skntk.architecture.activations.base import Activation
from skntk.architecture.activations.smooth import Elementwise
from skntk.architecture.core.registry import registered

__all__ = ["activation_names", "as_activation"]

_SYNONYMS = {"swish": "silu"}


def activation_names() -> list[str]:
    """Return the names that ``activation`` can take, sorted.

    Each is the name of an activation class in snake case, for the classes that need no argument;
    "swish" is "silu".

    Returns
    -------
    list of str

    Examples
    --------
    >>> from skntk.architecture import activation_names
    >>> "leaky_relu" in activation_names()
    True
    """
    return sorted([*_classes_by_name(), *_SYNONYMS])


def as_activation(activation: Any) -> Activation:
    """Return the activation object that a name, an object or a function stands for.

    Parameters
    ----------
    activation : str, Activation or callable
        A name of `activation_names`, in upper or lower case; an object, returned as it is; or an
        elementwise function written with `jax.numpy`, which becomes `Elementwise`.

    Returns
    -------
    Activation

    Raises
    ------
    ValueError
        If the name is unknown.
    TypeError
        If it is a class, or neither a name nor an activation nor callable.

    Examples
    --------
    >>> from skntk.architecture import as_activation
    >>> as_activation("leaky_relu")
    LeakyRelu()
    """
    if isinstance(activation, str):
        return _from_name(activation)
    if isinstance(activation, Activation):
        return activation
    if isinstance(activation, type):
        raise TypeError(
            f"activation={activation.__name__} is a class: "
            f"write activation={activation.__name__}(...)."
        )
    if not callable(activation):
        raise TypeError(
            "activation must be a name such as 'relu', an activation object such as "
            "LeakyRelu(0.1) or an elementwise function written with jax.numpy, "
            f"got {type(activation).__name__}: {activation!r}."
        )
    return Elementwise(activation)


def _from_name(name: str) -> Activation:
    classes = _classes_by_name()
    key = name.strip().lower().replace("-", "_")
    key = _SYNONYMS.get(key, key)
    if key in classes:
        return classes[key]()
    needing = {_snake_case(cls.__name__): cls.__name__ for cls in registered("activation").values()}
    if key in needing:
        raise ValueError(
            f"activation={name!r} needs arguments: write activation={needing[key]}(...) with them."
        )
    closest = get_close_matches(key, activation_names(), n=1, cutoff=0.5)
    suggestion = f" Did you mean {closest[0]!r}?" if closest else ""
    raise ValueError(
        f"Unknown activation={name!r}.{suggestion} Names: {', '.join(activation_names())}; "
        "or pass an elementwise function written with jax.numpy."
    )


@cache  # a class that users define has no name, so that the names never change
def _classes_by_name() -> dict[str, type[Any]]:
    classes: dict[str, Any] = registered("activation")
    return {_snake_case(name): cls for name, cls in classes.items() if _needs_no_argument(cls)}


@cache
def _needs_no_argument(cls: type[Any]) -> bool:
    return not any(map(_is_required, inspect.signature(cls).parameters.values()))


def _is_required(parameter: inspect.Parameter) -> bool:
    return parameter.default is parameter.empty and parameter.kind not in (
        parameter.VAR_POSITIONAL,
        parameter.VAR_KEYWORD,
    )


@cache
def _snake_case(class_name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", class_name).lower()
