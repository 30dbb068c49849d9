"""Kernel entries that processes share: one file for each network, in a folder.

A file is replaced as a whole and in one step, so that whoever reads it finds all of one version.
Whoever computes entries of a network holds a lock on it, so that other processes wait for them
instead of computing them as well. Where there are no such locks, on Windows, two processes may
compute one entry, and the later of them may write a file without what the other added: work is
lost, and no entry is ever wrong.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from skntk._version import __version__
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
    def locked(self, key: Key) -> Iterator[None]:
        """Keep other processes from adding to the file of a network."""
        self.path.mkdir(parents=True, exist_ok=True)
        if fcntl is None:
            yield
            return
        with open(self._file(key).with_suffix(".lock"), "wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def read(self, key: Key) -> EntryStore:
        """Return the entries in the file of a network, none if there is no file."""
        file = self._file(key)
        try:
            with open(file, "rb") as opened, np.load(opened) as saved:
                digests = [bytes(digest) for digest in saved["digests"]]
                is_known = saved["is_known"]
                matrices = [saved[kind] for kind in key.kinds]
        except FileNotFoundError:
            return EntryStore()
        except (zipfile.BadZipFile, KeyError, EOFError, ValueError) as error:
            raise ValueError(
                f"{file} is damaged, or is not a file of kernel entries: delete it, and they are "
                "computed again."
            ) from error
        position = {digest: index for index, digest in enumerate(digests)}
        return EntryStore(position, matrices, is_known)

    def write(self, known: EntryStore, key: Key) -> None:
        """Replace the file of a network."""
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
