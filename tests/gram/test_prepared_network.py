"""What the checks of a network found is remembered for equal networks, and for no others."""

import pickle

import jax
import numpy as np
import pytest
from sklearn.base import clone

from skntk import gram_matrix
from skntk.architecture import Dense, FullyConnected, InputScale, Relu, Serial
from skntk.gram.engine.prepared_network import NetworkArguments

X = np.random.default_rng(0).normal(size=(4, 3))


def network():
    return Serial([InputScale(np.ones(3)), Dense(), Relu(), Dense()])


class Counted(FullyConnected):
    """A network that counts how often it is built."""

    category = None
    n_built = 0

    def build(self):
        type(self).n_built += 1
        return super().build()


def test_an_equal_network_is_not_built_again():
    counted = Counted(1, weight_std=1.25)
    expected = gram_matrix(counted, X)
    n_built = Counted.n_built
    np.testing.assert_array_equal(gram_matrix(clone(counted), X), expected)
    assert Counted.n_built == n_built


@pytest.mark.parametrize(
    "change",
    [
        lambda network: setattr(network.layers[1], "weight_std", 3.0),
        lambda network: network.set_params(**{"3__bias_std": 0.5}),
        lambda network: network.layers.append(Dense(2.0)),
        lambda network: network.layers.__setitem__(2, Serial([Relu(), Dense(), Relu()])),
        lambda network: network.layers[0].scales.__setitem__(0, 2.0),
    ],
    ids=["attribute", "set_params", "a new layer", "another layer", "an entry of an array"],
)
def test_changes_in_place_count(change):
    changed = network()
    before = gram_matrix(changed, X)
    change(changed)
    assert not np.allclose(gram_matrix(changed, X), before)
    np.testing.assert_array_equal(gram_matrix(network(), X), before)


def test_values_of_other_types_are_checked():
    gram_matrix(FullyConnected(1, weight_std=1.0), X)
    with pytest.raises(TypeError, match="depth must be an integer, got bool"):
        gram_matrix(FullyConnected(True, weight_std=1.0), X)
    with pytest.raises(TypeError, match="weight_std must be a real number, got bool"):
        gram_matrix(FullyConnected(1, weight_std=True), X)


def test_another_shape_is_checked():
    gram_matrix(FullyConnected(1), X)
    with pytest.raises(ValueError, match="takes vectors"):
        gram_matrix(FullyConnected(1), X[:, :, np.newaxis])


def test_what_cannot_be_remembered_is_computed():
    scales = np.full(20_000, 2.0)
    many = np.ones((2, 20_000))
    np.testing.assert_allclose(gram_matrix(Serial([InputScale(scales), Dense()]), many), 4.0)
    with pytest.raises(TypeError, match="weight_std must be a real number, got dict"):
        gram_matrix(FullyConnected(1, weight_std={}), X)


def test_arguments_are_flattened_without_their_layers():
    arguments = NetworkArguments.of(network(), np.dtype("float64"))
    assert arguments.network() == network()
    leaves, structure = jax.tree.flatten(arguments)
    assert jax.tree.unflatten(structure, leaves).network() == network()
    restored = pickle.loads(pickle.dumps(arguments))
    assert restored.structure == arguments.structure
    assert all(map(np.array_equal, restored.arrays, arguments.arrays))
