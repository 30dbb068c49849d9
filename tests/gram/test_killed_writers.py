"""A process that is killed while it writes entries leaves a whole file, and holds nobody up."""

import os
import signal
import warnings
from functools import partial

import numpy as np
import pytest

from skntk.gram.cache import kernel_folder
from skntk.gram.cache.entry_store import EntryStore, Key
from skntk.gram.cache.kernel_cache import KernelCache
from skntk.gram.cache.kernel_folder import KernelFolder
from tests.gram.test_cache import NETWORKS, SAMPLES, in_folder

resource = pytest.importorskip("resource")
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the writer is a copy")
KEY = Key("digest", "float64", (3,), ("nngp",))


def entries(n):
    """Return a store with all pairs of n samples."""
    digests = [bytes([i]) * 16 for i in range(n)]
    matrix = np.add.outer(np.arange(float(n)), np.arange(float(n)))
    position = {digest: at for at, digest in enumerate(digests)}
    return EntryStore(position, [matrix], np.ones((n, n), bool))


def killed(write):
    """Run a function in a copy of this process that is killed; it computes nothing with JAX."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of forks: the copy writes a file, and is gone
        child = os.fork()
    if child == 0:
        try:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            write()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else None


def write_under_lock(folder, n, n_bytes=None):
    with KernelFolder(folder).locked(KEY):
        if n_bytes is not None:
            # The kernel kills whoever writes past the limit, at this byte.
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, n_bytes))
        KernelFolder(folder).write(entries(n), KEY)


def kill_this_process(*arguments, **options):
    os.kill(os.getpid(), signal.SIGKILL)


def assert_whole(folder, n):
    found = KernelFolder(folder).read(KEY)
    assert len(found.position) == n
    for matrix, expected in zip(found.matrices, entries(n).matrices, strict=True):
        np.testing.assert_array_equal(matrix, expected)


def test_killed_at_any_byte(tmp_path):
    write_under_lock(tmp_path, 5)
    (file,) = tmp_path.glob("*.npz")
    size = file.stat().st_size
    for n_bytes in np.linspace(0, size, 10).astype(int).tolist():
        assert killed(partial(write_under_lock, tmp_path, 9, n_bytes)) == signal.SIGXFSZ
        assert_whole(tmp_path, 5)
    # The next writer is not waiting for a lock, and what was left behind is in nobody's way.
    write_under_lock(tmp_path, 9)
    assert_whole(tmp_path, 9)


@pytest.mark.parametrize("step", ["os.replace", "np.savez"])
def test_killed_before_a_step(step, tmp_path, monkeypatch):
    write_under_lock(tmp_path, 5)
    module, name = step.split(".")
    with monkeypatch.context() as patch:
        patch.setattr(getattr(kernel_folder, module), name, kill_this_process)
        assert killed(partial(write_under_lock, tmp_path, 9)) == signal.SIGKILL
    assert_whole(tmp_path, 5)
    write_under_lock(tmp_path, 9)
    assert_whole(tmp_path, 9)


def test_kernels_after_a_killed_writer(tmp_path):
    expected = in_folder(KernelCache(), tmp_path, NETWORKS[0], SAMPLES[:8])
    (file,) = tmp_path.glob("*.npz")

    def write():
        with open(file.with_suffix(".lock"), "wb") as lock:
            kernel_folder.fcntl.flock(lock, kernel_folder.fcntl.LOCK_EX)
            kill_this_process()

    assert killed(write) == signal.SIGKILL
    cache = KernelCache()
    found = in_folder(cache, tmp_path, NETWORKS[0], SAMPLES)
    assert cache.n_computed == 4 * 8 + 4 * 4
    for values, before in zip(found, expected, strict=True):
        np.testing.assert_array_equal(values[:8, :8], before)
