"""From the layers of a network to steps: what of a layer is random is drawn here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatchmethod
from math import prod, sqrt

import numpy as np

from skntk._memory import require_memory
from skntk.architecture.activations.base import Activation
from skntk.architecture.combinators.branches import Identity, Residual, Sum
from skntk.architecture.combinators.flips import FlipAverage
from skntk.architecture.combinators.serial import Serial
from skntk.architecture.core.delegation import DelegatingLayer
from skntk.architecture.core.layer import Layer
from skntk.architecture.layers.convolution import Conv
from skntk.architecture.layers.dense import Dense
from skntk.architecture.layers.input_scale import InputScale
from skntk.architecture.layers.local_convolution import ConvLocal
from skntk.architecture.layers.pooling import AvgPool, SumPool
from skntk.architecture.layers.reductions import Flatten, GlobalAvgPool, GlobalSumPool
from skntk.architecture.layers.transposed_convolution import ConvTranspose
from skntk.features.directions import normal_directions
from skntk.features.pixels import windows_of
from skntk.features.sketches import CountSketch, TensorSketch
from skntk.features.state import Features, FeatureState
from skntk.features.steps import (
    Branches,
    Flattening,
    GlobalPool,
    Neurons,
    Pool,
    Scales,
    Series,
    Step,
    Weights,
)

# Flattened features beyond so many times the width are sketched.
LONGEST = 4


@dataclass
class Drawing:
    """Draws the steps of a network.

    Attributes
    ----------
    random : numpy.random.Generator
    width : int
        Number of neurons of every layer, and of features of the NTK after it.
    with_ntk : bool
        Whether features of the NTK are asked for.
    dtype : numpy.dtype
        Of all numbers that are drawn.
    largest : int
        Most numbers between two layers that one sample was found to have.
    """

    random: np.random.Generator
    width: int
    with_ntk: bool
    dtype: np.dtype
    largest: int = 0

    @singledispatchmethod
    def step(self, layer: Layer, state: FeatureState) -> Step:
        """Return the step of a layer.

        Parameters
        ----------
        layer : layer
            A layer of the network, or the network itself.
        state : FeatureState
            The features before the layer, of no samples: they have the shapes that count.

        Returns
        -------
        step

        Raises
        ------
        TypeError
            If a layer has no random features.
        """
        raise _unsupported(layer)

    @step.register
    def _(self, layer: DelegatingLayer, state: FeatureState) -> Step:
        # The mean over flips is taken of the features of the network.
        return self.step(layer.delegate(), state)

    @step.register
    def _(self, layer: Identity, state: FeatureState) -> Step:
        return Series(())

    @step.register
    def _(self, layer: Serial, state: FeatureState) -> Step:
        steps = []
        for part in layer.layers:
            steps.append(self.step(part, state))
            state = steps[-1](state)
            self.largest = max(self.largest, *map(_n_numbers, [state.nngp, *state.ntk]))
        return Series(steps)

    @step.register
    def _(self, layer: Sum, state: FeatureState) -> Step:
        return Branches([self.step(branch, state) for branch in layer.branches])

    @step.register
    def _(self, layer: InputScale, state: FeatureState) -> Step:
        scales = np.asarray(layer.canonical("scales"), self.dtype)
        return Scales(np.broadcast_to(scales, state.nngp.shape[-1:]))

    @step.register
    def _(self, layer: Dense, state: FeatureState) -> Step:
        biases = _number(layer.bias_std)
        if layer.parameterization == "ntk":
            return Weights(_number(layer.weight_std), biases, with_ntk=self.with_ntk)
        return Weights(
            _number(layer.weight_std),
            biases,
            direct_std=sqrt(layer.fan_in or 0),
            direct_bias=0.0 if layer.bias_std is None else 1.0,
            with_ntk=self.with_ntk,
        )

    @step.register
    def _(self, layer: Conv, state: FeatureState) -> Step:
        windows = windows_of(layer.filter_shape, layer.strides, layer.padding, paired=True)
        weight_std, bias_std = _number(layer.weight_std), _number(layer.bias_std)
        return Weights(weight_std, bias_std, windows, with_ntk=self.with_ntk)

    @step.register(ConvLocal)
    @step.register(ConvTranspose)
    def _(self, layer: Conv, state: FeatureState) -> Step:
        raise _unsupported(layer)

    @step.register
    def _(self, layer: Activation, state: FeatureState) -> Step:
        if not layer.has_function:
            raise TypeError(
                f"{type(layer).__name__} is defined by its kernel alone: random features need an "
                "activation with a function."
            )
        weights = self._weights(state.nngp.shape[-1])
        if not state.ntk:
            return Neurons(layer, weights, None)
        n_entries = (sum(part.shape[-1] for part in state.ntk), self.width)
        product = TensorSketch.draw(self.random, n_entries, self.width, self.dtype)
        return Neurons(layer, weights, product)

    @step.register
    def _(self, layer: AvgPool, state: FeatureState) -> Step:
        windows = windows_of(
            layer.window_shape,
            layer.strides,
            layer.padding,
            paired=False,
            normalize_edges=layer.normalize_edges,
        )
        return Pool(windows, 1 / prod(layer.window_shape))

    @step.register
    def _(self, layer: SumPool, state: FeatureState) -> Step:
        windows = windows_of(layer.window_shape, layer.strides, layer.padding, paired=False)
        return Pool(windows, 1.0)

    @step.register
    def _(self, layer: GlobalAvgPool, state: FeatureState) -> Step:
        return GlobalPool(is_mean=True)

    @step.register
    def _(self, layer: GlobalSumPool, state: FeatureState) -> Step:
        return GlobalPool(is_mean=False)

    @step.register
    def _(self, layer: Flatten, state: FeatureState) -> Step:
        ntk = tuple(map(self._sketch_of_pixels, state.ntk))
        return Flattening(self._sketch_of_pixels(state.nngp), ntk)

    def _weights(self, n_features: int) -> np.ndarray:
        require_memory(
            n_features * self.width * self.dtype.itemsize,
            f"Weights between {n_features} features and width={self.width} neurons",
            "Use a smaller width, fewer features, or dtype='float32' for half of it.",
        )
        return normal_directions(self.random, n_features, self.width, self.dtype)

    def _sketch_of_pixels(self, features: Features) -> CountSketch | None:
        """Return a sketch of flattened features, or None where they are not too many."""
        n_features = _n_numbers(features)
        size = LONGEST * self.width
        if n_features <= size:
            return None
        return CountSketch.draw(self.random, n_features, size, self.dtype)


SUPPORTED = (
    *(AvgPool, Conv, Dense, Flatten, FlipAverage, GlobalAvgPool, GlobalSumPool),
    *(Identity, InputScale, Residual, Serial, Sum, SumPool),
)


def _n_numbers(features: Features) -> int:
    """Return the number of features of one sample at all pixels."""
    return prod(features.shape[1:])


def _unsupported(layer: Layer) -> TypeError:
    supported = ", ".join(sorted(cls.__name__ for cls in SUPPORTED))
    return TypeError(
        f"{type(layer).__name__} has no random features. These exist for {supported}, activations "
        "that have a function, and presets made of these. For other networks use the exact "
        "kernels, gram_matrix or an estimator."
    )


def _number(value: float | None) -> float:
    """Return a hyperparameter as a Python number, which keeps the precision of arrays."""
    return 0.0 if value is None else float(value)
