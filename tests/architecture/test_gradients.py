"""Derivatives of kernels by every hyperparameter and by the inputs."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from skntk.architecture.propagation.state import as_left, as_right, input_pairs, input_samples
from tests.architecture.networks import as_network, degenerate_inputs, examples_of_engines, inputs

pytestmark = pytest.mark.usefixtures("quick_compilation")

every_example = pytest.mark.parametrize("layer", examples_of_engines())


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


@partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
def value_and_gradients(network, X, Y):
    """Return an unequally weighted sum of kernels, and its derivatives by everything it reads."""
    return jax.value_and_grad(weighted_sum, argnums=(0, 1, 2))(network, X, Y)


def weighted_sum(network, X, Y):
    (of_x, x_statistics), (_, y_statistics) = (
        network.propagate_samples(input_samples(samples)) for samples in (X, Y)
    )
    of_pairs = network.propagate_pairs(
        input_pairs(X, Y), as_left(x_statistics), as_right(y_statistics)
    )
    return sum(
        jnp.sum(values * jnp.linspace(0.5, 1.5, values.size).reshape(values.shape))
        for values in (*of_x, *of_pairs)
    )


def as_arrays(network):
    return jax.tree.map(lambda leaf: np.asarray(leaf, float), network)


@every_example
@pytest.mark.parametrize("bias_std", [0.2, 0.0], ids=["bias", "no bias"])
def test_finite_at_identical_opposite_and_zero_inputs(layer, bias_std):
    X = degenerate_inputs()
    value, gradients = value_and_gradients(as_arrays(as_network(layer, bias_std)), X, X)
    assert np.isfinite(value)
    assert all(np.isfinite(gradient).all() for gradient in jax.tree.leaves(gradients))


@every_example
def test_equal_finite_differences_in_general_position(layer):
    # As many samples as above: one compiled program serves both tests.
    n_samples = len(degenerate_inputs())
    at = (as_arrays(as_network(layer)), inputs(n_samples), inputs(n_samples, seed=2))
    random = np.random.default_rng(3)

    def random_step(leaf):
        size = np.abs(leaf)
        return random.normal(size=np.shape(leaf)) * np.where(size > 0, size, 1)

    direction = jax.tree.map(random_step, at)
    value, gradients = value_and_gradients(*at)
    slopes = jax.tree.map(lambda gradient, d: np.sum(gradient * d), gradients, direction)
    slope = sum(jax.tree.leaves(slopes))
    step = 1e-5
    forward, backward = (
        value_and_gradients(*jax.tree.map(lambda leaf, d, s=s: leaf + s * d, at, direction))[0]
        for s in (step, -step)
    )
    scale = abs(float(value)) + abs(float(slope))
    assert abs((forward - backward) / (2 * step) - slope) <= 1e-7 * scale
