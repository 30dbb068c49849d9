"""What programs take beside inputs and results stays within the working memory."""

import os
import re
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
import sklearn

from skntk import gram_diagonal, gram_matrix
from skntk.architecture import (
    AvgPool,
    Conv,
    Dense,
    Flatten,
    GlobalAvgPool,
    Relu,
    SelfAttention,
    Serial,
)
from skntk.gram.engine import engine as engine_module
from skntk.gram.engine import working_memory as working_memory_module
from skntk.gram.engine.prepared_network import PreparedNetwork
from skntk.gram.engine.sizes import layout_of, tile_sizes
from skntk.gram.engine.working_memory import (
    WorkingMemory,
    block_bytes,
    pair_program_bytes,
    sample_program_bytes,
)
from tests.gram.interrupted_run import CASES, compute, cut_small
from tests.gram.networks import NETWORK, samples
from tests.gram.test_compilation import counted_compilations

POOLED = Serial([Conv((3, 3), bias_std=0.2), Relu(), AvgPool((2, 2)), GlobalAvgPool(), Dense()])
ATTENTION = Serial([SelfAttention(bias_std=0.1), Relu(), Flatten(), Dense()])
DEVICE = jax.local_devices()[0]
CPU = layout_of("cpu")


def images(n_samples, size):
    return np.random.default_rng(0).normal(size=(n_samples, size, size, 2))


def memory(n_bytes, n_threads=1):
    # Half of it is for programs.
    return WorkingMemory(2 * n_bytes, n_threads, (DEVICE,))


def needed(network, X, kinds, sizes):
    signature = prepared(network, X).signature
    return max(
        sample_program_bytes(signature, sizes.left, DEVICE),
        pair_program_bytes(signature, kinds, sizes, DEVICE),
    )


def fastest_sizes(network, X):
    return tile_sizes(prepared(network, X).signature, (len(X), len(X)), CPU)


def prepared(network, X):
    return PreparedNetwork.of(network, X.shape[1:], X.dtype.name)


def sizes_within(network, X, kinds, n_bytes, n_threads=1):
    within = memory(n_bytes, n_threads)
    return within.tile_sizes(CPU, prepared(network, X).signature, kinds, len(X))


@pytest.mark.parametrize(
    ("network", "X"),
    [(POOLED, images(20, 8)), (ATTENTION, images(20, 4)), (NETWORK, samples(3000))],
    ids=["pools", "attention", "vectors"],
)
def test_the_largest_tiles_within_the_bound(network, X):
    kinds = ("ntk",)
    fastest = fastest_sizes(network, X)
    most = needed(network, X, kinds, fastest)
    assert sizes_within(network, X, kinds, most) == fastest
    assert sizes_within(network, X, kinds, 3 * most, n_threads=3) == fastest
    for n_bytes in (most - 1, most // 2):
        sizes = sizes_within(network, X, kinds, n_bytes)
        assert needed(network, X, kinds, sizes) <= n_bytes
        assert 1 <= sizes.pairs_at_once < fastest.pairs_at_once
    with pytest.raises(MemoryError, match="but it is 0 MiB"):
        sizes_within(network, X, kinds, 0)


def test_smaller_tiles_give_the_same_matrix():
    X = images(9, 5)
    expected = gram_matrix(POOLED, X)
    most = needed(POOLED, X, ("ntk",), fastest_sizes(POOLED, X))
    for part in (2, 8):
        bound = {"working_memory": 2 * most / part / 2**20, "n_jobs": 1}
        np.testing.assert_allclose(gram_matrix(POOLED, X, **bound), expected, rtol=1e-12)
        np.testing.assert_allclose(
            gram_matrix(POOLED, X[:4], X, **bound), gram_matrix(POOLED, X[:4], X), rtol=1e-12
        )


def test_the_error_names_what_suffices():
    X = images(3, 4)
    with pytest.raises(MemoryError) as refusal:
        gram_matrix(POOLED, X, working_memory=0)
    suffices = float(re.search(r"Use working_memory=(\S+)", str(refusal.value))[1])
    # Of a number with three digits the last may be rounded down.
    gram_matrix(POOLED, X, working_memory=1.01 * suffices)
    with pytest.raises(MemoryError):
        gram_matrix(POOLED, X, working_memory=0.98 * suffices)


# Chunks --------------------------------------------------------------------------------------


def chunks_of_four(memory, *arguments):
    return 4, memory.tile_sizes(*arguments)


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(engine_module, "cut_within", chunks_of_four)


@pytest.mark.parametrize("case", CASES)
def test_matrices_from_chunks(case, monkeypatch, request, tmp_path):
    cut_small(monkeypatch.setattr)
    expected = compute(case)
    request.getfixturevalue("small_chunks")
    reports, path = [], tmp_path / "tiles"
    found = compute(case, checkpoint=path, progress=lambda *numbers: reports.append(numbers))
    for matrices in (found, compute(case, checkpoint=path)):
        for ours, theirs in zip(matrices, expected, strict=True):
            rounding = 100 * np.finfo(theirs.dtype).eps * np.abs(theirs).max()
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=rounding)
    assert [finished for finished, _ in reports] == sorted(finished for finished, _ in reports)
    if case != "cross":
        for matrix in found:
            np.testing.assert_array_equal(matrix, matrix.T)


def test_diagonals_from_chunks(small_chunks):
    X = images(9, 4)
    expected = [gram_diagonal(POOLED, X[i : i + 1], kind="nngp")[0] for i in range(9)]
    np.testing.assert_allclose(gram_diagonal(POOLED, X, kind="nngp"), expected, rtol=1e-13)


def test_chunks_are_remembered(monkeypatch, tmp_path):
    """The chunks of a run that goes on are those that it began with, whatever fits now."""
    cut_small(monkeypatch.setattr)
    expected, path = compute("images"), tmp_path / "tiles"

    def stop(finished, total):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(engine_module, "cut_within", chunks_of_four)
        compute("images", checkpoint=path, progress=stop)
    monkeypatch.setattr(engine_module, "cut_within", pytest.fail)
    for ours, theirs in zip(compute("images", checkpoint=path), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-13)


def test_as_many_rows_as_fit():
    n_samples, kinds = 200_000, ("ntk",)
    X = np.zeros((n_samples, 6, 6, 2))
    signature = prepared(POOLED, X).signature
    enough = memory(2**30)
    sizes = enough.tile_sizes(CPU, signature, kinds, n_samples)
    assert enough.rows_at_once(sizes, signature, kinds, n_samples) == n_samples
    sample_bytes = n_samples * block_bytes(signature, sizes.left, DEVICE)
    sample_bytes //= sizes.left
    assert sample_bytes > X.nbytes
    for fraction in (0.4, 0.2):
        n_bytes = int(needed(POOLED, X, kinds, sizes) + sample_bytes * fraction)
        for n_devices in (1, 2):
            within = WorkingMemory(n_bytes, 1, (DEVICE,) * n_devices)
            fitting = within.tile_sizes(CPU, signature, kinds, n_samples)
            n_rows = within.rows_at_once(fitting, signature, kinds, n_samples)
            # Two chunks are held, on every device.
            most = n_samples * fraction / 2 / n_devices
            assert n_rows % sizes.left == 0
            assert most - sizes.left < n_rows <= most


@pytest.mark.parametrize("function", [gram_matrix, gram_diagonal])
def test_the_configuration_of_scikit_learn_is_the_default(function):
    X = images(3, 4)
    function(POOLED, X)
    with sklearn.config_context(working_memory=0), pytest.raises(MemoryError):
        function(POOLED, X)
    with sklearn.config_context(working_memory=0):
        function(POOLED, X, working_memory=100)
    with pytest.raises(MemoryError, match=r"Use working_memory=.* \(or sklearn\.set_config"):
        function(POOLED, X, working_memory=0.001)


def test_fewer_threads_are_a_remedy():
    with pytest.raises(MemoryError, match="a smaller n_jobs"):
        gram_matrix(POOLED, images(3, 4), working_memory=0.0, n_jobs=2)
    with pytest.raises(MemoryError) as refusal:
        gram_matrix(POOLED, images(3, 4), working_memory=0.0, n_jobs=1)
    assert "n_jobs" not in str(refusal.value)


@pytest.mark.parametrize("function", [gram_matrix, gram_diagonal])
def test_values(function):
    with pytest.raises(TypeError, match="working_memory must be a number of MiB or None, got str"):
        function(NETWORK, samples(3), working_memory="1 GB")
    for value in (-1, np.nan):
        with pytest.raises(ValueError, match="working_memory must be at least 0 MiB, got"):
            function(NETWORK, samples(3), working_memory=value)
    function(NETWORK, samples(3), working_memory=np.inf)


def test_nothing_is_compiled_for_the_question_alone():
    X = images(9, 5)
    with counted_compilations() as names:
        for name in ("sample_program_bytes", "pair_program_bytes", "_program_bytes", "cut_within"):
            getattr(working_memory_module, name).cache_clear()
        for _ in range(2):
            gram_matrix(POOLED, X)
        gram_diagonal(POOLED, X)
    assert names["sample_program"] == names["shift_program"] == 1


# Networks that keep whole fields, and images for which these are large.
LARGE = {
    "pools": (
        Serial([Conv((3, 3)), Relu(), AvgPool((2, 2)), Conv((3, 3)), Relu(), GlobalAvgPool()]),
        images(8, 28),
    ),
    "attention": (ATTENTION, images(8, 20)),
}
BOUNDS = {"pools": 32, "attention": 40}

# In a process of its own, where nothing else takes memory. What is compiled stays.
SCRIPT = """
import sys, threading
from pathlib import Path
from skntk import gram_matrix
from tests.gram.test_working_memory import LARGE

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20

def compute():
    gram_matrix(network, X, dtype="float32", n_jobs=2, working_memory=float(sys.argv[2]))

network, X = LARGE[sys.argv[1]]
compute()
before, most, finished = resident(), 0, threading.Event()

def watch():
    global most
    while not finished.wait(0.002):
        most = max(most, resident())

watching = threading.Thread(target=watch)
watching.start()
compute()
finished.set()
watching.join()
print(most - before)
"""


def growth(name, working_memory):
    """Return the MiB by which a process grows while it computes."""
    root = Path(working_memory_module.__file__).parents[2]
    process = subprocess.run(
        [sys.executable, "-c", SCRIPT, name, str(working_memory)],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(process.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of a process from /proc")
@pytest.mark.parametrize("name", LARGE)
def test_memory_of_the_process(name):
    assert growth(name, BOUNDS[name]) <= BOUNDS[name]
    # Without the bound it would take more, and the measurement shows it.
    assert growth(name, 2**20) > BOUNDS[name]
