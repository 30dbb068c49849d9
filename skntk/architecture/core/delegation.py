"""Layers that compute as another network does."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any

from skntk.architecture.core.layer import HOOKS, Layer
from skntk.architecture.core.protocols import Symmetrized, hooks_of

# Networks that were built, with the layers that they stand for, by the id of these.
_Built = dict[int, tuple[Layer, Layer]]
_built_in_context: ContextVar[_Built | None] = ContextVar("_built_in_context", default=None)


@contextmanager
def building_once() -> Iterator[None]:
    """Let every preset build its network at most once within the context.

    Many questions are asked of a network before its kernels are computed, and a preset builds it to
    answer any of them. It cannot keep the network for longer: `set_params` and assignments change
    its hyperparameters, which nobody does within the context.
    """
    token = _built_in_context.set({})
    try:
        yield
    finally:
        _built_in_context.reset(token)


def built(layer: Layer, build: Callable[[], Layer]) -> Layer:
    """Return the network that a layer stands for, within `building_once` the one built before."""
    networks = _built_in_context.get()
    if networks is None:
        return build()
    if id(layer) not in networks:
        # The layer is kept as well, so that its id stays its own.
        networks[id(layer)] = layer, build()
    return networks[id(layer)][1]


class DelegatingLayer(Layer):
    """A layer that stands for a network; subclasses say which, and override what differs.

    All that a layer can say of itself is what the network says: methods that are added to the
    protocols are forwarded without a line here.
    """

    def delegate(self) -> Layer:
        """Return the network that computes, after a check of the hyperparameters that it needs.

        Returns
        -------
        layer
            Made anew or kept; it takes the inputs that this layer takes.
        """
        raise NotImplementedError


def _forwarded(name: str) -> Any:
    """Return the method or property of `Layer` that asks the delegate."""
    declared = inspect.getattr_static(Layer, name)
    if isinstance(declared, property):
        return property(lambda layer: getattr(layer.delegate(), name), doc=declared.__doc__)

    @wraps(declared)
    def method(self: DelegatingLayer, *args: Any, **kwargs: Any) -> Any:
        return getattr(self.delegate(), name)(*args, **kwargs)

    return method


for _name in (*HOOKS, *hooks_of(Symmetrized), "is_stochastic", "magnifies_rounding"):
    setattr(DelegatingLayer, _name, _forwarded(_name))
