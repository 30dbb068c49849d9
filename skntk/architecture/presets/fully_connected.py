"""Fully connected networks, for vectors."""

from __future__ import annotations

from typing import Any, ClassVar

from skntk._validation import check_integer
from skntk.architecture.activations.names import as_activation
from skntk.architecture.combinators.branches import Residual
from skntk.architecture.combinators.serial import Serial
from skntk.architecture.core.input_shapes import check_vector_input
from skntk.architecture.layers.dense import Dense
from skntk.architecture.presets.base import ActivationLike, Preset

__all__ = ["FullyConnected", "ResidualFullyConnected"]

DEFAULT_WEIGHT_STD = 1.5
DEFAULT_BIAS_STD = 1.0


class _FullyConnectedPreset(Preset):
    """What the presets for vectors share: hyperparameters and two kinds of `Dense` layers."""

    static: ClassVar[tuple[str, ...]] = ("depth",)

    def __init__(
        self,
        depth: int = 3,
        activation: ActivationLike = "relu",
        weight_std: float = DEFAULT_WEIGHT_STD,
        bias_std: float | None = DEFAULT_BIAS_STD,
        last_layer: Dense | None = None,
    ) -> None:
        super().__init__(activation, weight_std, bias_std, last_layer)
        self.depth = depth

    @classmethod
    def examples(cls) -> list[Any]:
        return [cls(), cls(1, "erf", 1.2, None), cls(2, "gelu", 1.3, 0.2, Dense(0.8, 0.1))]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        check_vector_input(self, input_shape)
        return super().output_shape(input_shape)

    def check_hyperparameters(self) -> None:
        check_integer(self, "depth", minimum=1)
        super().check_hyperparameters()


class FullyConnected(_FullyConnectedPreset):
    """A fully connected network: ``depth`` times (`Dense`, activation), and a last `Dense`.

    Parameters
    ----------
    depth : int, default=3
        Number of hidden layers, at least 1.
    activation : str, activation or callable, default="relu"
        The name of an activation (`activation_names` lists them), an object such as
        ``LeakyRelu(0.1)``, or an elementwise function written with `jax.numpy`, whose kernel is
        found by quadrature.
    weight_std : float, default=1.5
        Standard deviation of the weights.
    bias_std : float or None, default=1.0
        Standard deviation of the biases; None is 0.
    last_layer : Dense or None, default=None
        The layer after the last activation; None is one with the same ``weight_std`` and
        ``bias_std`` as the others.

    See Also
    --------
    ResidualFullyConnected : With shortcuts around each hidden layer.

    Examples
    --------
    >>> from skntk.architecture import FullyConnected
    >>> FullyConnected(depth=1, weight_std=1.0, bias_std=None).build()
    Serial(layers=[Dense(bias_std=None), Relu(), Dense(bias_std=None)])
    """

    category: ClassVar[str | None] = "preset"

    def build(self) -> Serial:
        activation = as_activation(self.activation)
        hidden = [self._dense(), activation] * self.depth
        return Serial([*hidden, self._last_layer()])


class ResidualFullyConnected(_FullyConnectedPreset):
    """A fully connected residual network.

    A first `Dense`, then ``depth`` times ``x + Dense(activation(x))``, an activation and a last
    `Dense`.

    Parameters
    ----------
    depth : int, default=3
        Number of residual blocks, at least 1.
    activation : str, activation or callable, default="relu"
        As for `FullyConnected`.
    weight_std : float, default=1.5
        As for `FullyConnected`.
    bias_std : float or None, default=1.0
        As for `FullyConnected`.
    last_layer : Dense or None, default=None
        As for `FullyConnected`.

    See Also
    --------
    FullyConnected : Without shortcuts.

    Examples
    --------
    >>> from skntk.architecture import ResidualFullyConnected
    >>> len(ResidualFullyConnected(depth=2).build().layers)
    5
    """

    category: ClassVar[str | None] = "preset"

    def build(self) -> Serial:
        activation = as_activation(self.activation)
        block = Residual(Serial([activation, self._dense()]))
        blocks = [block] * self.depth
        return Serial([self._dense(), *blocks, activation, self._last_layer()])
