"""What the layers of a network do to features, with the random numbers that they have drawn.

Every step maps features so that their inner products follow, on average, the layer's map of
kernels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from math import prod, sqrt
from typing import Protocol

import numpy as np
from scipy import sparse

from skntk.architecture.activations.base import Activation
from skntk.architecture.propagation.windows import Window
from skntk.features.elementwise import values, values_and_slopes
from skntk.features.pixels import patches, window_sums
from skntk.features.sketches import CountSketch, TensorSketch
from skntk.features.state import Features, FeatureState, joined


class Step(Protocol):
    """Maps the features before a layer to those after it."""

    def __call__(self, state: FeatureState) -> FeatureState:
        """Return the features after the layer."""


@dataclass(frozen=True)
class Series:
    """Steps one after the other."""

    steps: Sequence[Step]

    def __call__(self, state: FeatureState) -> FeatureState:
        for step in self.steps:
            state = step(state)
        return state


@dataclass(frozen=True)
class Branches:
    """Steps side by side, whose kernels are added up."""

    steps: Sequence[Step]

    def __call__(self, state: FeatureState) -> FeatureState:
        outputs = [step(state) for step in self.steps]
        ntk = chain.from_iterable(output.ntk for output in outputs)
        return FeatureState(joined([output.nngp for output in outputs]), tuple(ntk))


@dataclass(frozen=True)
class Scales:
    """The features of the inputs, each multiplied by a number."""

    scales: np.ndarray

    def __call__(self, state: FeatureState) -> FeatureState:
        return state.mapped(self._scaled)

    def _scaled(self, features: Features) -> Features:
        if sparse.issparse(features):
            rows = sparse.csr_array(features)
            return sparse.csr_array(rows.multiply(self.scales[None]))
        return features * self.scales


@dataclass(frozen=True)
class Weights:
    """A layer of weights and biases: ``K' = W^2 K + b^2`` and ``T' = direct + W^2 T``.

    Attributes
    ----------
    weight_std, bias_std : float
        W and b.
    windows : tuple of Window
        What a convolution reads: K and T are then means over the pixels of the filter. Empty for
        `Dense`.
    direct_std, direct_bias : float or None
        The features of the direct part of the NTK are the inputs times the one, and the other as
        a constant. None is those of K' themselves.
    with_ntk : bool
        Whether features of the NTK are asked for.
    """

    weight_std: float
    bias_std: float
    windows: tuple[Window, ...] = ()
    direct_std: float | None = None
    direct_bias: float = 0.0
    with_ntk: bool = False

    def __call__(self, state: FeatureState) -> FeatureState:
        weighted = state.mapped(self._weighted)
        nngp = joined([weighted.nngp], self.bias_std)
        if not self.with_ntk:
            return FeatureState(nngp)
        direct = nngp if self.direct_std is None else self.direct_std * state.nngp
        return FeatureState(nngp, (joined([direct], self.direct_bias), *weighted.ntk))

    def _weighted(self, features: Features) -> Features:
        n_read = prod(window.size for window in self.windows)
        weighted = self.weight_std / sqrt(n_read) * features
        return patches(weighted, self.windows) if self.windows else weighted


@dataclass(frozen=True)
class Neurons:
    """Random neurons: ``K' = E[f(u) f(v)]`` as a mean over them, and ``T' = T E[f'(u) f'(v)]``.

    Attributes
    ----------
    activation : Activation
        f.
    weights : ndarray of shape (n_features, width)
        Standard normal: the inputs of neurons are inner products with them.
    product : TensorSketch or None
        Of the features of T with the slopes of the neurons; None where there is no T.
    """

    activation: Activation
    weights: np.ndarray
    product: TensorSketch | None

    def __call__(self, state: FeatureState) -> FeatureState:
        inputs = _matmul(state.nngp, self.weights)
        scale = inputs.dtype.type(1 / sqrt(self.weights.shape[1]))
        if self.product is None:
            return FeatureState(values(self.activation, inputs) * scale)
        outputs, slopes = values_and_slopes(self.activation, inputs)
        ntk = self.product(joined(state.ntk), slopes * scale)
        return FeatureState(outputs * scale, (ntk,))


@dataclass(frozen=True)
class Pool:
    """Sums over windows of pixels, multiplied by a number."""

    windows: tuple[Window, ...]
    scale: float

    def __call__(self, state: FeatureState) -> FeatureState:
        return state.mapped(lambda features: self.scale * window_sums(features, self.windows))


@dataclass(frozen=True)
class GlobalPool:
    """The mean over all pixels, or their sum."""

    is_mean: bool

    def __call__(self, state: FeatureState) -> FeatureState:
        return state.mapped(self._reduced)

    def _reduced(self, features: np.ndarray) -> np.ndarray:
        pixels = tuple(range(1, features.ndim - 1))
        return features.mean(axis=pixels) if self.is_mean else features.sum(axis=pixels)


@dataclass(frozen=True)
class Flattening:
    """All pixels side by side: kernels are means over them. Long vectors are sketched.

    Attributes
    ----------
    nngp : CountSketch or None
    ntk : tuple of CountSketch or None
        Of the flattened features, where these would be too many.
    """

    nngp: CountSketch | None
    ntk: tuple[CountSketch | None, ...]

    def __call__(self, state: FeatureState) -> FeatureState:
        ntk = tuple(map(_flattened, state.ntk, self.ntk))
        return FeatureState(_flattened(state.nngp, self.nngp), ntk)


def _flattened(features: Features, sketch: CountSketch | None) -> Features:
    if features.ndim == 2:
        return features
    n, *sizes, n_features = features.shape
    flat = features.reshape(n, prod(sizes) * n_features)
    flat = flat * features.dtype.type(1 / sqrt(prod(sizes)))
    return flat if sketch is None else sketch(flat)


def _matmul(features: Features, weights: np.ndarray) -> np.ndarray:
    """Return products of vectors with a matrix, as one product of matrices."""
    flat = features.reshape(-1, features.shape[-1]) if features.ndim > 2 else features
    products: np.ndarray = flat @ weights
    return products.reshape(*features.shape[:-1], weights.shape[1])
