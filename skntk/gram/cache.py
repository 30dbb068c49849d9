"""Kernel entries that were computed before: a store of bounded size, in memory, by content.

What an entry is found by is what it is computed from: the network with its hyperparameters, the
precision, and the bytes of the two samples. No name or identity is part of it, so that the folds
of a cross-validation, which are copies of rows, find what other folds computed.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import RLock

import numpy as np

from skntk.architecture.layer import Layer
from skntk.gram.fingerprint import architecture_digest
from skntk.gram.matrix import Kind, gram_matrix
from skntk.gram.progress import Report

Compute = Callable[[np.ndarray, np.ndarray | None], tuple[np.ndarray, ...]]
Key = tuple[str, str, tuple[int, ...], tuple[str, ...]]
_BOTH: tuple[Kind, ...] = ("nngp", "ntk")


@dataclass(eq=False)
class KnownEntries:
    """The entries between the samples of one network that are known, for each kind of kernel.

    Attributes
    ----------
    position : dict of bytes to int
        Row and column of a sample, by the digest of its bytes.
    matrices : list of ndarray of shape (n, n)
        Symmetric, one for each kind.
    is_known : ndarray of shape (n, n)
        Symmetric: which entries hold a value.
    """

    position: dict[bytes, int] = field(default_factory=dict)
    matrices: list[np.ndarray] = field(default_factory=list)
    is_known: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), dtype=bool))

    def add(self, digests: list[bytes], n_kinds: int, dtype: str) -> None:
        """Make room for samples that are new."""
        for digest in digests:
            self.position.setdefault(digest, len(self.position))
        n_before, n = len(self.is_known), len(self.position)
        if n == n_before:
            return
        before = self.matrices or [np.zeros((0, 0), dtype=dtype)] * n_kinds
        self.matrices = [np.zeros((n, n), dtype=dtype) for _ in range(n_kinds)]
        for matrix, old in zip(self.matrices, before, strict=True):
            matrix[:n_before, :n_before] = old
        is_known = np.zeros((n, n), dtype=bool)
        is_known[:n_before, :n_before] = self.is_known
        self.is_known = is_known

    def store(self, rows: np.ndarray, columns: np.ndarray, blocks: tuple[np.ndarray, ...]) -> int:
        """Store entries and their mirror images; return how many of them are new.

        What is known already stays as it is.
        """
        block = np.ix_(rows, columns)
        is_new = ~self.is_known[block]
        both = np.ix_(*[np.intersect1d(rows, columns)] * 2)
        for matrix, values in zip(self.matrices, blocks, strict=True):
            merged = np.where(is_new, values, matrix[block])
            matrix[block] = merged
            matrix[np.ix_(columns, rows)] = merged.T
            # Of an entry and its mirror image, both of which are in the block, one decides.
            matrix[both] = np.tril(matrix[both]) + np.tril(matrix[both], -1).T
        self.is_known[block] = True
        self.is_known[np.ix_(columns, rows)] = True
        return int(is_new.sum())

    @property
    def nbytes(self) -> int:
        """The memory that the entries take."""
        return self.is_known.nbytes + sum(matrix.nbytes for matrix in self.matrices)


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
        self._networks: OrderedDict[Key, KnownEntries] = OrderedDict()
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
        architecture: Layer,
        X: np.ndarray,
        Y: np.ndarray | None = None,
        *,
        kinds: tuple[Kind, ...],
        dtype: str,
        n_jobs: int | None,
        max_bytes: int,
        progress: bool | Report = False,
    ) -> tuple[np.ndarray, ...]:
        """Return kernel matrices, and compute of them what is not known.

        Parameters
        ----------
        architecture, X, Y, dtype, n_jobs, progress
            As in `gram_matrix`, the inputs in their precision and contiguous.
        kinds : tuple of {"nngp", "ntk"}
        max_bytes : int
            How much is kept. Matrices that would be larger are computed as without a cache; what
            was used longest ago makes place for others.

        Returns
        -------
        tuple of ndarray of shape (n_samples_X, n_samples_Y)
            Arrays of the caller's own.
        """
        # The NTK contains the NNGP kernel: with both, means need nothing that training did not.
        stored = _BOTH if "ntk" in kinds else kinds

        def compute(left: np.ndarray, right: np.ndarray | None) -> tuple[np.ndarray, ...]:
            return gram_matrix(
                architecture,
                left,
                right,
                kind=stored,
                dtype=dtype,
                n_jobs=n_jobs,
                progress=progress,
            )

        rows = _digests(X)
        columns = rows if Y is None else _digests(Y)
        key = architecture_digest(architecture), dtype, X.shape[1:], stored
        # To such a network equal bytes are not all there is to a pair of samples.
        is_by_content = not architecture.tells_equal_samples_apart()
        with self._lock:
            if is_by_content and _size(key, rows + columns) <= max_bytes:
                known = self._made_room(key, rows + columns, max_bytes)
                self._complete(known, rows, columns, X, X if Y is None else Y, compute)
                places = np.ix_(_places(known, rows), _places(known, columns))
                return tuple(known.matrices[stored.index(kind)][places] for kind in kinds)
        matrices = gram_matrix(
            architecture, X, Y, kind=kinds, dtype=dtype, n_jobs=n_jobs, progress=progress
        )
        return tuple(matrices)

    def _made_room(self, key: Key, digests: list[bytes], max_bytes: int) -> KnownEntries:
        """Return the entries of a network, with room for samples."""
        known = self._networks.pop(key, KnownEntries())
        if _size(key, [*known.position, *digests]) > max_bytes:
            known = KnownEntries()
        known.add(digests, len(key[-1]), key[1])
        while self._networks and self.nbytes + known.nbytes > max_bytes:
            self._networks.popitem(last=False)
        self._networks[key] = known
        return known

    def _complete(
        self,
        known: KnownEntries,
        rows: list[bytes],
        columns: list[bytes],
        X: np.ndarray,
        Y: np.ndarray,
        compute: Compute,
    ) -> None:
        """Compute what is not known between rows and columns."""
        left, of_left = np.unique(_places(known, rows), return_index=True)
        right, of_right = np.unique(_places(known, columns), return_index=True)
        if np.array_equal(left, right):
            new = _unknown_among_themselves(known.is_known[np.ix_(left, left)])
            if len(new):
                blocks = compute(X[of_left[new]], None)
                self.n_computed += known.store(left[new], left[new], blocks)
        while not (known_here := known.is_known[np.ix_(left, right)]).all():
            first = int(np.argmin(known_here.all(axis=1)))
            alike = np.flatnonzero((known_here == known_here[first]).all(axis=1))
            missing = np.flatnonzero(~known_here[first])
            blocks = compute(X[of_left[alike]], Y[of_right[missing]])
            self.n_computed += known.store(left[alike], right[missing], blocks)


def _unknown_among_themselves(is_known: np.ndarray) -> np.ndarray:
    """Return samples of which no entry with one another is known, as many as are found at once.

    Parameters
    ----------
    is_known : ndarray of shape (n, n)
        Symmetric.
    """
    alone = np.flatnonzero(~np.diagonal(is_known))
    while len(alone):
        among = is_known[np.ix_(alone, alone)].sum(axis=1)
        if not among.any():
            break
        alone = alone[among < among.max()]
    return alone


def _digests(X: np.ndarray) -> list[bytes]:
    rows = np.ascontiguousarray(X).reshape(len(X), -1)
    return [hashlib.blake2b(row.data, digest_size=16).digest() for row in rows]


def _places(known: KnownEntries, digests: list[bytes]) -> np.ndarray:
    return np.array([known.position[digest] for digest in digests], dtype=np.intp)


def _size(key: Key, digests: list[bytes]) -> int:
    """Return the bytes of all entries between samples."""
    _, dtype, _, kinds = key
    return len(set(digests)) ** 2 * (1 + len(kinds) * np.dtype(dtype).itemsize)


# Shared by all estimators of a process.
KERNEL_CACHE = KernelCache()
