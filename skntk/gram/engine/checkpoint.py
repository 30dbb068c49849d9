"""A file of finished tiles, from which an interrupted run goes on.

The first line is text: what the file is, and in JSON what it was computed from. Records follow,
each a head with two lengths, a JSON description, the numbers, and a CRC-32 of both. Records are
only ever appended, so that a run that is killed leaves at most one of them unfinished. What the
operating system has been given survives the process; the file is flushed to the disk at the end.

A tile that is damaged is computed again. How a matrix is cut says what all that follows means, so
that after a damaged cut nothing of the file is used.
"""

from __future__ import annotations

import json
import os
import struct
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import FileIO
from itertools import chain
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from skntk._warnings import warn
from skntk.gram.engine.results import TileResults
from skntk.gram.engine.sizes import Cut, TileSizes

try:
    import fcntl
except ImportError:
    # On Windows nothing keeps two runs from one file.
    fcntl = None  # type: ignore[assignment]

_TITLE = b"skntk tiles of a kernel matrix, format 1: "
_HEAD = struct.Struct("<4sIQ")
_MARK = b"tile"
_CHECKSUM = struct.Struct("<I")
_KEYS = [("cut",), ("tile",), ("result",)]


class _Record(NamedTuple):
    """Where a record stands in the file.

    Attributes
    ----------
    description : bytes
        JSON: its key and the shapes of its arrays.
    shapes : list of tuple of int
    start : int
        Of the numbers.
    """

    description: bytes
    shapes: list[tuple[int, ...]]
    start: int


class Checkpoint:
    """The tiles of one call of `gram_matrix` that are finished, in a file that is locked.

    Parameters
    ----------
    file : FileIO
        Open for reading and appending, its position behind the header.
    path : Path
        Where it is.
    fingerprint : dict
        The identity of the computation.
    """

    def __init__(self, file: FileIO, path: Path, fingerprint: dict[str, Any]) -> None:
        self._file = file
        self._path = path
        self._fingerprint = fingerprint
        self._dtype = np.dtype(fingerprint["dtype"])
        self._lock = threading.Lock()
        self._records: dict[tuple[Any, ...], _Record] = {}
        self._cuts: dict[int, Cut] = {}
        self._scan(file.tell())

    def _scan(self, position: int) -> None:
        """Find the records from a position on, and cut off an unfinished one."""
        end = os.fstat(self._file.fileno()).st_size
        while head := self._head_at(position, end):
            n_description, n_bytes = head
            description = _read(self._file, n_description)
            start = position + _HEAD.size + n_description
            if n_bytes == 0 and _read(self._file, _CHECKSUM.size) != _checksum(description):
                break
            content = _content_of(description)
            if content is not None and n_bytes == self._n_bytes(content.shapes):
                self._hold(content.key, _Record(description, content.shapes, start))
            position = start + n_bytes + _CHECKSUM.size
        self._file.truncate(position)

    def _n_bytes(self, shapes: list[tuple[int, ...]]) -> int:
        return sum(map(prod, shapes)) * self._dtype.itemsize

    def _hold(self, key: tuple[Any, ...], record: _Record) -> None:
        if key[0] == "cut":
            _, job, rows_at_once, *sizes = key
            self._cuts[job] = rows_at_once, TileSizes(*sizes)
        # A tile means nothing without the cut that it belongs to.
        if key[0] != "tile" or key[1] in self._cuts:
            self._records[key] = record

    def _head_at(self, position: int, end: int) -> tuple[int, int] | None:
        """Return the lengths of a record, or None if there is none that ends within the file."""
        self._file.seek(position)
        head = _read(self._file, _HEAD.size)
        if len(head) < _HEAD.size:
            return None
        mark, n_description, n_bytes = _HEAD.unpack(head)
        length = _HEAD.size + n_description + n_bytes + _CHECKSUM.size
        return (n_description, n_bytes) if mark == _MARK and position + length <= end else None

    # Results of the whole call -------------------------------------------------------------------

    def matrices(self, number: int) -> list[np.ndarray] | None:
        """Return so many finished matrices, or None if they are not."""
        found = [self._load(("result", position)) for position in range(number)]
        matrices = [arrays[0] for arrays in found if arrays is not None]
        return matrices if len(matrices) == number else None

    def finish(self, matrices: Sequence[np.ndarray]) -> None:
        """Atomically replace the tiles by the finished matrices, or warn if the disk is full."""
        beside = self._path.with_name(self._path.name + ".new")
        try:
            with FileIO(beside, "w") as file:
                _write(file, _header(self._fingerprint))
                for position, matrix in enumerate(matrices):
                    _write_record(file, ("result", position), [matrix])
                os.fsync(file.fileno())
        except OSError as error:
            beside.unlink(missing_ok=True)
            warn(
                f"checkpoint={str(self._path)!r}: the finished matrices could not be written "
                f"({error.strerror}). They are returned, and the file keeps the tiles that it has: "
                "the next call needs little more than the time to read them. Free space on the "
                "disk for the matrices first.",
                UserWarning,
            )
            return
        if fcntl is None:
            # Windows replaces no open file; elsewhere it stays locked until the new one is there.
            self._file.close()
        os.replace(beside, self._path)

    # Tiles ---------------------------------------------------------------------------------------

    def cut(self, job: int) -> Cut | None:
        """Return how a matrix was cut when its tiles were begun, None if they were not."""
        return self._cuts.get(job)

    def keep_cut(self, job: int, cut: Cut) -> None:
        """Write down how a matrix is cut."""
        rows_at_once, sizes = cut
        self._append(("cut", job, rows_at_once, *sizes), [])

    def tile(self, job: int, task: Any) -> TileResults | None:
        """Return the results of a task, None if it is not finished."""
        arrays = self._load(("tile", job, *task.key))
        return None if arrays is None else TileResults(arrays)

    def keep_tile(self, job: int, task: Any, results: TileResults) -> None:
        """Write down the results of a task."""
        arrays = [np.asarray(array)[task.entries] for array in results.arrays]
        self._append(("tile", job, *task.key), arrays)

    # Records -------------------------------------------------------------------------------------

    def _append(self, key: tuple[Any, ...], arrays: Sequence[np.ndarray]) -> None:
        with self._lock:
            end = self._file.seek(0, os.SEEK_END)
            try:
                _write_record(self._file, key, arrays)
            except BaseException as error:
                # The disk is full, or the run interrupted: other threads may still append.
                self._file.truncate(end)
                if isinstance(error, OSError):
                    lost = (
                        "a tile could not be written. Those that were finished before are kept: "
                        "free space, and call gram_matrix again with the same arguments"
                    )
                    raise _unwritten(self._path, error, lost) from error
                raise

    def _load(self, key: tuple[Any, ...]) -> list[np.ndarray] | None:
        """Return the arrays of a record, None if there is none or it is damaged."""
        if key not in self._records:
            return None
        record = self._records[key]
        arrays = [np.empty(shape, self._dtype) for shape in record.shapes]
        with self._lock:
            self._file.seek(record.start)
            checksum = zlib.crc32(record.description)
            for array in arrays:
                _read_into(self._file, array)
                checksum = zlib.crc32(array.data, checksum)
            expected = _read(self._file, _CHECKSUM.size)
        return arrays if expected == _CHECKSUM.pack(checksum) else None


@contextmanager
def open_checkpoint(
    path: str | os.PathLike[str], fingerprint: dict[str, Any]
) -> Iterator[Checkpoint]:
    """Open the file of a call, or begin it.

    Raises a TypeError if it is no path, a ValueError if the file is something else, or belongs to
    another call, and an OSError if it cannot be opened or written, or if another run uses it.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(
            f"checkpoint must be the path of a file, got {path!r}: pass a str or a pathlib.Path."
        )
    path = Path(path).resolve()
    if path.is_dir():
        raise IsADirectoryError(f"checkpoint={str(path)!r} is a folder: pass the path of a file.")
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"checkpoint={str(path)!r}: there is no folder {str(path.parent)!r}; create it first."
        )
    # Unbuffered: what is written has left the process. Opened for appending, a file is created
    # if it is not there, and kept as it is if it is.
    with FileIO(path, "a+b") as file:
        _lock(file, path)
        file.seek(0)
        _check_header(file, path, fingerprint)
        yield Checkpoint(file, path, fingerprint)


def _write_record(file: FileIO, key: tuple[Any, ...], arrays: Sequence[np.ndarray]) -> None:
    """Write arrays with their key at the end of a file."""
    shapes = [array.shape for array in arrays]
    description = json.dumps({"key": key, "shapes": shapes}).encode()
    checksum = zlib.crc32(description)
    _write(file, _HEAD.pack(_MARK, len(description), sum(array.nbytes for array in arrays)))
    _write(file, description)
    for array in map(np.ascontiguousarray, arrays):
        checksum = zlib.crc32(array.data, checksum)
        _write(file, array.data)
    _write(file, _CHECKSUM.pack(checksum))


def _checksum(description: bytes) -> bytes:
    """Return the checksum of a record without numbers."""
    return _CHECKSUM.pack(zlib.crc32(description))


class _Content(NamedTuple):
    key: tuple[Any, ...]
    shapes: list[tuple[int, ...]]


def _content_of(description: bytes) -> _Content | None:
    """Return what a description says, or None if it is none: a byte of it may be wrong."""
    try:
        given = json.loads(description)
        content = _Content(tuple(given["key"]), [tuple(shape) for shape in given["shapes"]])
    except (ValueError, KeyError, TypeError):
        return None
    numbers = [*content.key[1:], *chain.from_iterable(content.shapes)]
    is_valid = content.key[:1] in _KEYS and all(type(n) is int and n >= 0 for n in numbers)
    return content if is_valid else None


def _unwritten(path: Path, error: OSError, lost: str) -> OSError:
    """Return an error that names the file, and says what could not be written."""
    return OSError(error.errno, f"{error.strerror}: {lost}", f"checkpoint={path}")


# The header ----------------------------------------------------------------------------------


def _header(fingerprint: dict[str, Any]) -> bytes:
    return _TITLE + json.dumps(fingerprint).encode() + b"\n"


def _check_header(file: FileIO, path: Path, fingerprint: dict[str, Any]) -> None:
    """Write the header of a new file, or raise a ValueError if it belongs to something else."""
    line = _first_line(file)
    is_unfinished = not line.endswith(b"\n") and (
        line.startswith(_TITLE) or _TITLE.startswith(line)
    )
    if is_unfinished:
        file.truncate(0)
        file.seek(0)
        try:
            _write(file, _header(fingerprint))
        except OSError as error:
            raise _unwritten(path, error, "the file could not be begun") from error
        return
    if not line.startswith(_TITLE):
        raise ValueError(
            f"checkpoint={str(path)!r} is a file of another kind: pass a path where no file is, or "
            "a file that gram_matrix wrote."
        )
    try:
        found = dict(json.loads(line[len(_TITLE) :]))
    except (ValueError, TypeError):
        found = {}
    differences = _differences(found, fingerprint)
    if differences:
        raise ValueError(
            f"checkpoint={str(path)!r} belongs to another computation: {'; '.join(differences)}. "
            "Pass the path of another file, or delete this one to begin anew."
        )
    file.seek(len(line))


def _first_line(file: FileIO) -> bytes:
    line = b""
    while b"\n" not in line and (piece := file.read(2**16)):
        line += piece
        if not (line.startswith(_TITLE) or _TITLE.startswith(line)):
            # Of a large file of another kind, no more is read.
            return line + b"\n"
    head, newline, _ = line.partition(b"\n")
    return head + newline


def _differences(found: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    names = {"X": "the inputs X", "Y": "the right inputs Y", "version": "the version of skntk"}
    differences = [
        f"{names.get(name, name)} ({found.get(name)!r} there, {wanted[name]!r} here)"
        for name in ("version", "X", "Y", "kind", "dtype")
        if found.get(name) != wanted[name]
    ]
    if found.get("architecture_sha256") != wanted["architecture_sha256"]:
        there, here = found.get("architecture"), wanted["architecture"]
        shown = (
            f"{there} there, {here} here"
            if there != here
            else f"{here} there and here, but with other values, or other code of its own functions"
        )
        differences.append(f"the architecture ({shown})")
    return differences


# The file ------------------------------------------------------------------------------------


def _lock(file: FileIO, path: Path) -> None:
    """Keep other runs from the file for as long as it is open, where the system knows how."""
    if fcntl is None:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise BlockingIOError(
            f"checkpoint={str(path)!r} is in use by another run: wait for it, or pass the path of "
            "another file."
        ) from error


def _write(file: FileIO, data: Any) -> None:
    """Write all of it: one call of the system may take a part."""
    view = memoryview(data).cast("B")
    while view:
        view = view[file.write(view) :]


def _read(file: FileIO, n_bytes: int) -> bytes:
    pieces = []
    while n_bytes and (piece := file.read(n_bytes)):
        pieces.append(piece)
        n_bytes -= len(piece)
    return b"".join(pieces)


def _read_into(file: FileIO, array: np.ndarray) -> None:
    view = array.data.cast("B")
    while view and (n_bytes := file.readinto(view)):
        view = view[n_bytes:]
