"""Groups of layers that come again and again are found, and computed by a loop."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from skntk import gram_matrix
from skntk.architecture import (
    Dense,
    Dropout,
    Erf,
    FullyConnected,
    Gelu,
    LayerNorm,
    LeakyRelu,
    Relu,
    Residual,
    Serial,
    Tanh,
)
from skntk.architecture.core.repetition import repeated_groups
from skntk.architecture.propagation.state import as_left, as_right, input_pairs, input_samples


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


REPEATED = {
    "relu": dense_relu(9),
    "erf": [layer for i in range(8) for layer in (Dense(1 + i / 4, 0.5), Erf(b=1 - i / 10))],
    "gelu, as a preset repeats it": [Dense(1.2, 0.3), Gelu()] * 9,
    "expansion": [Dense(1.2, 0.3), Tanh()] * 8,
    "residual": [Residual(Serial([Relu(), Dense(0.3 + i / 20)])) for i in range(10)],
    "normalization": [Dense(1.2, 0.3), LayerNorm(), Relu()] * 8,
    "dropout": [Dense(1.2, 0.3), Relu(), Dropout(0.9)] * 8,
    "standard parameterization": [Dense(1.2, 0.3, "standard", 64), Relu()] * 8,
    "before and behind": [Erf(), *dense_relu(8), *[Dense(0.9, 0.1), Erf()] * 8, Dense()],
}


@pytest.mark.parametrize("name", REPEATED)
def test_loops_equal_layers_one_after_the_other(name):
    layers, kinds = REPEATED[name], ("nngp", "ntk")
    assert any(repetitions > 1 for _, repetitions in repeated_groups(layers))
    # Parts of so few layers that none count as repeated.
    parts = [Serial(layers[i : i + 5]) for i in range(0, len(layers), 5)]
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((5, 3)), rng.standard_normal((4, 3))
    of_loops = gram_matrix(Serial(layers), X, Y, kind=kinds)
    written_out = gram_matrix(Serial(parts), X, Y, kind=kinds)
    for ours, expected in zip(of_loops, written_out, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=1e-12 * expected.max())


def test_gradients_through_a_loop():
    """By hyperparameters of a deep network, with equal, opposite and zero inputs."""
    rows = np.array([[1.0, 2.0], [1.0, 2.0], [-1.0, -2.0], [0.0, 0.0], [0.5, -1.0]])

    def mean_kernels(weight_std, slope, layers_of_part):
        layers = [Dense(weight_std, 0.3), LeakyRelu(slope)] * 8
        parts = [layers[i : i + layers_of_part] for i in range(0, 16, layers_of_part)]
        state = pairs_through(Serial([Serial(part) for part in parts]), jnp.asarray(rows))
        return jnp.mean(state.ntk) + jnp.mean(state.nngp)

    with jax.enable_x64(True):
        gradient = jax.grad(mean_kernels, (0, 1))
        of_loop, expected = gradient(1.1, 0.2, 16), gradient(1.1, 0.2, 4)
    assert np.all(np.isfinite(expected))
    np.testing.assert_allclose(of_loop, expected, rtol=1e-11)


@pytest.mark.parametrize("activation", ["relu", "erf", "tanh"])
def test_a_hundred_layers_are_a_program_as_short_as_ten(activation):
    def n_instructions(depth):
        compiled = jax.jit(pairs_through).lower(FullyConnected(depth, activation), np.ones((8, 3)))
        return sum(" = " in line for line in compiled.compile().as_text().splitlines())

    assert n_instructions(100) < 1.2 * n_instructions(10)


def pairs_through(network, X):
    """Return the kernels of all rows of X with each other."""
    _, statistics = network.propagate_samples(input_samples(X))
    pairs = input_pairs(X, X)
    return network.propagate_pairs(pairs, as_left(statistics), as_right(statistics))
