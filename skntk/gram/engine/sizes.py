"""The sizes of blocks, steps and tasks for a kind of device, a network and its inputs."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import numpy as np

from skntk.gram.engine.prepared_network import ProgramSignature

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
    """The sizes that are fast on one kind of device.

    Attributes
    ----------
    block_sizes, image_block_sizes : tuple of int
        Block sizes to choose from, for vectors and for samples with many positions.
    array_bytes : int
        One array of a program holds the two kernels of so many pairs of images at one offset.
    least_bytes : int
        The same at least, whatever the image size: so many bytes are computed at a time.
    entries_per_dispatch : int
        Overhead of one tile, in units of the time of one entry: dispatch from Python.
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
    """Return the layout for the devices of a platform, as `jax.Device` names it."""
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
    shifts_per_step : int
        Shifts of two blocks of images in one step; 0 for vectors.
    n_steps : int
        The most steps in one task; 0 for vectors.
    """

    left: int
    right: int
    shifts_per_step: int = 0
    n_steps: int = 0

    @property
    def pairs_at_once(self) -> int:
        """Number of pairs of samples that one step of a program computes."""
        return self.left * (self.shifts_per_step or self.right)


Cut = tuple[int, TileSizes]
"""Of how many rows a side a matrix is made at once, and the sizes of its tiles."""


def tile_sizes(
    signature: ProgramSignature,
    shape: tuple[int, int],
    layout: Layout,
    most_pairs: int | None = None,
) -> TileSizes:
    """Return the sizes with which a matrix of a shape costs least.

    ``most_pairs`` is the most that may be computed at once; None is as many as suit the device.
    """
    sizes = signature.sample_shape[:-1]
    if not sizes:
        n_left, n_right = shape
        left = block_size(n_left, layout, most_pairs)
        return TileSizes(left, block_size(n_right, layout, most_pairs))
    n_pixels = prod(sizes)
    work = n_pixels * signature.n_offsets
    most = pairs_at_once(n_pixels, signature.dtype, layout)
    most = most if most_pairs is None else min(most, most_pairs)
    size = image_block_size(work, most, layout)
    n_shifts = shifts_per_step(size, most)
    n_steps = max(layout.pixel_pairs_per_task // (work * n_shifts * size), 1)
    return TileSizes(size, size, n_shifts, n_steps)


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
    that it does not matter where samples fill a part of a block alone. ``pixel_pairs`` counts those
    of one pair of samples, at all offsets that the network needs.
    """
    allowed = [size for size in layout.image_block_sizes if size <= most_pairs]
    if not allowed:
        return max(size for size in _SMALLEST_IMAGE_BLOCKS if size <= most_pairs)
    enough = _DISPATCHES_OF_WORK * layout.entries_per_dispatch
    return next((size for size in allowed if size**2 * pixel_pairs >= enough), allowed[-1])


def pairs_at_once(n_pixels: int, dtype: np.dtype, layout: Layout) -> int:
    """Return how many pairs of images fill vectors and fit into cache at one offset."""
    return max(
        layout.least_bytes // dtype.itemsize, layout.array_bytes // (2 * dtype.itemsize * n_pixels)
    )


def shifts_per_step(block_size: int, most_pairs: int) -> int:
    """Return how many shifts make whole vectors, so few that a block with itself is two tasks."""
    n_shifts = block_size // 2 + 1
    return max(min(most_pairs // block_size, -(-n_shifts // 2)), 1)
