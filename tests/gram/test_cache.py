"""The cache returns what is computed without it, computes entries once, and stays in its bounds."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skntk import gram_matrix
from skntk.architecture import Dense, Dropout, Erf, FullyConnected, Serial
from skntk.gram.cache.kernel_cache import KernelCache
from skntk.gram.kernel_function import KernelFunction

NETWORKS = [FullyConnected(1), FullyConnected(1, weight_std=0.7)]
SAMPLES = np.random.default_rng(0).normal(size=(12, 3))
MANY = 10**9


def ask(cache, network, X, Y=None, kinds=("ntk", "nngp"), max_bytes=MANY):
    return cache.gram_matrix(kernel_of(network, X), X, Y, kinds=kinds, max_bytes=max_bytes)


def kernel_of(network, X):
    return KernelFunction(network, X.shape[1:], dtype=X.dtype.name, n_jobs=1)


@pytest.fixture
def calls(monkeypatch):
    """Record the shapes of what is computed."""
    computed, gram = [], KernelFunction.gram

    def recorded(kernel_function, X, Y=None, **options):
        computed.append((len(X), len(X) if Y is None else len(Y)))
        return gram(kernel_function, X, Y, **options)

    monkeypatch.setattr(KernelFunction, "gram", recorded)
    return computed


rows = st.lists(st.integers(0, len(SAMPLES) - 1), min_size=1, max_size=8)
requests = st.tuples(
    st.integers(0, len(NETWORKS) - 1),
    rows,
    st.none() | rows,
    st.sampled_from(["float64", "float32"]),
    st.sampled_from([("ntk", "nngp"), ("ntk",), ("nngp",)]),
    st.sampled_from([0, 900, 3000, MANY]),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(requests, min_size=1, max_size=6))
def test_any_sequence_of_requests_gets_what_is_computed_without_a_cache(sequence):
    cache = KernelCache()
    for network, left, right, dtype, kinds, max_bytes in sequence:
        X = SAMPLES[left].astype(dtype)
        Y = None if right is None else SAMPLES[right].astype(dtype)
        found = ask(cache, NETWORKS[network], X, Y, kinds, max_bytes)
        expected = gram_matrix(NETWORKS[network], X, Y, kind=kinds, dtype=dtype)
        tolerance = 1e-12 if dtype == "float64" else 2e-5
        for value, reference in zip(found, expected, strict=True):
            assert value.dtype == reference.dtype
            np.testing.assert_allclose(value, reference, rtol=tolerance, atol=tolerance)
            if Y is None:
                np.testing.assert_array_equal(value, value.T)
        if max_bytes:
            assert cache.nbytes <= max_bytes


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(rows, st.none() | rows), min_size=2, max_size=6))
def test_an_entry_keeps_the_bits_with_which_it_came_first(sequence):
    cache, first = KernelCache(), {}
    for left, right in sequence:
        columns = left if right is None else right
        (values,) = ask(
            cache,
            NETWORKS[0],
            SAMPLES[left],
            None if right is None else SAMPLES[right],
            ("nngp",),
        )
        for i, row in enumerate(left):
            for j, column in enumerate(columns):
                pair = min(row, column), max(row, column)
                assert first.setdefault(pair, values[i, j]) == values[i, j]


def test_the_folds_of_a_cross_validation_compute_every_entry_once(calls):
    cache, n, k = KernelCache(), 12, 4
    for _ in range(2):
        for test in np.array_split(np.arange(n), k):
            train = np.setdiff1d(np.arange(n), test)
            ask(cache, NETWORKS[0], SAMPLES[train])
            ask(cache, NETWORKS[0], SAMPLES[test], SAMPLES[train], ("ntk",))
    assert calls == [(9, 9), (3, 9), (3, 3)]
    assert cache.n_computed == 9 * 9 + 3 * 9 + 3 * 3


def test_scaled_rows_miss(calls):
    cache = KernelCache()
    ask(cache, NETWORKS[0], SAMPLES)
    ask(cache, NETWORKS[0], 1.1 * SAMPLES)
    assert calls == [(12, 12), (12, 12)]


def test_repeated_rows_are_computed_once(calls):
    (values,) = ask(KernelCache(), NETWORKS[0], SAMPLES[[3, 1, 3, 1, 3]], None, ("ntk",))
    assert calls == [(2, 2)]
    np.testing.assert_array_equal(values[0], values[2])


def test_what_was_used_longest_ago_makes_place(calls):
    cache, X = KernelCache(), SAMPLES
    room_for_one = 12 * 12 * 17
    for network in (0, 1, 1, 0):
        ask(cache, NETWORKS[network], X, max_bytes=room_for_one)
    assert len(calls) == 3
    assert cache.nbytes == room_for_one
    cache.clear()
    assert cache.nbytes == 0


def test_matrices_beyond_the_bound_are_computed_and_not_kept(calls):
    cache = KernelCache()
    ask(cache, NETWORKS[0], SAMPLES[:4], max_bytes=16 * 17)
    ask(cache, NETWORKS[0], SAMPLES, max_bytes=16 * 17)
    assert cache.nbytes == 16 * 17
    ask(cache, NETWORKS[0], SAMPLES[:4], max_bytes=16 * 17)
    assert calls == [(4, 4), (12, 12)]


def test_samples_that_are_not_asked_for_any_more_do_not_block_the_cache(calls):
    cache = KernelCache()
    for start in (0, 4, 8, 8):
        ask(cache, NETWORKS[0], SAMPLES[start : start + 4], max_bytes=16 * 17)
    assert len(calls) == 3


def test_dropout_tells_equal_samples_apart_and_is_not_cached():
    network = Serial([Dense(), Dropout(0.5), Erf(), Dense()])
    X = SAMPLES[[0, 0, 1]]
    cache = KernelCache()
    for left, right in ((X, None), (X, X)):
        found = ask(cache, network, left, right)
        expected = gram_matrix(network, left, right, kind=("ntk", "nngp"))
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert cache.nbytes == 0


def test_threads_share_what_one_of_them_computes(calls):
    cache = KernelCache()
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: ask(cache, NETWORKS[0], SAMPLES)[0], range(8)))
    assert calls == [(12, 12)]
    for result in results:
        np.testing.assert_array_equal(result, results[0])
    # Everyone has arrays of their own.
    results[0][:] = 0
    assert results[1].any()


def in_folder(cache, folder, network, X, Y=None, max_bytes=MANY):
    options = {"kinds": ("ntk", "nngp"), "max_bytes": max_bytes, "folder": folder}
    return cache.gram_matrix(kernel_of(network, X), X, Y, **options)


def test_another_process_finds_the_entries_in_a_folder(calls, tmp_path):
    first, second = KernelCache(), KernelCache()
    folder = tmp_path / "kernels"
    expected = in_folder(first, folder, NETWORKS[0], SAMPLES[:8])
    found = in_folder(second, folder, NETWORKS[0], SAMPLES[:8][::-1])
    assert calls == [(8, 8)]
    for value, reference in zip(found, expected, strict=True):
        np.testing.assert_array_equal(value, reference[::-1, ::-1])
    # What each of them adds is in the file for the other.
    in_folder(second, folder, NETWORKS[0], SAMPLES[8:], SAMPLES[:8])
    in_folder(first, folder, NETWORKS[0], SAMPLES[8:], SAMPLES[:8])
    in_folder(first, folder, NETWORKS[0], SAMPLES)
    in_folder(second, folder, NETWORKS[0], SAMPLES)
    assert calls == [(8, 8), (4, 8), (4, 4)]
    assert len(list(folder.glob("*.npz"))) == 1


def test_networks_and_precisions_have_files_of_their_own(calls, tmp_path):
    for network in NETWORKS:
        for dtype in ("float64", "float32"):
            in_folder(KernelCache(), tmp_path, network, SAMPLES.astype(dtype))
    assert len(calls) == len(list(tmp_path.glob("*.npz"))) == 4


def test_a_file_is_not_larger_than_the_cache(calls, tmp_path):
    cache, room = KernelCache(), 16 * 17
    for start in (0, 4, 8, 8):
        in_folder(cache, tmp_path, NETWORKS[0], SAMPLES[start : start + 4], max_bytes=room)
    in_folder(KernelCache(), tmp_path, NETWORKS[0], SAMPLES[8:], max_bytes=room)
    assert len(calls) == 3
    with np.load(next(tmp_path.glob("*.npz"))) as saved:
        assert saved["ntk"].shape == (4, 4)
