"""Kernels of sampled finite networks of vectors approach the infinite ones.

Of activations there is one of each kind: kinked, smooth with a closed form, and by quadrature. The
kernel of every activation is compared with integrals of its function in test_moments.py, so that of
a finite network it remains to be shown that it computes this function.
"""

import re

import jax
import numpy as np
import pytest

from skntk import gram_matrix
from skntk.architecture.presets.base import Preset
from tests.architecture.finite_samples import (
    FEW,
    MANY,
    assert_errors_fall_with_the_square_root_of_the_number,
    assert_many_networks_tell_small_differences,
    assert_within_standard_errors,
)
from tests.architecture.networks import (
    examples,
    has_function,
    inputs,
    spatial_inputs,
)

pytestmark = pytest.mark.usefixtures("quick_compilation")

ACTIVATIONS = ["LeakyRelu-0", "Erf-0", "Elu-0"]
NAMES = [example.id for example in examples("layer", "combinator")] + ACTIVATIONS

PRESETS = [
    example
    for example in examples("preset", "spatial_preset")
    if isinstance(example.values[0], Preset)
]


@pytest.mark.parametrize("number", [FEW, MANY])
@pytest.mark.parametrize("name", NAMES)
def test_error_is_within_standard_errors(name, number):
    assert_within_standard_errors(name, number)


@pytest.mark.parametrize("name", NAMES)
def test_many_networks_tell_small_differences(name):
    assert_many_networks_tell_small_differences(name)


def test_errors_fall_with_the_square_root_of_the_number_of_networks():
    assert_errors_fall_with_the_square_root_of_the_number(NAMES)


@pytest.mark.parametrize("activation", examples("activation"))
def test_a_finite_network_computes_the_function_of_the_activation(activation):
    if not has_function(activation):
        pytest.skip("a kernel alone defines it")
    x = inputs(4)
    parameters = activation.initialize(jax.random.key(0), x.shape[1:], 8, 1)
    assert jax.tree.leaves(parameters) == []
    np.testing.assert_array_equal(activation.apply(parameters, x), activation.function(x))


def samples_of(preset):
    is_vector = type(preset).category == "preset"
    return inputs(3) if is_vector else spatial_inputs(preset, 3)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_draws_and_computes_as_the_network_that_it_builds(preset):
    X, key = samples_of(preset), jax.random.key(1)
    drawn, expected = (
        network.initialize(key, X.shape[1:], 8, 2) for network in (preset, preset.build())
    )
    assert jax.tree.structure(drawn) == jax.tree.structure(expected)
    jax.tree.map(np.testing.assert_array_equal, drawn, expected)
    np.testing.assert_array_equal(
        preset.apply(drawn, X, key), preset.build().apply(expected, X, key)
    )


@pytest.mark.parametrize(
    "preset", [preset for preset in PRESETS if re.match("(Residual)?FullyC|ConvN", preset.id)]
)
def test_a_preset_has_the_kernels_of_the_network_that_it_builds(preset):
    """All presets compute by this network; those left out here would take a minute to compile."""
    X, kinds = samples_of(preset), ("nngp", "ntk")
    for kernel, expected in zip(
        gram_matrix(preset, X, kind=kinds), gram_matrix(preset.build(), X, kind=kinds), strict=True
    ):
        np.testing.assert_array_equal(kernel, expected)
