"""The derivative of a network's kernels along one direction of its hyperparameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from skntk.architecture.core.delegation import DelegatingLayer
from skntk.architecture.core.layer import Layer


class DirectionalDerivative(DelegatingLayer):
    """A network of which the programs compute not the kernels but how these change.

    It is cut into tiles, spread over workers and bounded in memory as the network itself is. The
    derivative comes from forward differentiation, which keeps nothing of what a loop computes on
    its way: loops over images cannot be differentiated in any other way, and need not be.

    Parameters
    ----------
    network : layer
    direction : layer
        Of the same structure; its numbers are the derivatives of those of the network.
    """

    def __init__(self, network: Layer, direction: Layer) -> None:
        self.network = network
        self.direction = direction

    def delegate(self) -> Layer:
        """Return the network, whose structure it has."""
        return self.network

    def of(
        self,
        compute: Callable[..., Any],
        arguments: tuple[Any, ...] = (),
        changes: tuple[Any, ...] = (),
    ) -> tuple[Any, Any]:
        """Return a function of the network and its directional derivative.

        Parameters
        ----------
        compute : callable
            A function of a network, and of further arguments.
        arguments, changes : tuple of pytrees of arrays
            Values of these arguments, and their derivatives.

        Returns
        -------
        value, derivative : pytrees of arrays
        """
        value, derivative = jax.jvp(compute, (self.network, *arguments), (self.direction, *changes))
        return value, derivative
