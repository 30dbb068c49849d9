"""What the matrices of one call share: workers, devices, memory, and what happens to tiles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

from skntk._jax_settings import own_placement
from skntk.gram.engine.checkpoint import Checkpoint
from skntk.gram.engine.devices import Devices
from skntk.gram.engine.execution import RunTasks, workers
from skntk.gram.engine.prepared_network import ProgramSignature
from skntk.gram.engine.progress import Progress
from skntk.gram.engine.sizes import Cut, TileSizes, layout_of
from skntk.gram.engine.working_memory import WorkingMemory, cut_of_chunk, cut_within

Store = Callable[[Any, Any], None]
"""Takes a task and its results."""


@dataclass(frozen=True)
class MatrixJob:
    """One of the matrices of a call, and how it is cut.

    Attributes
    ----------
    number : int
        Its place among the matrices of the call: the same when an interrupted run goes on.
    rows_at_once : int
        Rows a side that are held at the same time.
    sizes : TileSizes
    n_pairs : int
        Pairs of samples to compute.
    """

    number: int
    rows_at_once: int
    sizes: TileSizes
    n_pairs: int


@dataclass(frozen=True)
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
        Receives progress events.
    """

    run_tasks: RunTasks
    devices: Devices
    memory: WorkingMemory
    checkpoint: Checkpoint | None = None
    progress: Progress | None = None
    _numbers: Iterator[int] = field(default_factory=count, init=False)

    def begin(
        self,
        signature: ProgramSignature,
        kinds: tuple[str, ...],
        n_left: int,
        n_right: int | None = None,
        *,
        is_chunk: bool = False,
    ) -> MatrixJob:
        """Return the job of a matrix; without ``n_right`` it is symmetric.

        A chunk of another matrix is known to fit, so that its rows are all held at once. Raises a
        MemoryError if the working memory does not suffice for the smallest tiles, or for those that
        a checkpoint began with.
        """
        layout = layout_of(self.devices.all[0].platform)
        find_cut = cut_of_chunk if is_chunk else cut_within
        cut = partial(find_cut, self.memory, layout, signature, kinds, n_left, n_right)
        check = partial(self.memory.check, signature, kinds, n_left, n_right)
        n_pairs = n_left * (n_left + 1) // 2 if n_right is None else n_left * n_right
        return self.begin_cut(cut, n_pairs, check)

    def begin_cut(
        self,
        cut: Callable[[], Cut],
        n_pairs: int,
        check: Callable[[Cut], None] | None = None,
    ) -> MatrixJob:
        """Return the job of a matrix cut by a function, or as a checkpoint has it if that fits."""
        number, kept = next(self._numbers), None
        if self.checkpoint is not None:
            kept = self.checkpoint.cut(number)
        if kept is None:
            kept = cut()
            if self.checkpoint is not None:
                self.checkpoint.keep_cut(number, kept)
        elif check is not None:
            check(kept)
        return MatrixJob(number, *kept, n_pairs)

    def followed(
        self, job: MatrixJob, tasks: Iterable[Any], store: Store
    ) -> tuple[list[Any], Store]:
        """Return the tasks to run and how to store them, so that all are kept and counted."""
        tasks, checkpoint = list(tasks), self.checkpoint
        if self.progress is not None:
            count_task = self.progress.counter(len(tasks), job.n_pairs)
        elif checkpoint is None:
            return tasks, store
        else:
            count_task = _nothing

        def finish(task: Any, results: Any) -> None:
            store(task, results)
            count_task()

        if checkpoint is None:
            return tasks, finish
        remaining = []
        for task in tasks:
            results = checkpoint.tile(job.number, task)
            if results is None:
                remaining.append(task)
            else:
                finish(task, results)

        def keep_and_finish(task: Any, results: Any) -> None:
            checkpoint.keep_tile(job.number, task, results)
            finish(task, results)

        return remaining, keep_and_finish


def _nothing() -> None:
    pass


@contextmanager
def engine_for(
    n_jobs: int | None,
    n_bytes: int,
    checkpoint: Checkpoint | None = None,
    progress: Progress | None = None,
) -> Iterator[Engine]:
    """Provide an engine on all devices of this process, with ``n_bytes`` for its programs."""
    devices = Devices.local()
    with own_placement(), workers(n_jobs, devices) as (run_tasks, n_threads):
        memory = WorkingMemory(n_bytes, n_threads, devices.all)
        yield Engine(run_tasks, devices, memory, checkpoint, progress)
