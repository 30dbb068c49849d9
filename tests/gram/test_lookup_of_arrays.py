"""Arrays that were seen before are found by their bytes as a whole, without a look at each row."""

import numpy as np
import pytest

from skntk import gram_matrix
from skntk.architecture import FullyConnected
from skntk.gram.cache import kernel_cache as module
from skntk.gram.cache.entry_store import _ARRAYS_REMEMBERED, EntryStore
from skntk.gram.cache.kernel_cache import KernelCache
from skntk.gram.kernel_function import KernelFunction

NETWORK, OTHER_NETWORK = FullyConnected(1), FullyConnected(1, weight_std=0.7)
BOTH = ("ntk", "nngp")
ROOM_FOR_ONE = 6 * 6 * 17


@pytest.fixture
def cache():
    return KernelCache()


@pytest.fixture
def samples():
    return np.random.default_rng(0).normal(size=(6, 3))


@pytest.fixture
def looked_up(monkeypatch):
    """Record the number of rows of each array that is looked up row by row."""
    arrays, digests = [], module._digests
    monkeypatch.setattr(module, "_digests", lambda X: arrays.append(len(X)) or digests(X))
    return arrays


def ask(cache, X, Y=None, network=NETWORK, max_bytes=10**6, kinds=BOTH):
    kernel_function = KernelFunction(network, X.shape[1:], dtype=X.dtype.name, n_jobs=1)
    found = cache.gram_matrix(kernel_function, X, Y, kinds=kinds, max_bytes=max_bytes)
    expected = gram_matrix(network, X, Y, kind=kinds, dtype=X.dtype.name)
    tolerance = 1e-12 if X.dtype == np.float64 else 2e-5
    for value, reference in zip(found, expected, strict=True):
        np.testing.assert_allclose(value, reference, rtol=tolerance, atol=tolerance)


def test_an_array_that_was_seen_is_found_as_a_whole(cache, samples, looked_up):
    ask(cache, samples)
    assert looked_up == [6]
    ask(cache, samples)
    ask(cache, samples.copy(), kinds=("ntk",))
    ask(cache, samples, samples.copy())
    assert looked_up == [6]


def test_parts_of_what_is_known_are_found_once_they_were_seen(cache, samples, looked_up):
    ask(cache, samples)
    for _ in range(2):
        ask(cache, samples[:2], samples[2:])
    assert looked_up == [6, 2, 4]
    # Each of them also beside other arrays.
    ask(cache, samples[2:], samples)
    assert looked_up == [6, 2, 4]


def test_one_entry_that_changes_in_place_is_another_array(cache, samples, looked_up):
    ask(cache, samples)
    samples[4, 1] += 1e-12
    ask(cache, samples)
    assert looked_up == [6, 6]
    assert cache.n_computed == 6 * 6 + 1 + 5


@pytest.mark.parametrize("reordered", [slice(None, None, -1), [0, 1, 2, 3, 5, 4], [0, 0, 1, 2, 3]])
def test_rows_in_another_order_are_another_array(cache, samples, looked_up, reordered):
    ask(cache, samples)
    ask(cache, samples[reordered])
    assert len(looked_up) == 2


def test_another_precision_is_another_array(cache, samples, looked_up):
    ask(cache, samples)
    ask(cache, samples.astype(np.float32))
    assert looked_up == [6, 6]


def test_equal_bytes_of_another_shape_are_another_array(cache, samples, looked_up):
    ask(cache, samples)
    ask(cache, samples.reshape(9, 2))
    assert looked_up == [6, 9]


def test_another_network_has_not_seen_the_array(cache, samples, looked_up):
    ask(cache, samples)
    ask(cache, samples, network=OTHER_NETWORK)
    assert looked_up == [6, 6]


def test_an_array_goes_with_the_network_that_made_place(cache, samples, looked_up):
    for network in (NETWORK, OTHER_NETWORK, OTHER_NETWORK, NETWORK):
        ask(cache, samples, network=network, max_bytes=ROOM_FOR_ONE)
    assert looked_up == [6, 6, 6]
    assert cache.nbytes == ROOM_FOR_ONE


def test_a_found_array_is_used_last(cache, samples, looked_up):
    room_for_two = 2 * ROOM_FOR_ONE
    third = FullyConnected(1, weight_std=0.9)
    for network in (NETWORK, OTHER_NETWORK, NETWORK, third, NETWORK):
        ask(cache, samples, network=network, max_bytes=room_for_two)
    # The one that made place for the third is not the one that was found.
    assert len(looked_up) == 3
    ask(cache, samples, network=OTHER_NETWORK, max_bytes=room_for_two)
    assert len(looked_up) == 4


def test_a_smaller_bound_is_met(cache, samples, looked_up):
    ask(cache, samples)
    ask(cache, samples[:4], max_bytes=4 * 4 * 17)
    assert cache.nbytes <= 4 * 4 * 17


def test_the_number_of_remembered_arrays_is_bounded():
    known = EntryStore()
    for number in range(_ARRAYS_REMEMBERED + 3):
        known.remember(bytes([number]), np.array([number]))
    remembered = [known.remembered(bytes([number])) for number in range(_ARRAYS_REMEMBERED + 3)]
    assert [places is None for places in remembered] == [True] * 3 + [False] * _ARRAYS_REMEMBERED
    assert [int(places[0]) for places in remembered[3:]] == list(range(3, _ARRAYS_REMEMBERED + 3))
