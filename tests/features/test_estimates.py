"""What inner products of features estimate, and how far they are off."""

import numpy as np
import pytest

from skntk.architecture import (
    AvgPool,
    Conv,
    Dense,
    Flatten,
    FullyConnected,
    GlobalAvgPool,
    GlobalSumPool,
    InputScale,
    Relu,
    Residual,
    Serial,
    Sum,
    SumPool,
)
from skntk.architecture.presets import ConvNet
from tests.architecture.networks import as_network, first_examples, has_function, inputs
from tests.features.sampling import (
    assert_unbiased,
    errors,
    root_mean_squares,
    standard_errors,
)

pytestmark = pytest.mark.usefixtures("quick_compilation")

ACTIVATIONS = [each for each in first_examples("activation") if has_function(each.values[0])]
STANDARD = Dense(1.2, 0.3, parameterization="standard", fan_in=7)
VECTORS = {
    "standard": Serial([STANDARD, Relu(), Dense(1.2, None, "standard", 7)]),
    "scales": Serial([InputScale([0.5, 1.5, 0.0, 1.0, 2.0]), Dense(1.3, 0.2), Relu(), Dense()]),
    "residual": Serial([Dense(), Residual(Serial([Relu(), Dense(1.2, 0.1)])), Dense(0.9)]),
    "sum": Serial([Sum([Dense(), Serial([Relu(), Dense(1.1)])]), Dense(0.9, 0.2)]),
    "linear": Dense(1.3, 0.2),
}
CONV = Conv((3, 3), weight_std=1.3, bias_std=0.2)
AVERAGES = AvgPool((3, 2), (2, 1), "SAME", normalize_edges=True)
IMAGES = {
    "global": ConvNet(1, pooling="global"),
    "flips": ConvNet(1, horizontal_flip=True, input_shape=(5, 4, 2)),
    "circular": Serial([Conv((2, 3), (2, 1), "CIRCULAR"), Relu(), Flatten(), Dense()]),
    "valid": Serial([Conv((3, 2), (1, 2), "VALID"), Relu(), GlobalSumPool()]),
    "edges": Serial([CONV, Relu(), AVERAGES, Flatten()]),
    "sums": Serial([CONV, Relu(), SumPool((2, 3), None, "CIRCULAR"), CONV, GlobalAvgPool()]),
    "residual": Serial([Dense(), Residual(Serial([CONV, Relu(), CONV])), GlobalAvgPool()]),
}


@pytest.mark.parametrize("layer", ACTIVATIONS)
def test_means_over_random_states_are_the_kernels_of_activations(layer):
    few = {"n_states": 24, "n_components": 24, "width": 32}
    assert_unbiased(errors(as_network(layer), 0.7 * inputs(3), **few))


@pytest.mark.parametrize("network", VECTORS.values(), ids=VECTORS)
def test_means_over_random_states_are_the_kernels_of_networks_of_vectors(network):
    few = {"n_states": 40, "n_components": 16, "width": 16}
    assert_unbiased(errors(network, inputs(3), **few))


@pytest.mark.parametrize("network", IMAGES.values(), ids=IMAGES)
def test_means_over_random_states_are_the_kernels_of_networks_of_images(network):
    images = np.random.default_rng(0).normal(size=(2, 5, 4, 2))
    few = {"n_states": 30, "n_components": 16, "width": 8}
    assert_unbiased(errors(network, images, **few))


def test_means_over_random_states_are_the_kernels_of_sequences():
    sequences = np.random.default_rng(0).normal(size=(2, 7, 2))
    few = {"n_states": 30, "n_components": 16, "width": 8}
    assert_unbiased(errors(ConvNet(1, (3,), pooling="global"), sequences, **few))


def test_errors_fall_with_the_square_root_of_the_number_of_components():
    network, X = FullyConnected(3), inputs(4)
    few, many = (
        root_mean_squares(errors(network, X, n_states=25, n_components=n, width=n))
        for n in (16, 256)
    )
    assert np.all((few / many > 3.2) & (few / many < 5))
    assert np.all(many < 3 / np.sqrt(256))


def test_the_bias_of_deep_networks_is_below_half_of_one_over_the_width():
    network, X = FullyConnected(3, "sin", weight_std=2.0, bias_std=0.5), inputs(3)
    narrow = errors(network, X, ("nngp",), n_states=300, n_components=64, width=2)
    assert_unbiased(narrow, bias=0.5 / 2)
    assert np.any(np.abs(narrow.mean(axis=1)) > 4 * standard_errors(narrow))  # it can be seen
    wide = errors(network, X, n_states=100, n_components=64, width=32)
    assert_unbiased(wide, bias=0.5 / 32)


def test_wide_layers_lower_the_error_of_as_many_components():
    network, X = FullyConnected(2), inputs(4)
    narrow, wide = (
        root_mean_squares(errors(network, X, n_states=20, n_components=64, width=width))
        for width in (16, 256)
    )
    assert np.all(wide < 0.8 * narrow)
