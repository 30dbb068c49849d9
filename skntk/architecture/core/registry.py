"""Every layer, activation, combinator and preset that skntk defines.

A class enters by being defined with a ``category``; the invariants of the test suite and the API
reference read this registry.
"""

from __future__ import annotations

from collections.abc import Iterator

from skntk.architecture.core.categories import check_category
from skntk.architecture.core.layer import Layer

__all__ = ["registered"]


def registered(category: str | None = None) -> dict[str, type[Layer]]:
    """Return the registered classes by name, all of them or those of one category.

    Classes of other packages are never among them.

    Parameters
    ----------
    category : str, default=None
        Which classes to return: those of "layer", "activation", "spatial", "combinator", "preset"
        or "spatial_preset"; None returns all.

    Returns
    -------
    dict of str to class, sorted by name

    Raises
    ------
    ValueError
        If there is no such category.

    Examples
    --------
    >>> from skntk.architecture.core.registry import registered
    >>> "Relu" in registered("activation")
    True
    """
    if category is not None:
        check_category(category)
    return {
        cls.__name__: cls
        for cls in sorted(_subclasses(Layer), key=lambda cls: cls.__name__)
        if cls.category is not None
        and cls.category == (category or cls.category)
        and cls.__module__.partition(".")[0] == "skntk"
    }


def _subclasses(cls: type[Layer]) -> Iterator[type[Layer]]:
    """Yield all classes that derive from a class."""
    for subclass in cls.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)
