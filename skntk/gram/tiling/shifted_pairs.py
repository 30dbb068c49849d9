"""Kernels of two blocks of images by shifts: left image i meets right image i + d, cyclically."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from skntk.gram.engine.compilation import Program
from skntk.gram.engine.programs import shift_program
from skntk.gram.engine.sizes import TileSizes
from skntk.gram.tiling.blocks import Block


@dataclass(frozen=True)
class ShiftedPairs:
    """The pairs of two blocks of images at some shifts.

    Attributes
    ----------
    left, right : Block
    first_shift, n_steps : int
    shifts_per_step : int
    """

    left: Block
    right: Block
    first_shift: int
    n_steps: int
    shifts_per_step: int

    program: ClassVar[Program] = shift_program

    @property
    def key(self) -> tuple[int, ...]:
        """The identity of the task within its matrix."""
        starts = self.left.rows.start, self.right.rows.start
        return (*starts, self.first_shift, self.n_steps)

    @property
    def entries(self) -> tuple[slice, ...]:
        """The results without the padding."""
        return (slice(self.n_steps),)

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of the results."""
        n_steps = -(-len(self.right.X) // self.shifts_per_step)
        return (n_steps, self.shifts_per_step * len(self.left.X))

    @property
    def numbers(self) -> tuple[np.int32, ...]:
        """The arguments of the program beside arrays."""
        return (np.int32(self.first_shift), np.int32(self.n_steps))

    @property
    def options(self) -> dict[str, Any]:
        """The static arguments of the program."""
        return {"shifts_per_step": self.shifts_per_step}

    def store(
        self, matrices: Sequence[np.ndarray], arrays: Sequence[Any], *, symmetric: bool
    ) -> None:
        """Write the results into the matrices, into both triangles of symmetric ones."""
        n_left, n_right = len(self.left.X), len(self.right.X)
        shifts = self.first_shift + np.arange(self.n_steps * self.shifts_per_step)[:, np.newaxis]
        i = np.tile(np.arange(n_left), (len(shifts), 1))
        j = (i + shifts) % n_right
        kept = (i < self.left.n_rows) & (j < self.right.n_rows) & (shifts < n_right)
        if self.left is self.right:
            # Half way round, the pairs are the same again; from there on all are known.
            kept &= (2 * shifts < n_left) | ((2 * shifts == n_left) & (i < shifts))
        rows, columns = self.left.rows.start + i[kept], self.right.rows.start + j[kept]
        for matrix, array in zip(matrices, arrays, strict=True):
            entries = np.asarray(array)[self.entries].reshape(kept.shape)[kept]
            matrix[rows, columns] = entries
            if symmetric:
                matrix[columns, rows] = entries


def shifted_pairs(left: Block, right: Block, sizes: TileSizes) -> Iterator[ShiftedPairs]:
    """Yield the tasks of two blocks; a block with itself leaves out what is known already."""
    known = left is right and left.state is not None
    start, stop = int(known), len(left.X) // 2 + 1 if left is right else len(right.X)
    for first in range(start, stop, sizes.n_steps * sizes.shifts_per_step):
        n_steps = min(sizes.n_steps, -(-(stop - first) // sizes.shifts_per_step))
        yield ShiftedPairs(left, right, first, n_steps, sizes.shifts_per_step)
