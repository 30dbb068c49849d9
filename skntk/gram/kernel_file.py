"""The kernel matrix of samples in a file or an array of any precision, by blocks of rows.

The file is one of NumPy (``.npy``), which `numpy.load` reads. A journal beside it says what it was
computed from and which blocks of rows are finished, so that a run that is killed loses the block
that it worked on. What the operating system has been given survives the process; an unfinished file
does not survive the next start of the system, as nobody knows which blocks had reached the disk.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from skntk.gram.engine.fingerprint import fingerprint
from skntk.gram.kernel_function import KernelFunction, Kind

try:
    import fcntl
except ImportError:
    # On Windows nothing keeps two runs from one file.
    fcntl = None  # type: ignore[assignment]

__all__ = ["fill_by_rows", "kernel_in_file", "rows_in_block"]

Report = Callable[[int, int], None]

_BYTES_IN_BLOCK = 64 * 2**20
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def rows_in_block(n_samples: int) -> int:
    """Return of how many rows the entries are computed at a time."""
    return max(1, min(n_samples, _BYTES_IN_BLOCK // (8 * n_samples)))


def fill_by_rows(
    matrix: np.ndarray,
    function: KernelFunction,
    X: np.ndarray,
    kind: Kind,
    starts: Iterable[int],
    report: Report | None = None,
) -> Iterator[int]:
    """Write blocks of rows of a kernel matrix, and yield where each begins once it is written.

    Entries right of the block on the diagonal are those of later blocks, which write both: pairs of
    samples are computed once, and the matrix is exactly symmetric.

    Parameters
    ----------
    matrix : ndarray of shape (n, n)
        Is written to.
    function : KernelFunction
    X : ndarray of shape (n, ...)
    kind : {"nngp", "ntk"}
    starts : iterable of int
        The first rows of blocks of `rows_in_block`.
    report : callable or None
        Is called with the number of finished pairs and of all.
    """
    n_samples, at_once = len(X), rows_in_block(len(X))
    for start in starts:
        rows = slice(start, start + at_once)
        (matrix[rows, rows],) = function.gram(X[rows], kinds=(kind,))
        if start:
            (block,) = function.gram(X[rows], X[:start], kinds=(kind,))
            matrix[rows, :start] = block
            matrix[:start, rows] = block.T
        yield start
        if report is not None:
            stop = min(rows.stop, n_samples)
            report(stop * (stop + 1) // 2, n_samples * (n_samples + 1) // 2)


def kernel_in_file(
    folder: Path,
    function: KernelFunction,
    X: np.ndarray,
    kind: Kind,
    dtype: str,
    report: Report | None = None,
) -> np.ndarray:
    """Return the kernel matrix of samples, mapped from a file that is written as far as it is not.

    Parameters
    ----------
    folder : Path
        Where the file is; it is created if it is not there.
    function : KernelFunction
    X : ndarray of shape (n, ...)
    kind : {"nngp", "ntk"}
    dtype : {"float64", "float32"}
        Precision of the file.
    report : callable or None
        Is called with the number of finished pairs and of all.

    Returns
    -------
    memmap of shape (n, n)
        Read-only.

    Raises
    ------
    OSError
        If the folder cannot be created, or the file cannot be written, as on a full disk.
    """
    computation = fingerprint(function.architecture, X, kinds=(kind,), dtype=function.dtype)
    computation |= {"stored": dtype, "rows_in_block": rows_in_block(len(X))}
    name = hashlib.sha256(json.dumps(computation, sort_keys=True).encode()).hexdigest()[:24]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{kind}-{name}.npy"
    shape = (len(X), len(X))
    with _locked(path.with_suffix(".journal")) as journal:
        header = computation | {"boot": _boot()}
        finished, complete = _finished_blocks(journal, header)
        if not (complete or finished) or not _fits(path, shape, dtype):
            finished, complete = set(), False
            _begin(path, shape, dtype)
            _start_journal(journal, header)
        if not complete:
            matrix = np.lib.format.open_memmap(path, mode="r+")
            starts = (s for s in range(0, len(X), rows_in_block(len(X))) if s not in finished)
            for start in fill_by_rows(matrix, function, X, kind, starts, report):
                if not header["boot"]:
                    matrix.flush()
                _append(journal, {"block": start})
            matrix.flush()
            _append(journal, {"complete": True})
    mapped: np.ndarray = np.lib.format.open_memmap(path, mode="r")
    return mapped


@contextmanager
def _locked(path: Path) -> Iterator[IO[str]]:
    # Another run with the same rows waits, and then finds what this one has written.
    with path.open("a+") as journal:
        if fcntl is not None:
            fcntl.flock(journal, fcntl.LOCK_EX)
        yield journal


def _finished_blocks(journal: IO[str], header: dict[str, Any]) -> tuple[set[int], bool]:
    """Return which blocks a journal says are finished, and whether the whole file is."""
    journal.seek(0)
    entries = list(_entries(journal))
    if not entries or entries[0] | {"boot": None} != header | {"boot": None}:
        return set(), False
    if entries[-1].get("complete"):
        return set(), True
    if entries[0]["boot"] != header["boot"]:
        return set(), False
    return {entry["block"] for entry in entries[1:]}, False


def _entries(journal: IO[str]) -> Iterator[dict[str, Any]]:
    for line in journal:
        # The last line may be unfinished.
        with suppress(json.JSONDecodeError):
            yield json.loads(line)


def _start_journal(journal: IO[str], header: dict[str, Any]) -> None:
    journal.truncate(0)
    _append(journal, header)


def _append(journal: IO[str], entry: dict[str, Any]) -> None:
    # Begins with a new line: one that was not finished before is none of this entry.
    journal.write("\n" + json.dumps(entry) + "\n")
    journal.flush()


def _fits(path: Path, shape: tuple[int, int], dtype: str) -> bool:
    try:
        matrix = np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError):
        return False
    return matrix.shape == shape and matrix.dtype == np.dtype(dtype)


def _begin(path: Path, shape: tuple[int, int], dtype: str) -> None:
    """Create the file in its full size: without that a full disk would end the process later."""
    n_bytes = shape[0] * shape[1] * np.dtype(dtype).itemsize
    try:
        with path.open("wb") as file:
            np.lib.format.write_array_header_2_0(
                file, {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
            )
            _allocate(file, n_bytes)
    except OSError as error:
        path.unlink(missing_ok=True)
        remedy = (
            f"The kernel matrix of {shape[0]} rows takes {n_bytes / 2**30:.3g} GiB there. Free "
            "space, or choose another storage_location, storage_dtype='float32' or storage='none'"
        )
        raise OSError(error.errno, f"{error.strerror}. {remedy}", str(path)) from error


def _allocate(file: IO[bytes], n_bytes: int) -> None:
    start = file.tell()
    file.flush()
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file.fileno(), start, n_bytes)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
                raise
        else:
            return
    zeros = bytes(2**20)
    for position in range(0, n_bytes, len(zeros)):
        file.write(zeros[: n_bytes - position])


def _boot() -> str:
    """Return what identifies this run of the operating system, nothing where it does not say."""
    with suppress(OSError):
        return _BOOT.read_text().strip()
    return ""
