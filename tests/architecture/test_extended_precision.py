"""Random networks of all layers and activations beside an evaluation in extended precision."""

import numpy as np
import pytest

from skntk import gram_matrix
from skntk.architecture import (
    AvgPool,
    Concat,
    Conv,
    ConvLocal,
    Dense,
    Dropout,
    Erf,
    Flatten,
    GlobalAvgPool,
    GlobalSumPool,
    Identity,
    InputScale,
    LayerNorm,
    Product,
    Relu,
    Residual,
    Serial,
    Sum,
    SumPool,
)
from skntk.architecture.activations.smooth import QuadratureActivation
from skntk.architecture.core.registry import registered
from tests.architecture.extended_precision import FUNCTIONS, LAYERS, kernels_in_extended_precision
from tests.architecture.networks import N_FEATURES

pytestmark = pytest.mark.usefixtures("quick_compilation")
BOTH = ("nngp", "ntk")
# Of the largest entry: of closed forms beside the dense integrals, and of the series.
ROUNDING, SERIES = 1e-10, 1e-7


def dealt_activations():
    """Return lists of activations, an example of every class in one of them, by tolerance."""
    random = np.random.default_rng(20)
    decks = {ROUNDING: [], SERIES: []}
    for cls in registered("activation").values():
        examples = cls.examples()
        is_series = issubclass(cls, QuadratureActivation)
        decks[SERIES if is_series else ROUNDING].append(examples[random.integers(len(examples))])
    return [
        (deck[hand::n_hands], tolerance)
        for (tolerance, deck), n_hands in zip(decks.items(), (5, 2), strict=True)
        for hand in range(n_hands)
    ]


HANDS = dealt_activations()


class Architect:
    """Draws networks of vectors around activations."""

    def __init__(self, random):
        self.random = random

    def network(self, activations):
        """Return a network with all of the activations, in blocks of one or two."""
        layers = [InputScale(self.random.uniform(0.5, 1.5, N_FEATURES))]
        while activations:
            n_taken = min(len(activations), self.random.integers(1, 3))
            taken, activations = activations[:n_taken], activations[n_taken:]
            layers += [self.block(*taken), self.without_parameters(), LayerNorm(eps=0.01)]
        return Serial([*layers, self.dense()])

    def dense(self):
        weight_std, bias_std = self.random.uniform(0.6, 1.0), self.random.choice([0.0, 0.2, 0.5])
        if self.random.random() < 0.3:
            bias = self.random.choice([None, bias_std])
            return Dense(weight_std, bias, "standard", fan_in=int(self.random.integers(1, 9)))
        return Dense(weight_std, bias_std)

    def without_parameters(self):
        return self.random.choice([Identity(), Dropout(self.random.uniform(0.5, 1))])

    def block(self, first, second=None):
        layer = Serial([self.dense(), first])
        if second is None:
            ways = [layer, Residual(Serial([layer, self.dense()]), self.dense()), Residual(layer)]
        else:
            pair = [layer, Serial([self.dense(), second])]
            channels = self.random.uniform(1, 3, 2).tolist()
            ways = [Sum(pair), Product(pair), Concat(pair), Concat(pair, channels=channels)]
        return ways[self.random.integers(len(ways))]


def samples(random):
    """Return two samples in general position, and multiples of them."""
    x, y = random.normal(size=(2, N_FEATURES))
    return np.stack([x, y, -x, 1.5 * y])


def assert_near(actual, expected, tolerance):
    for ours, exact in zip(actual, expected, strict=True):
        assert np.isfinite(ours).all()
        assert np.abs(ours - exact).max() <= tolerance * np.abs(exact).max()


@pytest.mark.parametrize("hand", range(len(HANDS)))
def test_random_networks_of_vectors(hand):
    random, (activations, tolerance) = np.random.default_rng(hand), HANDS[hand]
    network, X = Architect(random).network(activations), samples(random)
    exact = kernels_in_extended_precision(network, X)
    assert_near(gram_matrix(network, X, kind=BOTH), exact, tolerance)


def drawn_windows(random, n_axes):
    return {
        "strides": tuple(random.integers(1, 3, n_axes).tolist()),
        "padding": str(random.choice(["SAME", "VALID", "CIRCULAR"])),
    }


def spatial_layers(random, n_axes):
    """Return a convolution and what stands behind it, or None for layers that need no window."""
    shape = tuple(random.integers(1, 4, n_axes).tolist())
    weight_std, bias_std = random.uniform(0.8, 1.5), random.choice([0.0, 0.3])
    filters = {"weight_std": weight_std, "bias_std": bias_std, **drawn_windows(random, n_axes)}
    family = random.choice([Conv, Conv, ConvLocal])
    edges = {"normalize_edges": bool(random.integers(2)), **drawn_windows(random, n_axes)}
    behind = [
        AvgPool(shape, **edges),
        SumPool(shape, **drawn_windows(random, n_axes)),
        Residual(Serial([Relu(), Conv(shape)])),
        Serial([LayerNorm("all"), Dense(1.2, 0.1), Erf(1.1, 0.8)]),
        Dropout(0.7),
    ]
    return [family(shape, **filters), Relu(), behind[random.integers(len(behind))]]


def network_of_images(random, shape):
    """Return a network with two convolutions whose windows fit."""
    n_axes = len(shape) - 1
    end = [Flatten(), GlobalAvgPool(), GlobalSumPool()][random.integers(3)]
    while True:
        layers = [*spatial_layers(random, n_axes), *spatial_layers(random, n_axes)]
        network = Serial([*layers, end, Dense(0.9, 0.2)])
        try:
            network.output_shape(shape)
        except ValueError:
            continue
        return network


@pytest.mark.parametrize("seed", range(5))
def test_random_networks_of_images(seed):
    """Paddings, strides and edges against loops over pixels."""
    random = np.random.default_rng(seed)
    shape = [(7, 3), (5, 4, 2)][seed % 2]
    network, X = network_of_images(random, shape), random.normal(size=(3, *shape))
    X[2] = -X[0]
    assert_near(
        gram_matrix(network, X, kind=BOTH), kernels_in_extended_precision(network, X), ROUNDING
    )


def test_every_activation_and_layer_of_vectors_is_evaluated():
    names = {name for kind in ("activation", "layer", "combinator") for name in registered(kind)}
    assert names <= FUNCTIONS.keys() | LAYERS.keys()
    dealt = [type(layer).__name__ for activations, _ in HANDS for layer in activations]
    assert sorted(dealt) == list(registered("activation"))
