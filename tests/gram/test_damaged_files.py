"""A wrong byte in a file, or a full disk, costs time and never a wrong entry."""

import os
import re
import warnings

import numpy as np
import pytest

from skntk import NTKRegressor
from skntk.architecture import FullyConnected
from skntk.gram.cache import kernel_folder
from skntk.gram.cache.kernel_cache import KERNEL_CACHE, KernelCache
from skntk.gram.engine import checkpoint as checkpoint_module
from skntk.gram.kernel_function import KernelFunction
from tests.gram.interrupted_run import compute, cut_small

# So that rows are held in several groups.
MEMORY = {"working_memory": 0.01, "n_jobs": 1}
FULL = OSError(28, "No space left on device")


@pytest.fixture(autouse=True)
def many_tiles(monkeypatch):
    cut_small(monkeypatch.setattr)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "kernel.tiles"


@pytest.fixture
def unfinished(path):
    """Return the content of a file that a run has left."""
    reports = []

    def stop(finished, total):
        reports.append(finished)
        if len(reports) == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compute("images", checkpoint=path, progress=stop, **MEMORY)
    return path.read_bytes()


def assert_identical(found, expected):
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def digits_of_records(content, kinds, n_records):
    """Return where the digits of the first records of some kinds stand."""
    records = re.finditer(rb'\{"key": \["(\w+)"[^}]*\}', content)
    chosen = [match for match in records if match[1].decode() in kinds][:n_records]
    return [i for match in chosen for i in range(*match.span()) if content[i : i + 1].isdigit()]


@pytest.mark.parametrize(("kind", "n_records"), [("cut", 2), ("tile", 1)])
def test_a_digit_of_a_checkpoint(kind, n_records, unfinished, path):
    expected = compute("images", **MEMORY)
    assert unfinished.count(b'["cut"') > 2
    for place in digits_of_records(unfinished, {kind}, n_records)[::2]:
        damaged = bytearray(unfinished)
        damaged[place] = ord("1") if damaged[place] != ord("1") else ord("2")
        path.write_bytes(damaged)
        assert_identical(compute("images", checkpoint=path, **MEMORY), expected)


def test_any_byte_of_a_checkpoint(unfinished, path):
    expected = compute("images", **MEMORY)
    start = unfinished.index(b"\n") + 1
    for place in np.random.default_rng(0).integers(start, len(unfinished), 10):
        damaged = bytearray(unfinished)
        damaged[place] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        assert_identical(compute("images", checkpoint=path, **MEMORY), expected)


def test_other_memory_after_a_damaged_cut(unfinished, path):
    place = digits_of_records(unfinished, {"cut"}, 1)[1]
    path.write_bytes(unfinished[:place] + b"9" + unfinished[place + 1 :])
    assert_identical(compute("images", checkpoint=path), compute("images"))


def test_what_stands_before_a_damage_is_used(unfinished, path):
    n_tiles = []

    def count(finished, total):
        n_tiles.append(finished)

    # The last record is damaged: one tile more than what was missing.
    damaged = bytearray(unfinished)
    damaged[-6] ^= 1
    lengths = []
    for content in (unfinished, bytes(damaged)):
        path.write_bytes(content)
        n_tiles.clear()
        compute("images", checkpoint=path, progress=count, **MEMORY)
        lengths.append(len(n_tiles))
    assert lengths[0] == lengths[1]


def test_a_full_disk_names_the_file_and_what_is_kept(path, monkeypatch):
    write, sizes = checkpoint_module._write, []

    def full_disk(file, data):
        sizes.append(len(data))
        if len(sizes) > 20:
            raise FULL
        write(file, data)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint_module, "_write", full_disk)
        with pytest.raises(OSError, match=r"No space left.*before are kept") as refusal:
            compute("images", checkpoint=path, **MEMORY)
    assert refusal.value.errno == 28
    assert str(path) in str(refusal.value)
    assert_identical(compute("images", checkpoint=path, **MEMORY), compute("images", **MEMORY))


def test_a_disk_that_is_full_from_the_beginning(path, monkeypatch):
    def full_disk(file, data):
        raise FULL

    monkeypatch.setattr(checkpoint_module, "_write", full_disk)
    with pytest.raises(OSError, match="the file could not be begun") as refusal:
        compute("images", checkpoint=path, **MEMORY)
    assert str(path) in str(refusal.value)


def test_a_disk_without_room_for_the_result(path, monkeypatch):
    expected = compute("images", **MEMORY)

    def no_room(descriptor):
        raise FULL

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_room)
        with pytest.warns(UserWarning, match="could not be written.*They are returned") as warned:
            assert_identical(compute("images", checkpoint=path, **MEMORY), expected)
    assert str(path) in str(warned[0].message)
    assert list(path.parent.iterdir()) == [path]
    assert_identical(compute("images", checkpoint=path, **MEMORY), expected)


# The cache of kernel entries -----------------------------------------------------------------

NETWORK = FullyConnected(1)
SAMPLES = np.random.default_rng(0).normal(size=(6, 3))


def in_folder(folder):
    function = KernelFunction(NETWORK, (3,), n_jobs=1)
    cache = KernelCache()
    found = cache.gram_matrix(
        function, SAMPLES, kinds=("nngp",), max_bytes=10**6, folder=folder
    )  # fmt: skip
    return found[0], cache.n_computed


@pytest.fixture
def saved(tmp_path):
    """Return a file with entries."""
    in_folder(tmp_path)
    return next(tmp_path.glob("*.npz"))


def test_any_byte_of_a_file_of_entries(saved):
    content = saved.read_bytes()
    expected, _ = in_folder(saved.parent)
    n_damaged = 0
    for place in range(0, len(content), 11):
        damaged = bytearray(content)
        damaged[place] ^= 1 << (place % 8)
        saved.write_bytes(damaged)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            found, n_computed = in_folder(saved.parent)
        np.testing.assert_array_equal(found, expected)
        assert bool(n_computed) == bool(warned)
        n_damaged += bool(n_computed)
        # It is there again for the next one.
        assert in_folder(saved.parent)[1] == 0
    assert n_damaged > 20


@pytest.mark.parametrize("kept", [0, 1, 100, -1])
def test_a_file_that_was_cut_off(saved, kept):
    expected, _ = in_folder(saved.parent)
    saved.write_bytes(saved.read_bytes()[:kept])
    with pytest.warns(UserWarning, match=f"{saved.name} is damaged.*It is replaced"):
        found, _ = in_folder(saved.parent)
    np.testing.assert_array_equal(found, expected)
    assert in_folder(saved.parent)[1] == 0


def test_entries_of_another_shape(saved):
    with np.load(saved) as arrays:
        shortened = {name: array[:-1] for name, array in arrays.items()}
    np.savez(saved, **shortened)
    with pytest.warns(UserWarning, match="its arrays are not those of a kernel"):
        in_folder(saved.parent)


def full_disk(*args, **options):
    raise FULL


def test_a_cache_that_cannot_be_written_lets_the_fit_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr(kernel_folder.np, "savez", full_disk)
    KERNEL_CACHE.clear()
    model = NTKRegressor(NETWORK, alpha=0.1, cache_size=1, cache_location=tmp_path)
    message = rf"cannot be kept in {re.escape(str(tmp_path))}.*No space left on device"
    with pytest.warns(UserWarning, match=message):
        model.fit(SAMPLES, SAMPLES[:, 0])
    expected = NTKRegressor(NETWORK, alpha=0.1).fit(SAMPLES, SAMPLES[:, 0])
    np.testing.assert_allclose(model.predict(SAMPLES), expected.predict(SAMPLES))
    assert not list(tmp_path.glob("*.npz")) and not list(tmp_path.glob("*.unfinished"))
    KERNEL_CACHE.clear()


def test_a_folder_that_cannot_be_made(tmp_path):
    occupied = tmp_path / "file"
    occupied.write_text("precious")
    with pytest.warns(UserWarning, match="cannot be kept in .*choose another cache_location"):
        found, n_computed = in_folder(occupied / "kernels")
    assert n_computed and np.isfinite(found).all()
    assert occupied.read_text() == "precious"
