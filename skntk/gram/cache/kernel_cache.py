"""Kernel entries that were computed before: a store of bounded size, in memory, by content.

An entry is found by all that it is computed from: the network with its hyperparameters, the
precision, and the bytes of the two samples. No name or identity is part of it, so that the folds
of a cross-validation, which are copies of rows, find what other folds computed.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from os import PathLike
from threading import RLock
from typing import NamedTuple

import numpy as np

from skntk.gram.cache.entry_store import EntryStore, Key
from skntk.gram.cache.kernel_folder import KernelFolder
from skntk.gram.engine.progress import Report
from skntk.gram.kernel_function import KernelFunction, Kind

Compute = Callable[[np.ndarray, np.ndarray | None], tuple[np.ndarray, ...]]
_BOTH: tuple[Kind, ...] = ("nngp", "ntk")


class KernelCache:
    """Kernel entries of the networks that were used last, up to a number of bytes.

    Safe to use from several threads: one at a time computes.

    Attributes
    ----------
    n_computed : int
        Number of entries that were computed for storage so far.
    """

    def __init__(self) -> None:
        self.n_computed = 0
        self._networks: OrderedDict[Key, EntryStore] = OrderedDict()
        self._lock = RLock()

    @property
    def nbytes(self) -> int:
        """The memory that all entries take."""
        with self._lock:
            return sum(known.nbytes for known in self._networks.values())

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._networks.clear()

    def gram_matrix(
        self,
        kernel_function: KernelFunction,
        X: np.ndarray,
        Y: np.ndarray | None = None,
        *,
        kinds: tuple[Kind, ...],
        max_bytes: int,
        folder: str | PathLike[str] | None = None,
        progress: bool | Report = False,
    ) -> tuple[np.ndarray, ...]:
        """Return kernel matrices, and compute the entries that are not known.

        Parameters
        ----------
        kernel_function : KernelFunction
        X, Y, kinds, progress
            As for `KernelFunction.gram`.
        max_bytes : int
            How much is kept. Matrices that would be larger are computed as without a cache; what
            was used longest ago makes place for others.
        folder : str, PathLike or None
            Where other processes find what this one computes, and the other way round.

        Returns
        -------
        tuple of ndarray of shape (n_samples_X, n_samples_Y)
            Arrays of the caller's own.
        """
        # The NTK contains the NNGP kernel: with both, means need nothing that training did not.
        stored = _BOTH if "ntk" in kinds else kinds

        def compute(left: np.ndarray, right: np.ndarray | None) -> tuple[np.ndarray, ...]:
            return kernel_function.gram(left, right, kinds=stored, progress=progress)

        key = Key(kernel_function.digest, kernel_function.dtype, X.shape[1:], stored)
        numbers = [stored.index(kind) for kind in kinds]
        left_digest = _digest(X)
        inputs = left_digest, left_digest if Y is None else _digest(Y)
        with self._lock:
            found = self._found(key, inputs, max_bytes)
            if found is not None:
                known, *indices = found
                return known.entries(numbers, *indices)
        rows = _digests(X)
        columns = rows if Y is None else _digests(Y)
        # To such a network equal bytes are not all there is to a pair of samples.
        is_by_content = not kernel_function.layers.is_stochastic()
        fits = key.n_bytes(len({*rows, *columns})) <= max_bytes
        with self._lock:
            if is_by_content and fits:
                known = self._made_room(key, rows + columns, max_bytes)
                request = _Request(rows, columns, X, X if Y is None else Y, compute)
                if folder is None:
                    self.n_computed += request.complete(known)
                else:
                    files = KernelFolder(folder)
                    self.n_computed += request.complete_in(known, files, key, max_bytes)
                left, right = known.index_of(rows), known.index_of(columns)
                known.remember(inputs[0], left)
                known.remember(inputs[1], right)
                return known.entries(numbers, left, right)
        return kernel_function.gram(X, Y, kinds=kinds, progress=progress)

    def _found(
        self, key: Key, inputs: tuple[bytes, bytes], max_bytes: int
    ) -> tuple[EntryStore, np.ndarray, np.ndarray] | None:
        """Return entries with the rows of two arrays that were seen before, if all are known."""
        known = self._networks.get(key)
        if known is None or not known.is_complete or self.nbytes > max_bytes:
            return None
        left, right = map(known.remembered, inputs)
        if left is None or right is None:
            return None
        self._networks.move_to_end(key)
        return known, left, right

    def _made_room(self, key: Key, digests: list[bytes], max_bytes: int) -> EntryStore:
        """Return the entries of a network, with room for samples."""
        known = self._networks.pop(key, EntryStore())
        if key.n_bytes(len({*known.position, *digests})) > max_bytes:
            known = EntryStore()
        known.reserve(digests, key)
        while self._networks and self.nbytes + known.nbytes > max_bytes:
            self._networks.popitem(last=False)
        self._networks[key] = known
        return known


class _Request(NamedTuple):
    """What is asked for, and how it is computed."""

    rows: list[bytes]
    columns: list[bytes]
    X: np.ndarray
    Y: np.ndarray
    compute: Compute

    def complete(self, known: EntryStore) -> int:
        """Compute what is not known between rows and columns; return how many entries."""
        if known.is_complete:
            return 0
        n_computed = 0
        left, left_rows = np.unique(known.index_of(self.rows), return_index=True)
        right, right_rows = np.unique(known.index_of(self.columns), return_index=True)
        if np.array_equal(left, right):
            new = _unknown_among_themselves(known.is_known[np.ix_(left, left)])
            if len(new):
                blocks = self.compute(self.X[left_rows[new]], None)
                n_computed += known.store(left[new], left[new], blocks)
        while not (known_here := known.is_known[np.ix_(left, right)]).all():
            first = int(np.argmin(known_here.all(axis=1)))
            alike = np.flatnonzero((known_here == known_here[first]).all(axis=1))
            missing = np.flatnonzero(~known_here[first])
            blocks = self.compute(self.X[left_rows[alike]], self.Y[right_rows[missing]])
            n_computed += known.store(left[alike], right[missing], blocks)
        return n_computed

    def complete_in(self, known: EntryStore, folder: KernelFolder, key: Key, max_bytes: int) -> int:
        """Do so with what a folder has, and add to it, in a file of the size of the cache."""
        if (
            known.is_complete
            or known.is_known[np.ix_(known.index_of(self.rows), known.index_of(self.columns))].all()
        ):
            return 0
        with folder.locked(key) as has_file:
            if not has_file:
                return self.complete(known)
            in_file = folder.read(key)
            known.merge(in_file)
            n_computed = self.complete(known)
            if n_computed:
                if key.n_bytes(len({*in_file.position, *known.position})) > max_bytes:
                    in_file = EntryStore()
                in_file.reserve(list(known.position), key)
                in_file.merge(known)
                folder.write(in_file, key)
        return n_computed


def _unknown_among_themselves(is_known: np.ndarray) -> np.ndarray:
    """Return samples of which no entry with one another is known, as many as are found at once."""
    alone = np.flatnonzero(~np.diagonal(is_known))
    while len(alone):
        among = is_known[np.ix_(alone, alone)].sum(axis=1)
        if not among.any():
            break
        alone = alone[among < among.max()]
    return alone


def _digest(X: np.ndarray) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(X).data).digest()


def _digests(X: np.ndarray) -> list[bytes]:
    rows = np.ascontiguousarray(X).reshape(len(X), -1)
    return [hashlib.blake2b(row.data, digest_size=16).digest() for row in rows]


# Shared by all estimators of a process.
KERNEL_CACHE = KernelCache()
