"""The entries of a kernel matrix that are known, found by the bytes of the two samples."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from sklearn.utils import gen_batches

# Rows that are copied at a time: they stay in the cache of a core.
_ROWS_AT_A_TIME = 64

# The training and the test samples of twice as many folds as usual.
_ARRAYS_REMEMBERED = 40


class Key(NamedTuple):
    """What entries depend on beside the two samples.

    Attributes
    ----------
    architecture : str
        Digest of the network with its hyperparameters.
    dtype : str
        Precision of the computation.
    sample_shape : tuple of int
    kinds : tuple of {"nngp", "ntk"}
        Which kernels there are for each pair.
    """

    architecture: str
    dtype: str
    sample_shape: tuple[int, ...]
    kinds: tuple[str, ...]

    def n_bytes(self, n_samples: int) -> int:
        """Return the memory of all entries between samples."""
        return n_samples**2 * (1 + len(self.kinds) * np.dtype(self.dtype).itemsize)


@dataclass(eq=False)
class EntryStore:
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
    _array_indices: OrderedDict[bytes, np.ndarray] = field(default_factory=OrderedDict, init=False)

    def reserve(self, digests: Sequence[bytes], key: Key) -> None:
        """Make room for samples that are new."""
        new = [digest for digest in digests if digest not in self.position]
        if not new:
            return
        for digest in new:
            self.position.setdefault(digest, len(self.position))
        n_before, n = len(self.is_known), len(self.position)
        before = self.matrices or [np.zeros((0, 0), dtype=key.dtype)] * len(key.kinds)
        self.matrices = [np.zeros((n, n), dtype=key.dtype) for _ in key.kinds]
        for matrix, old in zip(self.matrices, before, strict=True):
            matrix[:n_before, :n_before] = old
        is_known = np.zeros((n, n), dtype=bool)
        is_known[:n_before, :n_before] = self.is_known
        self.is_known = is_known

    def store(self, rows: np.ndarray, columns: np.ndarray, blocks: tuple[np.ndarray, ...]) -> int:
        """Store entries and their mirror images; return how many of them are new.

        What is known already stays as it is.
        """
        block, mirrored = np.ix_(rows, columns), np.ix_(columns, rows)
        is_known = self.is_known[block]
        # Of an entry and its mirror image, both of which are in the block, one decides.
        is_symmetric = np.array_equal(rows, columns)
        both = np.ix_(*[np.intersect1d(rows, columns)] * 2)
        for matrix, values in zip(self.matrices, blocks, strict=True):
            merged = np.where(is_known, matrix[block], values) if is_known.any() else values
            matrix[block] = _symmetric(merged) if is_symmetric else merged
            if not is_symmetric:
                matrix[mirrored] = merged.T
                matrix[both] = _symmetric(matrix[both])
        self.is_known[block] = True
        self.is_known[mirrored] = True
        return int(is_known.size - np.count_nonzero(is_known))

    def index_of(self, digests: Sequence[bytes]) -> np.ndarray:
        """Return the rows of samples."""
        return np.array([self.position[digest] for digest in digests], dtype=np.intp)

    def remember(self, inputs: bytes, indices: np.ndarray) -> None:
        """Remember the rows of all samples of an array, by the digest of its bytes."""
        while len(self._array_indices) >= _ARRAYS_REMEMBERED:
            self._array_indices.popitem(last=False)
        self._array_indices[inputs] = indices

    def remembered(self, inputs: bytes) -> np.ndarray | None:
        """Return the rows of all samples of an array, None if it was not seen lately."""
        return self._array_indices.get(inputs)

    def entries(
        self, kinds: Sequence[int], rows: np.ndarray, columns: np.ndarray
    ) -> tuple[np.ndarray, ...]:
        """Return copies of entries, of some kinds given by number."""
        return tuple(_block(self.matrices[kind], rows, columns) for kind in kinds)

    def merge(self, other: EntryStore) -> None:
        """Add what others know of samples that are here; what is known already stays as it is."""
        shared = [digest for digest in self.position if digest in other.position]
        here, there = (
            np.ix_(*[indices] * 2) for indices in (self.index_of(shared), other.index_of(shared))
        )
        is_new = other.is_known[there] & ~self.is_known[here]
        for matrix, values in zip(self.matrices, other.matrices, strict=False):
            matrix[here] = np.where(is_new, values[there], matrix[here])
        self.is_known[here] |= is_new

    @property
    def is_complete(self) -> bool:
        """Whether all entries hold a value."""
        return bool(self.is_known.all())

    @property
    def nbytes(self) -> int:
        """The memory that the entries take."""
        return self.is_known.nbytes + sum(matrix.nbytes for matrix in self.matrices)


def _symmetric(matrix: np.ndarray) -> np.ndarray:
    """Return the lower triangle and its mirror image."""
    lower = np.tril(matrix)
    lower += np.tril(matrix, -1).T
    return lower


def _block(matrix: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return ``matrix[np.ix_(rows, columns)]``, in half of its time or less."""
    block = np.empty((len(rows), len(columns)), matrix.dtype)
    for part in gen_batches(len(rows), _ROWS_AT_A_TIME):
        # With another mode, `take` would write into a buffer first. No place is out of bounds.
        np.take(matrix.take(rows[part], 0), columns, 1, out=block[part], mode="clip")
    return block
