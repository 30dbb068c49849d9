"""Networks that cut along axes, for tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from numpy.typing import ArrayLike

from skntk._validation import check_integer
from skntk.architecture.activations.names import as_activation
from skntk.architecture.combinators.serial import Serial
from skntk.architecture.core.input_shapes import check_vector_input
from skntk.architecture.core.layer import Layer
from skntk.architecture.core.pytree import CanonicalForms
from skntk.architecture.layers.dense import Dense
from skntk.architecture.layers.feature_product import FeatureProduct
from skntk.architecture.layers.one_feature import OneFeatureDense
from skntk.architecture.presets.base import ActivationLike, Preset
from skntk.architecture.presets.fully_connected import DEFAULT_BIAS_STD, DEFAULT_WEIGHT_STD

__all__ = ["AxisAlignedNet", "FeatureProductNet"]


class _FirstLayerPreset(Preset):
    """A first layer that reads features, and ``depth`` hidden layers behind it."""

    static: ClassVar[tuple[str, ...]] = ("depth",)

    depth: int

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        check_vector_input(self, input_shape)
        return super().output_shape(input_shape)

    def check_hyperparameters(self) -> None:
        check_integer(self, "depth", minimum=0)
        super().check_hyperparameters()

    def build(self) -> Serial:
        activation = as_activation(self.activation)
        hidden = [self._dense(), activation] * self.depth
        return Serial([self._first_layer(), *hidden, self._last_layer()])

    def _first_layer(self) -> Layer:
        raise NotImplementedError


class AxisAlignedNet(_FirstLayerPreset):
    """A network whose first layer cuts along axes, as trees do: for tables.

    A `OneFeatureDense` layer, ``depth`` times (`Dense`, activation), and a last `Dense`. By default
    the units of the first layer are random decision stumps.

    Parameters
    ----------
    depth : int, default=1
        Number of hidden layers behind the first one. Without any, the network is additive.
    activation : str, activation or callable, default="relu"
        That of the hidden layers, as for `FullyConnected`.
    weight_std : float, default=1.5
        As for `FullyConnected`.
    bias_std : float or None, default=1.0
        As for `FullyConnected`.
    first_activation : {"step", "relu"}, default="step"
        The activation of the first layer, see `OneFeatureDense`.
    low, high : float or array-like of shape (n_features,), default=-3.0 and 3.0
        The range of the features, or of each, see `OneFeatureDense`. The defaults are for
        standardized features.
    feature_weights : array-like of shape (n_features,), float or None, default=None
        How often the first layer reads each feature, relative to the others; None is the same for
        all. Estimators learn them if they are an array.
    last_layer : Dense or None, default=None
        As for `FullyConnected`.

    See Also
    --------
    FeatureProductNet : Interactions as products over features.
    FullyConnected : Hidden layers alone, for which no axis is special.

    Examples
    --------
    >>> from skntk.architecture import AxisAlignedNet
    >>> AxisAlignedNet(weight_std=1.0, bias_std=None, high=2.0).build()
    Serial(layers=[OneFeatureDense(high=2.0), Dense(bias_std=None), Relu(),
                   Dense(bias_std=None)])
    """

    category: ClassVar[str | None] = "preset"
    static: ClassVar[tuple[str, ...]] = ("depth", "first_activation")
    fixed_by_default: ClassVar[tuple[str, ...]] = OneFeatureDense.fixed_by_default
    canonical_forms: ClassVar[CanonicalForms] = {
        **Preset.canonical_forms,
        **OneFeatureDense.canonical_forms,
    }

    def __init__(
        self,
        depth: int = 1,
        activation: ActivationLike = "relu",
        weight_std: float = DEFAULT_WEIGHT_STD,
        bias_std: float | None = DEFAULT_BIAS_STD,
        first_activation: str = "step",
        low: ArrayLike = -3.0,
        high: ArrayLike = 3.0,
        feature_weights: ArrayLike | None = None,
        last_layer: Dense | None = None,
    ) -> None:
        super().__init__(activation, weight_std, bias_std, last_layer)
        self.depth = depth
        self.first_activation = first_activation
        self.low = low
        self.high = high
        self.feature_weights = feature_weights

    @classmethod
    def examples(cls) -> list[Any]:
        return [
            cls(),
            cls(2, "erf", 1.2, None, "relu", feature_weights=[0.5, 1.5, 0.0, 1.0, 2.0]),
        ]

    def _first_layer(self) -> OneFeatureDense:
        return OneFeatureDense(self.first_activation, self.low, self.high, self.feature_weights)


class FeatureProductNet(_FirstLayerPreset):
    """A network on products over features, with interactions of all orders: for tables.

    A `FeatureProduct` layer, ``depth`` times (`Dense`, activation), and a last `Dense`. By default
    there is no hidden layer: the kernel is that of the products.

    Parameters
    ----------
    depth : int, default=0
        Number of hidden layers behind the first one.
    activation : str, activation or callable, default="relu"
        That of the hidden layers, as for `FullyConnected`.
    weight_std : float, default=1.0
        Standard deviation of the weights.
    bias_std : float or None, default=None
        Standard deviation of the biases; None is 0.
    length_scales : float or array-like of shape (n_features,), default=2.0
        The distance within which values of a feature are alike, see `FeatureProduct`.
    interactions : float or array-like of shape (n_features,), default=0.1
        The weight of interactions, or that of each feature in them.
    categorical : array-like of int or bool, or None, default=None
        The numbers of columns that hold categories, or a mask of them.
    last_layer : Dense or None, default=None
        As for `FullyConnected`.

    See Also
    --------
    AxisAlignedNet : Units that read one feature each, and hidden layers.

    Examples
    --------
    >>> from skntk.architecture import FeatureProductNet
    >>> FeatureProductNet(interactions=0.5, categorical=[2]).build()
    Serial(layers=[FeatureProduct(categorical=[2], interactions=0.5),
                   Dense(bias_std=None)])
    """

    category: ClassVar[str | None] = "preset"
    static: ClassVar[tuple[str, ...]] = ("depth", "categorical")
    canonical_forms: ClassVar[CanonicalForms] = {
        **Preset.canonical_forms,
        **FeatureProduct.canonical_forms,
    }

    def __init__(
        self,
        depth: int = 0,
        activation: ActivationLike = "relu",
        weight_std: float = 1.0,
        bias_std: float | None = None,
        length_scales: ArrayLike = 2.0,
        interactions: ArrayLike = 0.1,
        categorical: Iterable[int] | Iterable[bool] | None = None,
        last_layer: Dense | None = None,
    ) -> None:
        super().__init__(activation, weight_std, bias_std, last_layer)
        self.depth = depth
        self.length_scales = length_scales
        self.interactions = interactions
        self.categorical = categorical

    @classmethod
    def examples(cls) -> list[Any]:
        interactions = [0.2, 0.0, 2.0, 1.0, 0.7]
        return [cls(), cls(1, "relu", 1.2, 0.3, 1.5, interactions, categorical=[1, 4])]

    def _first_layer(self) -> FeatureProduct:
        return FeatureProduct(self.length_scales, self.interactions, self.categorical)
