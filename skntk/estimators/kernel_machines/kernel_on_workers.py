"""A kernel matrix in blocks of rows that the workers of a dask cluster hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Self, TypeVar

import joblib
import numpy as np
from joblib.parallel import ParallelBackendBase, get_active_backend
from sklearn.utils import gen_even_slices

from skntk.estimators.kernel_machines.joblib_workers import (
    PARTS_PER_WORKER,
    arrays_in_tasks,
    is_of_dask,
    number_of_workers,
)
from skntk.gram.engine.progress import Report
from skntk.inference.linalg.arrays import FloatArray
from skntk.inference.linalg.computed_operator import ComputedOperator
from skntk.inference.linalg.row_blocks import Argument, Result, RowBlocks

if TYPE_CHECKING:
    from distributed import Client, Future

Given = TypeVar("Given")


@dataclass(frozen=True, eq=False)
class KernelOnWorkers(RowBlocks):
    """A kernel matrix of which each worker has computed some blocks of rows, and keeps them.

    All that a block is made of is part of the graph of tasks, which the scheduler holds: blocks of
    a worker that is lost are computed again by another. Scattered arrays would be lost with it.

    Attributes
    ----------
    variances : ndarray of shape (n,)
        The diagonal of K.
    dtype : dtype
        The precision of the blocks.
    computed : ComputedOperator
        Computes rows of K. A pickle is one of this: it needs no cluster.
    backend : ParallelBackendBase
        That of dask, with its client.
    blocks : list of Future
    """

    variances: FloatArray
    dtype: np.dtype
    computed: ComputedOperator
    backend: ParallelBackendBase
    blocks: list[Future]

    @classmethod
    def of(cls, computed: ComputedOperator, dtype: str, report: Report | None = None) -> Self:
        """Have the workers of the cluster that joblib is configured for compute all rows.

        Each worker receives the samples once, and as many blocks as it has threads, a few times.

        Raises
        ------
        ValueError
            If joblib's backend is not dask.
        RuntimeError, TimeoutError
            If there are no workers.
        """
        backend = _backend_of_dask()
        n_rows = len(computed.variances)
        n_blocks = min(n_rows, PARTS_PER_WORKER * number_of_workers(backend, None))
        client: Client = backend.client
        with arrays_in_tasks(backend):
            source = client.submit(_given, computed, pure=False)
        places = cycle([address for address, n in client.ncores().items() for _ in range(n)])
        blocks = [
            client.submit(
                _block, source, rows, dtype, pure=False, workers=[place], allow_other_workers=True
            )
            for rows, place in zip(gen_even_slices(n_rows, n_blocks), places, strict=False)
        ]
        operator = cls(computed.variances, np.dtype(dtype), computed, backend, blocks)
        operator._wait(report)
        return operator

    def _wait(self, report: Report | None) -> None:
        from distributed import wait

        n_rows = len(self.variances)
        for rows, block in zip(self.parts(), self.blocks, strict=True):
            with self.backend.retrieval_context():
                wait(block)
            if block.status == "error":
                block.result()
            if report is not None:
                report(rows.stop * n_rows, n_rows**2)

    def parts(self) -> list[slice]:
        """Return the rows of each block."""
        return list(gen_even_slices(len(self.variances), len(self.blocks)))

    def visit(
        self, function: Callable[[np.ndarray, Argument], Result], argument: Argument
    ) -> Iterator[Result]:
        """Call a function where the blocks are, and return its results in their order.

        The argument goes to one worker, from which the others have it.
        """
        client: Client = self.backend.client
        if client.status != "running":
            raise RuntimeError(
                "The kernel of this model is held by the workers of a dask cluster, and the client "
                "is closed: keep it open, fit again, or pickle and load the model, which then "
                "computes the kernel in every product."
            )
        with arrays_in_tasks(self.backend):
            given = client.submit(_given, argument, pure=False)
        results = [client.submit(function, block, given, pure=False) for block in self.blocks]
        # Within a task of a worker, its thread is free for these.
        with self.backend.retrieval_context():
            return iter(client.gather(results))

    def __reduce__(self) -> tuple[Callable[[ComputedOperator], ComputedOperator], tuple[object]]:
        return _given, (self.computed,)


def _backend_of_dask() -> ParallelBackendBase:
    backend, _ = get_active_backend()
    if not is_of_dask(backend):
        raise ValueError(
            "ConjugateGradient(storage='workers') keeps the kernel on the workers of a dask "
            f"cluster, and joblib's backend is {type(backend).__name__}: connect to a cluster with "
            "distributed.Client(address), and fit within joblib.parallel_config(backend='dask')."
        )
    return backend


def _given(argument: Given) -> Given:
    return argument


def _block(computed: ComputedOperator, rows: slice, dtype: str) -> np.ndarray:
    """Return rows of a kernel matrix, in the process of a worker."""
    indices = np.arange(len(computed.variances))[rows]
    with joblib.parallel_config(backend="threading"):
        return computed.block(indices).astype(dtype, copy=False)
