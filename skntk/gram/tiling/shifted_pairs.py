"""Kernels of two blocks of images in turns: left image i meets right image i + d, cyclically."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from skntk.gram.engine.devices import Program
from skntk.gram.engine.programs import turn_program
from skntk.gram.engine.sizes import TileSizes
from skntk.gram.tiling.blocks import Block


@dataclass(frozen=True)
class Turns:
    """Some rounds of two blocks of images.

    Attributes
    ----------
    left, right : Block
    first, count : int
        The first turn, and the number of rounds.
    together : int
        Turns in one round.
    """

    left: Block
    right: Block
    first: int
    count: int
    together: int

    program: ClassVar[Program] = turn_program

    @property
    def key(self) -> tuple[int, ...]:
        """What tells the task from others of the same matrix."""
        return (self.left.rows.start, self.right.rows.start, self.first, self.count)

    @property
    def entries(self) -> tuple[slice, ...]:
        """Where the results are that have a meaning."""
        return (slice(self.count),)

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of the results."""
        return (-(-len(self.right.X) // self.together), self.together * len(self.left.X))

    @property
    def numbers(self) -> tuple[np.int32, ...]:
        """The arguments of the program beside arrays."""
        return (np.int32(self.first), np.int32(self.count))

    @property
    def options(self) -> dict[str, Any]:
        """The static arguments of the program."""
        return {"together": self.together}

    def store(
        self, matrices: Sequence[np.ndarray], arrays: Sequence[Any], *, symmetric: bool
    ) -> None:
        """Write the results into the matrices, into both triangles of symmetric ones."""
        n_left, n_right = len(self.left.X), len(self.right.X)
        turns = self.first + np.arange(self.count * self.together)
        i = np.tile(np.arange(n_left), (len(turns), 1))
        j = (i + turns[:, None]) % n_right
        kept = (i < self.left.n_rows) & (j < self.right.n_rows) & (turns[:, None] < n_right)
        if self.left is self.right:
            # Half way round, the pairs are the same again; from there on all are known.
            distance = turns[:, None]
            kept &= (2 * distance < n_left) | ((2 * distance == n_left) & (i < distance))
        rows, columns = self.left.rows.start + i[kept], self.right.rows.start + j[kept]
        for matrix, array in zip(matrices, arrays, strict=True):
            entries = np.asarray(array)[self.entries].reshape(kept.shape)[kept]
            matrix[rows, columns] = entries
            if symmetric:
                matrix[columns, rows] = entries


def turns_of(left: Block, right: Block, sizes: TileSizes) -> Iterator[Turns]:
    """Yield the tasks of two blocks; a block with itself leaves out what is known already."""
    known = left is right and left.state is not None
    start, stop = int(known), len(left.X) // 2 + 1 if left is right else len(right.X)
    for first in range(start, stop, sizes.rounds * sizes.together):
        rounds = min(sizes.rounds, -(-(stop - first) // sizes.together))
        yield Turns(left, right, first, rounds, sizes.together)
