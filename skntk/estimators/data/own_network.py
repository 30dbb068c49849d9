"""The network of an estimator, where None is the default one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sklearn.base import clone

from skntk.architecture import FullyConnected
from skntk.architecture.core.layer import Layer


def copy_of_architecture(architecture: Layer | None) -> Layer:
    """Return a copy of the network, or the default network for None."""
    copy: Layer = FullyConnected() if architecture is None else clone(architecture)
    return copy


def require_own_network(
    estimator: object, architecture: Layer | None, params: Mapping[str, Any]
) -> None:
    """Raise a ValueError if parameters of a network are set where there is none.

    Parameters
    ----------
    estimator : object
        Named in the message.
    architecture : layer or None
        Its network before the parameters are set.
    params : mapping of str to object
        What `set_params` was given.
    """
    nested = [name for name in params if name.startswith("architecture__")]
    if nested and params.get("architecture", architecture) is None:
        name = type(estimator).__name__
        raise ValueError(
            f"{nested[0]} cannot be set, because {name}(architecture=None) has no network of "
            f"its own yet: start from {name}(FullyConnected())."
        )
