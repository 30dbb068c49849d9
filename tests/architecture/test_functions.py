"""Functions as activations: the same after every copy, so that nothing is compiled anew."""

import copy
import pickle

import cloudpickle
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.base import clone

from skntk import gram_matrix
from skntk.architecture import Elementwise, FullyConnected, Relu, Tanh
from skntk.architecture.core.functions import as_reference, from_reference
from tests.architecture.networks import inputs


def plain(x):
    return x * jnp.exp(-x * x)


compiled = jax.jit(plain)  # holds the name of another object of this module


@jax.jit
def decorated(x):
    return jnp.maximum(x, 0) ** 2


FUNCTIONS = [jnp.tanh, jnp.square, jax.nn.relu, jax.nn.silu, jax.nn.gelu, plain, decorated]
NAMES = [getattr(function, "__name__", "") for function in FUNCTIONS]


def pickled(layer):
    return pickle.loads(pickle.dumps(layer))


def cloud_pickled(layer):
    return pickle.loads(cloudpickle.dumps(layer))


@pytest.mark.parametrize("duplicate", [clone, copy.copy, copy.deepcopy, pickled, cloud_pickled])
@pytest.mark.parametrize("function", FUNCTIONS, ids=NAMES)
def test_copies_hold_the_same_function(duplicate, function):
    assert duplicate(Elementwise(function)).function is function
    assert duplicate(FullyConnected(1, function)).activation is function


def test_functions_that_no_module_holds_are_cloned_too():
    def local(x):
        return jnp.sin(x)

    for function in (compiled, jax.jit(local), local, lambda x: x):
        assert clone(Elementwise(function)).function is function
        assert from_reference(as_reference(function)) is function


def test_other_values_are_no_references():
    for value in (1.0, "relu", Relu(), Relu, np.ones(2), None, plain):
        assert as_reference(value) is value


def test_function_gives_the_kernel_of_the_class():
    X = inputs(4)
    by_function, by_name = FullyConnected(2, jnp.tanh), FullyConnected(2, "tanh")
    # The class knows that its function is odd and sums more terms for it: both are documented.
    np.testing.assert_allclose(gram_matrix(by_function, X), gram_matrix(by_name, X), rtol=2e-8)
    assert by_name == FullyConnected(2, "tanh") != FullyConnected(2, Tanh())
