"""Kernel entries that processes share: one file for each network, in a folder.

A file is replaced as a whole and in one step, so that whoever reads it finds all of one version.
Whoever computes entries of a network holds a lock on it, so that other processes wait for them
instead of computing them as well. Where there are no such locks, on Windows, two processes may
compute one entry, and the later of them may write a file without what the other added: work is
lost, and no entry is ever wrong. Nor is it where a file is damaged, or cannot be written: a warning
says so, and entries are computed.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from skntk._version import __version__
from skntk._warnings import warn
from skntk.gram.cache.entry_store import EntryStore, Key

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]


class KernelFolder:
    """The files of a folder.

    Parameters
    ----------
    path : str or PathLike
        The folder, made when something is first written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    @contextmanager
    def locked(self, key: Key) -> Iterator[bool]:
        """Keep other processes from adding to the file of a network.

        Yields False, after a warning, if there can be no such file.
        """
        with ExitStack() as stack:
            try:
                self.path.mkdir(parents=True, exist_ok=True)
                if fcntl is not None:
                    file = self._file(key).with_suffix(".lock")
                    fcntl.flock(stack.enter_context(open(file, "wb")), fcntl.LOCK_EX)
            except OSError as error:
                self._warn_of_no_file(self.path, error)
                yield False
            else:
                yield True

    def read(self, key: Key) -> EntryStore:
        """Return the entries in the file of a network, none if there is no file.

        A file that is damaged counts as none, with a warning.
        """
        file = self._file(key)
        try:
            return _read(file, key)
        except FileNotFoundError:
            return EntryStore()
        # Whatever a wrong byte leads to, in the archive, in its compression or in an array.
        except Exception as error:
            warn(
                f"{file} is damaged, or is not a file of kernel entries "
                f"({type(error).__name__}: {error}). It is replaced, and its entries are computed "
                "again.",
                UserWarning,
            )
            return EntryStore()

    def write(self, known: EntryStore, key: Key) -> None:
        """Replace the file of a network, or warn if it cannot be written."""
        try:
            self._write(known, key)
        except OSError as error:
            self._warn_of_no_file(self._file(key), error)

    def _warn_of_no_file(self, path: Path, error: OSError) -> None:
        warn(
            f"Kernel entries cannot be kept in {path} ({error.strerror}): they are computed, and "
            "other processes will compute them again. Free space on the disk, or choose another "
            "cache_location.",
            UserWarning,
        )

    def _write(self, known: EntryStore, key: Key) -> None:
        digests = np.frombuffer(b"".join(known.position), dtype=np.uint8)
        matrices: dict[str, Any] = dict(zip(key.kinds, known.matrices, strict=True))
        handle, unfinished = tempfile.mkstemp(dir=self.path, suffix=".unfinished")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(
                    file,
                    digests=digests.reshape(len(known.position), -1),
                    is_known=known.is_known,
                    **matrices,
                )
            os.replace(unfinished, self._file(key))
        except BaseException:
            Path(unfinished).unlink(missing_ok=True)
            raise

    def _file(self, key: Key) -> Path:
        # Another version may compute other values.
        described = repr((__version__, *key)).encode()
        return self.path / f"kernel-{hashlib.sha256(described).hexdigest()[:32]}.npz"


def _read(file: Path, key: Key) -> EntryStore:
    """Return the entries in a file, or raise an error if it is not one of this network."""
    with open(file, "rb") as opened, np.load(opened) as saved:
        digests = [bytes(digest) for digest in saved["digests"]]
        is_known = saved["is_known"]
        matrices = [saved[kind] for kind in key.kinds]
    position = {digest: index for index, digest in enumerate(digests)}
    arrays = [(is_known, "bool"), *((matrix, key.dtype) for matrix in matrices)]
    shape = len(position), len(digests)
    if any(array.shape != shape or array.dtype != dtype for array, dtype in arrays):
        raise ValueError("its arrays are not those of a kernel")
    return EntryStore(position, matrices, is_known)
