"""Functions as hyperparameters, which stay the same object when a layer is cloned or pickled.

A function that a decorator replaced, as `jax.jit` does for most of `jax.numpy`, would come back as
another function: unequal, and compiled anew.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, NamedTuple


class FunctionReference(NamedTuple):
    """Where a function is found: what a pickle holds in its place."""

    module: str
    name: str

    def resolve(self) -> Any:
        """Return the function, importing its module."""
        found: Any = import_module(self.module)
        for part in self.name.split("."):
            found = getattr(found, part)
        return found


def as_reference(value: Any) -> Any:
    """Return the reference of a decorated function that its module holds, or else the value."""
    if not callable(value) or not hasattr(value, "__wrapped__"):
        return value
    reference = FunctionReference(value.__module__, value.__qualname__)
    # Other processes do not have what the user's script defines.
    if reference.module == "__main__" or reference.module not in sys.modules:
        return value
    try:
        found = reference.resolve()
    except AttributeError:
        return value
    return reference if found is value else value


def from_reference(value: Any) -> Any:
    """Undo `as_reference`."""
    return value.resolve() if isinstance(value, FunctionReference) else value
