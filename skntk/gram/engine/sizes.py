"""How large blocks, rounds and tasks are: what suits a kind of device, a network and its inputs."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import numpy as np

from skntk.architecture.core.layer import Layer
from skntk.architecture.propagation.pixel_covariance import input_grid

# No powers of two: rows of such a tile would fall on the same cache lines when it is written
# transposed.
BLOCK_SIZES = (56, 120, 248, 504, 1000)

# The same for samples with many positions. Smaller blocks would not fill vectors.
IMAGE_BLOCK_SIZES = (8, 16, 32, 64)

# The work of two blocks of images, in units of what their dispatch takes.
_DISPATCHES_OF_WORK = 5

# Where memory is short, images are computed in smaller blocks, which fill no vectors.
_SMALLEST_IMAGE_BLOCKS = (1, 2)


@dataclass(frozen=True)
class Layout:
    """What suits one kind of device.

    Attributes
    ----------
    block_sizes, image_block_sizes : tuple of int
        Block sizes to choose from, for vectors and for samples with many positions.
    array_bytes : int
        One array of a program holds the two kernels of so many pairs of images at one offset.
    least_bytes : int
        The same at least, whatever the image size: so many bytes are computed at a time.
    entries_per_dispatch : int
        What one tile costs beside its entries, in units of the time of one entry: dispatch from
        Python.
    pixel_pairs_per_task : int
        Pairs of pixels in one task: some milliseconds of work.
    """

    block_sizes: tuple[int, ...]
    image_block_sizes: tuple[int, ...]
    array_bytes: int
    least_bytes: int
    entries_per_dispatch: int
    pixel_pairs_per_task: int


# Thousands of threads instead of two vectors, and no cache to stay in. Chosen by reasoning: no
# accelerator has been measured.
ACCELERATOR = Layout((248, 504, 1000, 2000, 4000), (16, 32, 64, 128), 2**26, 2**16, 10**6, 2**27)


def layout_of(platform: str) -> Layout:
    """Return what suits the devices of a platform, as `jax.Device` names it."""
    if platform == "cpu":
        # Arrays of a program stay in cache. Loops over fewer pairs than fill four vectors are
        # unrolled by LLVM, which then finds no vectors in them.
        return Layout(BLOCK_SIZES, IMAGE_BLOCK_SIZES, 2**17, 256, 60_000, 2**19)
    return ACCELERATOR


class TileSizes(NamedTuple):
    """How one kernel matrix is cut.

    Attributes
    ----------
    left, right : int
        Block sizes.
    together : int
        Turns of two blocks of images in one round; 0 for vectors.
    rounds : int
        The most rounds in one task; 0 for vectors.
    """

    left: int
    right: int
    together: int = 0
    rounds: int = 0

    @property
    def pairs_at_once(self) -> int:
        """Number of pairs of samples that one step of a program computes."""
        return self.left * (self.together or self.right)


def tile_sizes(
    architecture: Layer,
    X: np.ndarray,
    Y: np.ndarray | None,
    layout: Layout,
    most_pairs: int | None = None,
) -> TileSizes:
    """Return the sizes that make a kernel matrix cost least.

    Parameters
    ----------
    architecture : layer
    X, Y : ndarray of shape (n, ...)
        Left and right inputs; without Y the matrix is symmetric.
    layout : Layout
        What suits the device.
    most_pairs : int, default=None
        The most pairs that may be computed at once; None is as many as suit the device.
    """
    if X.ndim == 2:
        left, right = (
            block_size(len(each), layout, most_pairs) for each in (X, X if Y is None else Y)
        )
        return TileSizes(left, right)
    n_pixels = prod(X.shape[1:-1])
    work = n_pixels * n_offsets(architecture, X.shape)
    most = pairs_at_once(n_pixels, X.dtype, layout)
    most = most if most_pairs is None else min(most, most_pairs)
    size = image_block_size(work, most, layout)
    together = turns_together(size, most)
    return TileSizes(
        size, size, together, max(layout.pixel_pairs_per_task // (work * together * size), 1)
    )


def block_size(n_rows: int, layout: Layout, most_pairs: int | None = None) -> int:
    """Return the block size for which a symmetric matrix of ``n_rows`` vectors costs least.

    Few sizes keep the number of compiled programs small: folds of different lengths share one.
    Small blocks waste less on padding, large ones less on dispatch.
    """

    def cost(size: int) -> int:
        n_blocks = -(-n_rows // size)
        return n_blocks * (n_blocks + 1) // 2 * (size**2 + layout.entries_per_dispatch)

    smallest, *others = layout.block_sizes
    allowed = [size for size in others if most_pairs is None or size**2 <= most_pairs]
    return min([smallest, *allowed], key=cost)


def image_block_size(pixel_pairs: int, most_pairs: int, layout: Layout) -> int:
    """Return the block size for images or sequences, whatever their number.

    One size for a network and a shape of samples means that one compilation serves any number of
    them. It is the smallest of which two blocks are more work than their dispatch: so little work
    that it does not matter where samples fill a part of a block alone.

    Parameters
    ----------
    pixel_pairs : int
        Pairs of pixels in one pair of samples, at all offsets that the network needs.
    most_pairs : int
        The most pairs of samples that may be computed at once.
    layout : Layout
        What suits the device.
    """
    allowed = [size for size in layout.image_block_sizes if size <= most_pairs]
    if not allowed:
        return max(size for size in _SMALLEST_IMAGE_BLOCKS if size <= most_pairs)
    enough = _DISPATCHES_OF_WORK * layout.entries_per_dispatch
    return next((size for size in allowed if size**2 * pixel_pairs >= enough), allowed[-1])


def n_offsets(architecture: Layer, shape: tuple[int, ...]) -> int:
    """Return how many offsets of the pixels of samples ``(n, *sizes, channels)`` are needed."""
    grid = input_grid(architecture, shape[1:-1])
    return prod(map(len, architecture.input_offsets((), grid, is_diagonal=False)))


def samples_as_pairs(architecture: Layer, shape: tuple[int, ...]) -> bool:
    """Return whether the kernels of samples ``(n, ...)`` with themselves are computed as pairs.

    A pool reads many offsets, but what pairs need to know of every sample takes few: the kernels
    are then left to the program for pairs, unless a sample is more than a pair of equal ones.
    """
    if len(shape) == 2 or architecture.is_stochastic():
        return False
    return n_offsets(architecture, shape) > 1


def pairs_at_once(n_pixels: int, dtype: np.dtype, layout: Layout) -> int:
    """Return how many pairs of images fill vectors and fit into cache at one offset."""
    return max(
        layout.least_bytes // dtype.itemsize, layout.array_bytes // (2 * dtype.itemsize * n_pixels)
    )


def turns_together(block_size: int, most_pairs: int) -> int:
    """Return how many turns make whole vectors, so few that a block with itself is two tasks."""
    turns = block_size // 2 + 1
    return max(min(most_pairs // block_size, -(-turns // 2)), 1)
