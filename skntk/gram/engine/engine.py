"""What the matrices of one call share: workers, devices, memory, and what happens to tiles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from skntk.architecture.core.layer import Layer
from skntk.gram.engine.checkpoint import Checkpoint
from skntk.gram.engine.devices import Devices
from skntk.gram.engine.execution import RunTasks, workers
from skntk.gram.engine.progress import Progress
from skntk.gram.engine.sizes import TileSizes
from skntk.gram.engine.working_memory import WorkingMemory


@dataclass
class Engine:
    """Computes the tiles of one kernel matrix after the other.

    Attributes
    ----------
    run_tasks : RunTasks
        The workers.
    devices : Devices
        What they compute on.
    memory : WorkingMemory
        What they may take.
    checkpoint : Checkpoint or None
        Where finished tiles are kept.
    progress : Progress or None
        Who is told of finished tiles.
    """

    run_tasks: RunTasks
    devices: Devices
    memory: WorkingMemory
    checkpoint: Checkpoint | None = None
    progress: Progress | None = None
    _matrix: int = field(default=-1, init=False)
    _n_pairs: int = field(default=0, init=False)

    def rows_at_once(
        self, architecture: Layer, kinds: Sequence[str], X: np.ndarray, Y: np.ndarray | None = None
    ) -> int:
        """Return of how many rows a side the matrices that follow are made, to fit into memory.

        Parameters and errors are those of `begin`.
        """
        following = self._matrix + 1
        known = None if self.checkpoint is None else self.checkpoint.rows_at_once(following)
        if known is not None:
            return known
        n_rows = self.memory.rows_at_once(architecture, kinds, X, Y)
        if self.checkpoint is not None:
            self.checkpoint.keep_rows_at_once(following, n_rows)
        return n_rows

    def begin(
        self, architecture: Layer, kinds: Sequence[str], X: np.ndarray, Y: np.ndarray | None = None
    ) -> TileSizes:
        """Begin the next matrix, and return how it is cut.

        Parameters
        ----------
        architecture : layer
            With its numeric hyperparameters as arrays of the dtype of X.
        kinds : sequence of {"nngp", "ntk"}
        X, Y : ndarray of shape (n, ...)
            Left and right inputs; without Y the matrix is symmetric.

        Raises
        ------
        MemoryError
            If the working memory does not suffice for the smallest tiles, or for those that a
            checkpoint began with.
        """
        return self.begin_cut(
            partial(self.memory.tile_sizes, architecture, kinds, X, Y),
            len(X) * (len(X) + 1) // 2 if Y is None else len(X) * len(Y),
            check=partial(self.memory.check, architecture=architecture, kinds=kinds, X=X, Y=Y),
        )

    def begin_cut(
        self,
        cut: Callable[[], TileSizes],
        n_pairs: int,
        check: Callable[[TileSizes], None] | None = None,
    ) -> TileSizes:
        """Begin the next matrix, cut as a function says unless a checkpoint knows it.

        Parameters
        ----------
        cut : callable
            Returns the sizes.
        n_pairs : int
            How many pairs of samples are computed.
        check : callable, default=None
            Called with sizes that a checkpoint knows; raises a MemoryError if they are too large.
        """
        self._matrix += 1
        self._n_pairs = n_pairs
        known = None if self.checkpoint is None else self.checkpoint.sizes(self._matrix)
        if known is not None:
            if check is not None:
                check(known)
            return known
        sizes = cut()
        if self.checkpoint is not None:
            self.checkpoint.keep_sizes(self._matrix, sizes)
        return sizes

    def run_tiles(
        self,
        compute: Callable[[Any], Any],
        store: Callable[[Any, Any], None],
        tasks: Iterable[Any],
    ) -> None:
        """Compute and store the tiles of the matrix that has begun, but for those that are kept."""
        tasks = list(tasks)
        if self.progress is not None:
            store = self.progress.counting(store, len(tasks), self._n_pairs)
        if self.checkpoint is not None:
            tasks = self.checkpoint.restore(self._matrix, store, tasks)
            store = self.checkpoint.keeping(self._matrix, store)
        self.run_tasks(compute, store, tasks)


@contextmanager
def engine_for(
    n_jobs: int | None,
    n_bytes: int,
    checkpoint: Checkpoint | None = None,
    progress: Progress | None = None,
) -> Iterator[Engine]:
    """Provide an engine on all devices of this process for as long as the context lasts.

    Parameters
    ----------
    n_jobs : int or None
        Number of workers, see `workers`.
    n_bytes : int
        The most memory that their programs may take.
    checkpoint : Checkpoint or None, default=None
        Where finished tiles are kept.
    progress : Progress or None, default=None
        Who is told of finished tiles.
    """
    devices = Devices.of_this_process()
    with workers(n_jobs, devices) as (run_tasks, n_threads):
        memory = WorkingMemory(n_bytes, n_threads, devices)
        yield Engine(run_tasks, devices, memory, checkpoint, progress)
