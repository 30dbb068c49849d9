"""What layers made of layers pass on: all that their parts say of themselves."""

import jax
import numpy as np
import pytest

from skntk import NTKRegressor, gram_matrix
from skntk.architecture import (
    AttentionNet,
    Concat,
    Conv,
    ConvNet,
    Dense,
    Dropout,
    Flatten,
    FlipAverage,
    FullyConnected,
    InputScale,
    Layer,
    LinearizedNetwork,
    Myrtle,
    Preset,
    Product,
    Relu,
    Residual,
    Serial,
    Sum,
    WideResNet,
)
from skntk.architecture.combinators.branches import Branches
from skntk.architecture.core.delegation import DelegatingLayer
from skntk.architecture.core.layer import HOOKS

SHAPE = (4, 4, 1)
X = np.random.default_rng(0).normal(size=(3, *SHAPE))
FLAT = X.reshape(len(X), -1)

NETWORK = ConvNet(1, input_shape=SHAPE)
SAME_SHAPE = Serial([InputScale(0.5), NETWORK])


class Wrapped(Preset):
    """A preset of a user, around a network with a shape of its own."""

    def __init__(self, weight_std=1.0):
        super().__init__("relu", weight_std, None, None)

    def build(self):
        return Serial([InputScale(self.weight_std), ConvNet(1, input_shape=SHAPE), Dense()])


@pytest.mark.parametrize(
    "network",
    [
        NETWORK,
        SAME_SHAPE,
        Serial([Serial([InputScale(1.0)]), NETWORK]),
        Serial([SAME_SHAPE, Dense()]),
        Serial([Serial([Serial([NETWORK])]), Dense()]),
        Serial([NETWORK, FullyConnected(1)]),
        Sum([ConvNet(1, pooling="global", input_shape=SHAPE), AttentionNet(1)]),
        Product([Serial([Flatten(), Dense()]), NETWORK]),
        Concat([NETWORK, NETWORK]),
        Residual(NETWORK, Serial([Flatten(), Dense()])),
        FlipAverage(Serial([NETWORK, Dense()])),
        Serial([Sum([NETWORK, NETWORK]), Dense()]),
        Wrapped(0.7),
    ],
    ids=lambda network: repr(network)[:60],
)
def test_flat_rows_of_a_network_within_another(network):
    np.testing.assert_array_equal(gram_matrix(network, FLAT), gram_matrix(network, X))


def test_flat_rows_of_a_linearized_network():
    network = Serial([InputScale(0.5), NETWORK])
    parameters = network.initialize(jax.random.key(0), SHAPE, width=8, outputs=1)
    linearized = LinearizedNetwork(network, parameters)
    np.testing.assert_array_equal(linearized(FLAT), linearized(X))


def test_flat_rows_of_an_estimator():
    y = [1.0, 2.0, 3.0]
    expected = NTKRegressor(SAME_SHAPE).fit(X, y).predict(X)
    np.testing.assert_array_equal(NTKRegressor(SAME_SHAPE).fit(FLAT, y).predict(FLAT), expected)


def test_a_shape_counts_only_where_the_inputs_are_read():
    network = Serial([Conv((3, 3), padding="VALID"), ConvNet(1, input_shape=(2, 2, 1))])
    assert gram_matrix(network, X).shape == (3, 3)


def test_branches_have_to_agree_on_the_shape():
    network = Sum([NETWORK, ConvNet(1, input_shape=(2, 8, 1))])
    with pytest.raises(ValueError, match=r"input_shape=\(2, 8, 1\)\) takes samples of this shape"):
        gram_matrix(network, FLAT)


def test_a_preset_that_averages_needs_no_line_for_it():
    class Averaged(Wrapped):
        def build(self):
            return FlipAverage(super().build())

    expected = gram_matrix(FlipAverage(Wrapped().build()), X)
    np.testing.assert_array_equal(gram_matrix(Averaged(), FLAT), expected)


def test_a_preset_of_random_layers_is_random():
    class Dropping(Wrapped):
        def build(self):
            return Serial([Dense(), Dropout(), Dense()])

    assert Dropping().is_stochastic()
    assert not Wrapped().is_stochastic()


def test_delegating_layers_forward_everything():
    for hook in HOOKS:
        assert hook in vars(DelegatingLayer)


def test_what_a_layer_made_of_layers_does_not_define_is_refused():
    class Complete(Branches):
        pass

    with pytest.raises(
        TypeError, match="Forgetful is made of layers and has to define reshape_inputs"
    ):
        type("Forgetful", (Branches,), {"reshape_inputs": Layer.reshape_inputs})


@pytest.mark.parametrize(
    "preset", [ConvNet(2), Myrtle(5), WideResNet(1), AttentionNet(1)], ids=repr
)
def test_a_resolved_preset_is_the_network_that_it_builds(preset):
    assert preset.resolve() == preset.build()
    assert Relu().resolve() == Relu()


def test_hyperparameters_are_checked_before_a_network_is_built():
    with pytest.raises(TypeError, match=r"FullyConnected\(depth='2'\): depth must be an integer"):
        Serial([FullyConnected("2"), Dense()]).output_shape((3,))
    with pytest.raises(ValueError, match=r"Myrtle\(depth=4\): depth must be 5, 7 or 10"):
        gram_matrix(Serial([Myrtle(4), Dense()]), X)
