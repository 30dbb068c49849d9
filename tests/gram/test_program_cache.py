"""Compiled programs are kept for the networks that were used last."""

import gc
import weakref

import jax
import numpy as np
import pytest

import skntk
from skntk import FiniteWidthRegressor, gram_matrix
from skntk.architecture import Dense, Erf, FullyConnected, Relu, Serial
from skntk.gram.engine.compilation import Program
from tests.gram.test_compilation import counted_compilations

X = np.random.default_rng(0).normal(size=(4, 3))
NETWORKS = [
    FullyConnected(1),
    Serial([Dense(), Erf(), Dense()]),
    Serial([Dense(), Relu(), Dense(), Erf(), Dense()]),
]


@pytest.fixture(autouse=True)
def default_size():
    before = Program.n_networks
    yield
    skntk.set_program_cache_size(before)


@pytest.mark.parametrize(("size", "n_compiled"), [(3, 3), (2, 6)])
def test_networks_used_last_keep_their_programs(size, n_compiled):
    skntk.set_program_cache_size(size)
    with counted_compilations() as names:
        for network in NETWORKS * 2:
            gram_matrix(network, X)
    assert names["pair_program"] == names["sample_program"] == n_compiled


def test_use_renews_a_network():
    skntk.set_program_cache_size(2)
    first, second, third = NETWORKS
    with counted_compilations() as names:
        for network in (first, second, first, third, first):
            gram_matrix(network, X)
    assert names["pair_program"] == 3


def test_numbers_of_a_network_take_no_place():
    skntk.set_program_cache_size(1)
    with counted_compilations() as names:
        for weight_std in (1.0, 1.5, 2.0):
            gram_matrix(FullyConnected(1, weight_std=weight_std), X)
    assert names["pair_program"] == 1


def test_networks_of_finite_width_take_places_too():
    skntk.set_program_cache_size(1)
    with counted_compilations() as names:
        for network in (FullyConnected(1), FullyConnected(1, weight_std=2.0), NETWORKS[1]) * 2:
            model = FiniteWidthRegressor(network, width=2, n_networks=1, training_time=1)
            model.fit(X, X[:, 0]).predict(X)
    assert {names[name] for name in ("ensemble_outputs", "descend", "largest_curvature")} == {4}


@pytest.mark.parametrize("drop", ["another network", "a smaller size"])
def test_dropped_programs_are_released(drop):
    skntk.set_program_cache_size(2)
    doubled = Program(lambda x: 2 * x)
    device = jax.local_devices()[0]
    functions = [doubled.on(device, structure) for structure in "ab"]
    assert [float(function(3.0)) for function in functions] == [6.0, 6.0]
    released = weakref.ref(functions[0])
    del functions
    if drop == "another network":
        doubled.on(device, "c")
    else:
        skntk.set_program_cache_size(1)
    gc.collect()
    assert released() is None


@pytest.mark.parametrize(
    ("size", "error", "message"),
    [
        (0, ValueError, "at least 1, got 0"),
        (1.5, TypeError, "integer, got float"),
        (True, TypeError, "integer, got bool"),
    ],
)
def test_refuses_what_is_no_number_of_networks(size, error, message):
    with pytest.raises(error, match=message):
        skntk.set_program_cache_size(size)
