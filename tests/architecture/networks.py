"""Networks and inputs for the tests of every registered class."""

from __future__ import annotations

import numpy as np
import pytest

from skntk.architecture import AttentionNet, Conv, Dense, Flatten, Relu, SelfAttention, Serial
from skntk.architecture.registry import registered

N_FEATURES = 5
# Those of "spatial" and "image_network" need images, see test_spatial.py.
VECTOR_CATEGORIES = ("activation", "combinator", "layer", "preset")


def examples(*categories):
    """Return the examples of all registered classes of some categories as test parameters."""
    return [
        pytest.param(layer, id=f"{name}-{position}")
        for category in categories or VECTOR_CATEGORIES
        for name, cls in registered(category).items()
        for position, layer in enumerate(cls.examples())
    ]


def as_network(layer, bias_std=0.2):
    """Return a network around the layer; presets and combinators are networks as they are."""
    if type(layer).category in ("combinator", "preset"):
        return layer
    return Serial([Dense(1.3, bias_std), layer, Dense(1.1, 0.1)])


def as_spatial_network(layer, bias_std=0.2):
    """Return a network of images or sequences around a layer, or the layer if it is a network."""
    if type(layer).category == "image_network":
        return layer
    first = Conv((2,) * n_spatial_axes(layer), weight_std=1.3, bias_std=bias_std)
    return Serial([first, Relu(), layer, Flatten(), Dense(1.1, 0.1)])


def n_spatial_axes(layer):
    """Return for how many axes the layer is made: two if it takes any number.

    Attention has one, to be quick: it reads all pairs of positions, on whichever axes they stand.
    """
    if isinstance(layer, SelfAttention | AttentionNet):
        return 1
    return len(getattr(layer, "filter_shape", getattr(layer, "window_shape", (1, 1))))


def spatial_shape(layer):
    """Return the shape of images or sequences for a layer: networks want pools to divide them."""
    if getattr(layer, "category", None) == "image_network":
        return (8, 2) if n_spatial_axes(layer) == 1 else (4, 4, 2)
    return (7, 2) if n_spatial_axes(layer) == 1 else (5, 4, 2)


def spatial_inputs(layer, n_samples, seed=0):
    """Return images or sequences in general position for a layer."""
    shape = spatial_shape(layer)
    return np.random.default_rng(seed).normal(size=(n_samples, *shape))


def has_function(layer):
    """Return whether the layer is one of finite networks too; a kernel alone defines the others."""
    return getattr(layer, "has_function", True)


def inputs(n_samples, seed=0):
    """Return samples in general position."""
    return np.random.default_rng(seed).normal(size=(n_samples, N_FEATURES))


def degenerate_inputs():
    """Return samples of which some are identical, opposite, multiples of another, or zero."""
    x, y = inputs(2, seed=1)
    return np.stack([x, x, -x, 3 * x, y, np.zeros(N_FEATURES), np.zeros(N_FEATURES)])
