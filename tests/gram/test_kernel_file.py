"""A kernel matrix in a file: written by rows, found again, gone on with after a kill."""

import errno
import os
import re
import shutil
import signal

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skntk.architecture import Dense, Dropout, FullyConnected, Relu, Serial
from skntk.gram import kernel_file
from skntk.gram.kernel_file import fill_by_rows, kernel_in_file
from skntk.gram.kernel_function import KernelFunction

from .test_killed_writers import killed

X = np.random.default_rng(0).normal(size=(23, 3))


class Products:
    """Stands for the kernels of a network: their inner products, computed without JAX."""

    architecture = FullyConnected()
    dtype = "float64"

    def __init__(self, killed_at=None):
        self.killed_at = killed_at
        self.n_entries = 0

    def gram(self, X, Y=None, *, kinds):
        Y = X if Y is None else Y
        self.n_entries += len(X) * len(Y)
        if self.killed_at is not None and self.n_entries > self.killed_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return (X @ Y.T,)


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    # Five rows.
    monkeypatch.setattr(kernel_file, "_BYTES_IN_BLOCK", 8 * 23 * 5)


def files_of(folder):
    return sorted(path.suffix for path in folder.iterdir())


@pytest.mark.parametrize("kind", ["nngp", "ntk"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_it_is_the_kernel_of_the_network(tmp_path, kind, dtype):
    function = KernelFunction(Serial([Dense(), Relu(), Dropout(0.8), Dense()]), (3,))
    (expected,) = function.gram(X, kinds=(kind,))
    reports = []
    matrix = kernel_in_file(
        tmp_path / "new", function, X, kind, dtype, lambda *report: reports.append(report)
    )
    assert matrix.dtype == dtype
    assert isinstance(matrix, np.memmap)
    np.testing.assert_allclose(matrix, expected, rtol=1e-6 if dtype == "float32" else 1e-12)
    assert_array_equal(matrix, matrix.T)
    assert reports[0] == (15, 276)
    assert reports[-1] == (276, 276)
    assert not matrix.flags.writeable
    in_memory = np.empty((23, 23), dtype)
    assert list(fill_by_rows(in_memory, function, X, kind, range(0, 23, 5))) == [0, 5, 10, 15, 20]
    assert_array_equal(in_memory, matrix)


def test_it_is_found_again_and_is_that_of_its_rows(tmp_path):
    function = Products()
    matrix = kernel_in_file(tmp_path, function, X, "ntk", "float64")
    n_entries = function.n_entries
    # Every pair once, but the blocks on the diagonal.
    assert n_entries < 23**2 * 0.65
    assert_array_equal(kernel_in_file(tmp_path, function, X, "ntk", "float64"), matrix)
    assert function.n_entries == n_entries
    other = kernel_in_file(tmp_path, function, X + 1, "ntk", "float64")
    assert function.n_entries == 2 * n_entries
    np.testing.assert_allclose(other, (X + 1) @ (X + 1).T, rtol=1e-12)
    assert files_of(tmp_path) == [".journal", ".journal", ".npy", ".npy"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the writer is a copy")
def test_a_killed_run_loses_the_block_at_work(tmp_path):
    write = lambda: kernel_in_file(tmp_path, Products(200), X, "ntk", "float64")  # noqa: E731
    assert killed(write) == signal.SIGKILL
    whole, rest = Products(), Products()
    expected = kernel_in_file(tmp_path / "undisturbed", whole, X, "ntk", "float64")
    assert_array_equal(kernel_in_file(tmp_path, rest, X, "ntk", "float64"), expected)
    # Blocks of 25 + 50 + 75 entries were finished, and 100 are too many.
    assert rest.n_entries == whole.n_entries - 150


def test_what_a_journal_does_not_vouch_for_is_computed_anew(tmp_path, monkeypatch):
    def interrupted(number):
        function = Products()
        gram, calls = function.gram, []

        def stop(*arguments, **options):
            calls.append(arguments)
            if len(calls) > number:
                raise KeyboardInterrupt
            return gram(*arguments, **options)

        function.gram = stop
        with pytest.raises(KeyboardInterrupt):
            kernel_in_file(tmp_path, function, X, "ntk", "float64")

    expected = X @ X.T
    for damage in (
        # The system was started again: nobody knows what had reached the disk.
        lambda: monkeypatch.setattr(kernel_file, "_boot", lambda: "another"),
        lambda: next(tmp_path.glob("*.npy")).write_bytes(b"short"),
        lambda: next(tmp_path.glob("*.npy")).unlink(),
        lambda: next(tmp_path.glob("*.journal")).write_text("no journal"),
    ):
        interrupted(3)
        damage()
        function = Products()
        np.testing.assert_allclose(
            kernel_in_file(tmp_path, function, X, "ntk", "float64"), expected, rtol=1e-12
        )
        assert function.n_entries > 300
        shutil.rmtree(tmp_path)
        tmp_path.mkdir()
    # An entry of the journal that was not finished costs its block alone.
    interrupted(3)
    journal = next(tmp_path.glob("*.journal"))
    journal.write_bytes(journal.read_bytes()[:-4])
    function = Products()
    kernel_in_file(tmp_path, function, X, "ntk", "float64")
    assert 250 < function.n_entries < 310


def test_a_full_disk_is_an_error_that_names_the_file(tmp_path, monkeypatch):
    def fail(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", fail, raising=False)
    match = rf"No space left.*GiB.*storage='none'.*{re.escape(str(tmp_path))}.*\.npy"
    with pytest.raises(OSError, match=match):
        kernel_in_file(tmp_path, Products(), X, "ntk", "float64")
    assert files_of(tmp_path) == [".journal"]
    monkeypatch.undo()


def test_a_folder_that_cannot_be_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        kernel_in_file(tmp_path / "file", Products(), X, "ntk", "float64")


def test_without_allocation_zeros_are_written(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    matrix = kernel_in_file(tmp_path, Products(), X, "ntk", "float32")
    np.testing.assert_allclose(matrix, X @ X.T, rtol=1e-5, atol=1e-6)
