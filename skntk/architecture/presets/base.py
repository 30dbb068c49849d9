"""What all presets share: they are built from the public layers, and compute as these do."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from skntk.architecture.activations.base import Activation
from skntk.architecture.activations.names import as_activation
from skntk.architecture.core.delegation import DelegatingLayer, built
from skntk.architecture.core.layer import Layer
from skntk.architecture.core.pytree import CanonicalForms, zero_if_none
from skntk.architecture.layers.dense import Dense
from skntk.architecture.propagation.state import Array

__all__ = ["Preset"]

ActivationLike = str | Activation | Callable[[Array], Array]


class Preset(DelegatingLayer):
    """A network described by a few hyperparameters; subclasses build it from layers.

    A subclass defines ``build`` and, for hyperparameters of its own, ``check_hyperparameters``. All
    else, such as its kernels, its shapes and its finite width, is that of the network that it
    builds.

    Parameters
    ----------
    activation : str, activation or callable
        As for `FullyConnected`.
    weight_std : float
        Standard deviation of the weights.
    bias_std : float or None
        Standard deviation of the biases; None is 0.
    last_layer : Dense or None
        The last layer; None is one with the same ``weight_std`` and ``bias_std`` as the others.
    """

    canonical_forms: ClassVar[CanonicalForms] = {
        "bias_std": zero_if_none,
        "activation": as_activation,
    }

    last_layer: Dense | None = None  # of presets without such a parameter

    def __init__(
        self,
        activation: ActivationLike,
        weight_std: float,
        bias_std: float | None,
        last_layer: Dense | None,
    ) -> None:
        self.activation = activation
        self.weight_std = weight_std
        self.bias_std = bias_std
        self.last_layer = last_layer

    def check_hyperparameters(self) -> None:
        """Raise a TypeError or a ValueError if a hyperparameter that ``build`` reads is not valid.

        Those that it hands to layers are checked by these.
        """
        if self.last_layer is not None and not isinstance(self.last_layer, Dense):
            raise TypeError(
                f"{type(self).__name__}(last_layer={self.last_layer!r}): last_layer must be a "
                "Dense layer or None."
            )

    def build(self) -> Layer:
        """Return the network, made of public layers.

        Returns
        -------
        layer
            Equal to what a user would compose with `Serial`; it holds the hyperparameters of now.
        """
        raise NotImplementedError

    def delegate(self) -> Layer:
        return built(self, self._checked_build)

    def _checked_build(self) -> Layer:
        self.check_hyperparameters()
        return self.build()

    def resolve(self) -> Layer:
        return self.delegate()

    def _dense(self) -> Dense:
        return Dense(self.weight_std, self.bias_std)

    def _last_layer(self) -> Dense:
        return self._dense() if self.last_layer is None else self.last_layer
