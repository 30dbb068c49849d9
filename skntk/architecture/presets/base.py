"""What all presets share: they are built from the public layers, and compute as these do."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from skntk.architecture.activations.base import Activation
from skntk.architecture.activations.names import as_activation
from skntk.architecture.core.delegation import DelegatingLayer
from skntk.architecture.core.layer import Layer
from skntk.architecture.core.pytree import CanonicalForms, zero_if_none
from skntk.architecture.layers.dense import Dense
from skntk.architecture.propagation.state import Array

__all__ = ["Preset"]

ActivationLike = str | Activation | Callable[[Array], Array]


class Preset(DelegatingLayer):
    """A network described by a few hyperparameters; subclasses build it from layers."""

    canonical_forms: ClassVar[CanonicalForms] = {
        "bias_std": zero_if_none,
        "activation": as_activation,
    }
    weight_std: float
    bias_std: float | None
    last_layer: Dense | None

    def build(self) -> Layer:
        """Return the network, made of public layers.

        Returns
        -------
        layer
            Equal to what a user would compose with `Serial`; it holds the hyperparameters of now.
        """
        raise NotImplementedError

    def network_within(self) -> Layer:
        return self.build()

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if self.last_layer is not None and not isinstance(self.last_layer, Dense):
            raise TypeError(
                f"{type(self).__name__}(last_layer={self.last_layer!r}): last_layer must be a "
                "Dense layer or None."
            )
        return super().output_shape(input_shape)

    def _last_layer(self) -> Dense:
        return Dense(self.weight_std, self.bias_std) if self.last_layer is None else self.last_layer
