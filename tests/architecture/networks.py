"""Networks and inputs for the tests of every registered class."""

from __future__ import annotations

import numpy as np
import pytest

from skntk.architecture import Activation, Conv, Dense, Flatten, Relu, SelfAttention, Serial
from skntk.architecture.activations.smooth import QuadratureActivation
from skntk.architecture.core.categories import CATEGORIES
from skntk.architecture.core.registry import registered

N_FEATURES = 5
# The others need images, see test_spatial.py.
VECTOR_CATEGORIES = sorted(name for name, each in CATEGORIES.items() if not each.is_spatial)


def examples(*categories):
    """Return the examples of all registered classes of some categories as test parameters."""
    return [
        pytest.param(layer, id=f"{name}-{position}")
        for category in categories or VECTOR_CATEGORIES
        for name, cls in registered(category).items()
        for position, layer in enumerate(cls.examples())
    ]


def first_examples(*categories):
    """Return the first example of each registered class, where its variants need no program."""
    return [example for example in examples(*categories) if example.id.endswith("-0")]


def examples_of_engines():
    """Return the examples of vectors, but of those that share the quadrature two.

    It takes seconds to compile for each. All of them are compared with integrals in
    test_moments.py; these are one without a parity and with a number, and one with a parity.
    """
    return [
        example
        for example in examples()
        if example.id in ("Elu-0", "Tanh-0")
        or not isinstance(example.values[0], QuadratureActivation)
    ]


def as_network(layer, bias_std=0.2):
    """Return a network around the layer; presets and combinators are networks as they are."""
    if type(layer).category in ("combinator", "preset"):
        return layer
    if layer.scales_inputs or layer.reads_features:
        return Serial([layer, Dense(1.3, bias_std), Dense(1.1, 0.1)])
    return Serial([Dense(1.3, bias_std), layer, Dense(1.1, 0.1)])


def as_spatial_network(layer, bias_std=0.2):
    """Return a network of images or sequences around a layer, or the layer if it is a network."""
    if type(layer).category == "spatial_preset":
        return layer
    *sizes, _ = spatial_shape(layer)
    first = Conv((2,) * len(sizes), weight_std=1.3, bias_std=bias_std)
    return Serial([first, Relu(), layer, Flatten(), Dense(1.1, 0.1)])


def spatial_shape(layer):
    """Return the shape of images, or else sequences, that fit the layer or network.

    Attention gets sequences, to be quick: it reads all pairs of positions, however they stand.
    """
    if getattr(layer, "category", None) == "spatial_preset":
        images, sequences = (4, 4, 2), (8, 2)  # pools have to divide them
    else:
        images, sequences = (5, 4, 2), (7, 2)
    try:
        if isinstance(layer, SelfAttention):
            return sequences
        if layer is not None:
            layer.output_shape(images)
    except ValueError:
        return sequences
    return images


def spatial_inputs(layer, n_samples, seed=0):
    """Return images or sequences in general position for a layer or network."""
    return np.random.default_rng(seed).normal(size=(n_samples, *spatial_shape(layer)))


def has_function(layer):
    """Return whether the layer is one of finite networks too; a kernel alone defines the others."""
    return not isinstance(layer, Activation) or layer.has_function


def inputs(n_samples, seed=0):
    """Return samples in general position."""
    return np.random.default_rng(seed).normal(size=(n_samples, N_FEATURES))


def nearly_parallel_inputs(n_samples):
    """Return samples that are nearly parallel: away from the origin, or nearly multiples.

    Some are equal and some opposite.
    """
    random = np.random.default_rng(6)
    n_far = n_samples // 2
    far = random.uniform(2.0, 2.4, size=(n_far, N_FEATURES))
    direction = random.normal(size=N_FEATURES)
    others = np.linspace(0.2, 0.3, n_samples - n_far - 4)[:, None] * direction
    others = others + 1e-5 * random.normal(size=others.shape)
    return np.concatenate([far, others, far[:1], others[:1], -others[:2]])


def degenerate_inputs():
    """Return samples of which some are identical, opposite, multiples of another, or zero."""
    x, y = inputs(2, seed=1)
    return np.stack([x, x, -x, 3 * x, y, np.zeros(N_FEATURES), np.zeros(N_FEATURES)])
