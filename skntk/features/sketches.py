"""Sketches: short vectors whose inner products are those of long ones on average.

Signs make them unbiased, whatever the buckets are: of the products of two different entries half
are counted with each sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.fft import irfft, rfft

from skntk.features.state import Features


@dataclass(frozen=True)
class CountSketch:
    """Entries with random signs, added up in buckets [1]_.

    A run of as many entries as there are buckets puts one into each, in their order, from a random
    bucket on. So buckets are equally full, entries of one run are never added up, and the additions
    are those of whole vectors. Inner products of vectors of one run are exact.

    Attributes
    ----------
    signs : ndarray of shape (n_entries,)
    starts : ndarray of shape (n_runs,)
        The bucket of the first entry of every run.
    size : int
        Number of buckets.

    References
    ----------
    .. [1] Charikar, Chen, Farach-Colton, "Finding frequent items in data streams", ICALP 2002.
    """

    signs: np.ndarray
    starts: np.ndarray
    size: int

    @classmethod
    def draw(
        cls, random: np.random.Generator, n_entries: int, size: int, dtype: np.dtype
    ) -> CountSketch:
        """Draw a sketch of vectors of ``n_entries``."""
        signs = random.choice(np.array([-1, 1], dtype), n_entries)
        return cls(signs, random.integers(size, size=-(-n_entries // size)), size)

    def __call__(self, vectors: Features) -> np.ndarray:
        """Return the sketches of vectors: shape (..., size)."""
        if sparse.issparse(vectors):
            sketches: np.ndarray = (vectors @ self._matrix).toarray()
            return sketches
        sketches = np.zeros((*vectors.shape[:-1], self.size), vectors.dtype)
        for run, bucket in enumerate(self.starts):
            entries = slice(run * self.size, (run + 1) * self.size)
            signed = vectors[..., entries] * self.signs[entries]
            n_before_end = min(self.size - bucket, signed.shape[-1])
            sketches[..., bucket : bucket + n_before_end] += signed[..., :n_before_end]
            sketches[..., : signed.shape[-1] - n_before_end] += signed[..., n_before_end:]
        return sketches

    @cached_property
    def _matrix(self) -> sparse.csr_array:
        """The sketch as a linear map, for sparse rows."""
        entries = np.arange(len(self.signs))
        buckets = (entries + np.repeat(self.starts, self.size)[: len(entries)]) % self.size
        shape = (len(entries), self.size)
        return sparse.csr_array((self.signs, (entries, buckets)), shape)


@dataclass(frozen=True)
class TensorSketch:
    """The sketch of outer products of two vectors, which are never formed [1]_.

    The count sketch of an outer product, with buckets that are the sums of those of the two
    entries, is the cyclic convolution of two count sketches. On average the inner product of two
    sketches is the product of both inner products, and its variance falls as 1 / size.

    Attributes
    ----------
    left, right : CountSketch
        Of equal size.

    References
    ----------
    .. [1] Pham, Pagh, "Fast and scalable polynomial kernels via explicit feature maps", KDD 2013.
    """

    left: CountSketch
    right: CountSketch

    @classmethod
    def draw(
        cls, random: np.random.Generator, n_entries: tuple[int, int], size: int, dtype: np.dtype
    ) -> TensorSketch:
        """Draw a sketch of outer products of vectors of so many entries."""
        left, right = (CountSketch.draw(random, n, size, dtype) for n in n_entries)
        return cls(left, right)

    def __call__(self, left: Features, right: np.ndarray) -> np.ndarray:
        """Return the sketches of the outer products of aligned vectors: shape (..., size)."""
        spectrum = rfft(self.left(left), axis=-1)
        spectrum *= rfft(self.right(right), axis=-1)
        sketches: np.ndarray = irfft(spectrum, self.left.size, axis=-1, overwrite_x=True)
        return sketches
