"""The workers of the joblib backend that is configured, such as those of a dask cluster."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from joblib.parallel import ParallelBackendBase, get_active_backend

# A few for every worker keep all of them busy to the end, and a worker that is lost costs less.
PARTS_PER_WORKER = 3


def number_of_workers(backend: ParallelBackendBase, n_jobs: int | None) -> int:
    """Return how many tasks run at the same time; raise a RuntimeError if there are no workers.

    Dask waits for a first worker, and then raises a TimeoutError.
    """
    _, configured = get_active_backend()
    n_jobs = configured if n_jobs is None else n_jobs
    number = int(backend.effective_n_jobs(-1 if n_jobs is None else n_jobs))
    if number < 1:
        raise RuntimeError(
            "The joblib backend that is configured has no workers: start some, for example "
            "`dask worker ADDRESS` for a cluster of dask, or leave joblib.parallel_config."
        )
    return number


def is_of_dask(backend: ParallelBackendBase) -> bool:
    """Return whether the workers are those of a dask cluster."""
    return hasattr(backend, "client")


def arrays_in_tasks(backend: ParallelBackendBase) -> AbstractContextManager[object]:
    """Let tasks carry arrays, which dask warns of.

    The scheduler holds them until the tasks are done. Scattered arrays, which dask would have
    instead, are lost with the worker that has them.
    """
    if not is_of_dask(backend):
        return nullcontext()
    import dask

    return dask.config.set({"distributed.admin.large-graph-warning-threshold": 2**60})
