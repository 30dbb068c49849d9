"""Groups of layers that come again and again are found, and computed by a loop."""

import jax
import numpy as np
import pytest

from skntk.architecture import Dense, Erf, LeakyRelu, Relu, Residual, Serial
from skntk.architecture.repetition import repeated_groups


def written_out(groups):
    """Return the layers that groups stand for, in their order."""
    return [layer for each in groups for layer in repeated(*each)]


def repeated(group, count):
    if count == 1:
        return list(group)
    repetitions = [jax.tree.map(lambda leaf, i=i: leaf[i].item(), group) for i in range(count)]
    return [layer for repetition in repetitions for layer in repetition]


def dense_relu(count):
    return [layer for i in range(count) for layer in (Dense(1 + i / 4, i / 8), Relu())]


@pytest.mark.parametrize(
    ("layers", "sizes_and_counts"),
    [
        ([Dense()], [(1, 1)]),
        ([Dense(0.5), Relu(), Dense(0.25)], [(3, 1)]),
        ([*dense_relu(3), Dense(0.5)], [(2, 3), (1, 1)]),
        ([Erf(), *dense_relu(4)], [(1, 1), (2, 4)]),
        ([Relu(), *dense_relu(3), Relu(), Relu()], [(2, 3), (1, 3)]),
        ([*dense_relu(3), *[LeakyRelu(i / 4) for i in range(5)]], [(2, 3), (1, 5)]),
        ([Residual(Serial([Relu(), Dense(i / 4, 0.5)])) for i in range(3)], [(1, 3)]),
        ([Dense(0.5, fan_in=i) for i in (1, 2, 2, 2)], [(1, 1), (1, 3)]),
    ],
)
def test_groups_are_the_layers_in_their_order(layers, sizes_and_counts):
    groups = repeated_groups(layers, 3)
    assert [(len(group), count) for group, count in groups] == sizes_and_counts
    assert written_out(groups) == layers


def test_one_layer_many_times_is_stacked_without_a_copy_of_each():
    layers = [Dense(1.5, 0.5), Relu()] * 100
    jaxpr = jax.make_jaxpr(lambda: jax.tree.leaves(repeated_groups(layers)[0].group))()
    assert len(jaxpr.eqns) <= 4
    (dense, _), count = repeated_groups(layers)[0]
    assert count == 100
    np.testing.assert_array_equal(dense.weight_std, np.full(100, 1.5))
