"""Memory is asked for before any work starts."""

import os
from pathlib import Path

import numpy as np
import pytest

from skntk import gram_matrix
from skntk._memory import available_memory, require_memory
from tests.gram.networks import BOTH, NETWORK


def forbidden(finished, total):
    raise AssertionError("the work started")


def test_available_memory_is_part_of_the_physical_memory():
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 0 < available_memory() <= physical


def test_available_memory_without_proc(monkeypatch):
    monkeypatch.setattr(Path, "read_text", lambda path: "MemTotal: 1 kB")
    assert available_memory() == os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def test_available_memory_may_be_unknown(monkeypatch):
    def missing(*arguments):
        raise OSError

    monkeypatch.setattr(Path, "read_text", missing)
    assert available_memory() is None
    require_memory(2**80, "Nothing", "Nothing.")


def test_message(monkeypatch):
    monkeypatch.setattr("skntk._memory.available_memory", lambda: 3 * 2**30)
    require_memory(3 * 2**30, "The work", "Do less.")
    message = r"The work needs 4 GiB of memory, but 3 GiB are free\. Do less\."
    with pytest.raises(MemoryError, match=message):
        require_memory(4 * 2**30, "The work", "Do less.")


@pytest.mark.parametrize("Y", [None, np.ones((1_500_000, 1))], ids=["symmetric", "cross"])
def test_too_many_samples_are_refused_at_once(Y):
    X = np.ones((1_500_000, 1))
    message = (
        r"kernel matrix of 1500000 x 1500000 samples needs .*GiB.* Use fewer samples, or dtype"
    )
    with pytest.raises(MemoryError, match=message):
        gram_matrix(NETWORK, X, Y, progress=forbidden)


def test_every_kind_and_the_precision_count(monkeypatch):
    X = np.ones((100, 1))
    needed = {}
    for kind, dtype in (("ntk", "float64"), (BOTH, "float64"), ("ntk", "float32")):

        def record(n_bytes, what, remedy, key=(kind, dtype)):
            needed[key] = n_bytes

        monkeypatch.setattr("skntk.gram.kernel_function.require_memory", record)
        gram_matrix(NETWORK, X, kind=kind, dtype=dtype)
    assert list(needed.values()) == [80_000, 160_000, 40_000]
