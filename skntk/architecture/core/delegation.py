"""Layers that compute as another network does."""

from __future__ import annotations

import inspect
from functools import wraps
from typing import Any

from skntk.architecture.core.layer import HOOKS, Layer
from skntk.architecture.core.protocols import Symmetrized, hooks_of


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


for _name in (*HOOKS, *hooks_of(Symmetrized), "is_stochastic"):
    setattr(DelegatingLayer, _name, _forwarded(_name))
