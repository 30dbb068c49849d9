"""Every layer, activation, combinator and preset that skntk defines.

A class enters by being defined with a ``category``; the invariants of the test suite and the API
page read this registry, so that a new class needs no further line anywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from skntk.architecture.core.layer import Layer

__all__ = ["registered"]

CATEGORIES = ("layer", "activation", "spatial", "combinator", "preset", "image_network")

_classes: dict[str, type[Layer]] = {}


def register(cls: type[Layer]) -> None:
    """Enter a class under its name; classes of other packages stay out of the registry."""
    if cls.__module__.partition(".")[0] == "skntk":
        _classes[cls.__name__] = cls


def registered(category: str | None = None) -> dict[str, type[Layer]]:
    """Return the registered classes by name, all of them or those of one category.

    Parameters
    ----------
    category : str, default=None
        Which classes to return: those of "layer", "activation", "spatial", "combinator", "preset"
        or "image_network"; None returns all.

    Returns
    -------
    dict of str to class, sorted by name

    Examples
    --------
    >>> from skntk.architecture.core.registry import registered
    >>> "Relu" in registered("activation")
    True
    """
    return {
        name: cls
        for name, cls in sorted(_classes.items())
        if category is None or cls.category == category
    }
