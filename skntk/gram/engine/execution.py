"""The workers that compute tiles: threads of this process, or the workers of a joblib backend.

Every backend that a user configures (``joblib.parallel_config(backend="dask")``, ``"loky"``, ...)
receives the tiles through `joblib.Parallel`. Threads of this process, the default, share the result
and write their tiles into it themselves. That of the caller is one of them, the others come from
the standard library: joblib looks for results every 10 ms, which is as long as a small matrix takes
in all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import joblib
from joblib.parallel import get_active_backend

from skntk._jax_settings import own_placement
from skntk._processes import refuse_to_fork
from skntk.gram.engine.devices import Devices

RunTasks = Callable[[Callable[[Any], Any], Callable[[Any, Any], None], Iterable[Any]], None]
"""Computes every task and stores its result: called with compute, store and tasks.

``compute`` maps a task to its result, and must pickle for backends of several processes; ``store``
takes a task and its result, and runs in this process as soon as the result is there; tasks run in
any order.
"""

# While one copies results, the other keeps the device busy.
_THREADS_OF_AN_ACCELERATOR = 2


@contextmanager
def workers(n_jobs: int | None, devices: Devices) -> Iterator[tuple[RunTasks, int]]:
    """Provide workers for as long as the context lasts.

    ``n_jobs`` counts them as joblib does. None is every core for threads, or some threads for every
    accelerator, unless ``joblib.parallel_config`` says otherwise or this already runs inside a
    worker. Yields what runs tasks, and how many of them run at the same time in one process.
    """
    backend, _ = get_active_backend(prefer="threads")
    # Asked for threads, joblib answers n_jobs=1 also where nothing is configured.
    _, configured = get_active_backend()
    n_jobs = configured if n_jobs is None else n_jobs
    if getattr(backend, "supports_sharedmem", False):
        n_threads = _number_of_threads(backend, n_jobs, devices)
        with ThreadPoolExecutor(max(n_threads - 1, 1)) as pool:
            yield partial(_run_in_threads, pool, n_threads), n_threads
    else:
        refuse_to_fork(n_jobs)
        yield partial(_run_in_processes, n_jobs), 1


def _number_of_threads(backend: Any, n_jobs: int | None, devices: Devices) -> int:
    if n_jobs is not None:
        return int(backend.effective_n_jobs(n_jobs))
    if getattr(backend, "nesting_level", 0):
        return 1
    if devices.all[0].platform != "cpu":
        return _THREADS_OF_AN_ACCELERATOR * len(devices.all)
    # XLA lends its own threads to a tile: while one of ours waits for these, or for memory, one
    # more finds work.
    return max(int(backend.effective_n_jobs(-1)) + 1, len(devices.all))


def _run_in_threads(
    pool: ThreadPoolExecutor,
    n_threads: int,
    compute: Callable[[Any], Any],
    store: Callable[[Any, Any], None],
    tasks: Iterable[Any],
) -> None:
    """Share the tasks between this thread, which begins at once, and others from the pool."""
    remaining = deque(tasks)

    def work() -> None:
        try:
            while remaining:
                try:
                    task = remaining.popleft()
                except IndexError:
                    return  # another thread has taken the last one
                store(task, compute(task))
        except BaseException:
            # The others stop after the task that they are at.
            remaining.clear()
            raise

    def help_out() -> None:
        with own_placement():
            work()

    others = [pool.submit(help_out) for _ in range(min(n_threads, len(remaining)) - 1)]
    work()
    for other in others:
        other.result()


def _run_in_processes(
    n_jobs: int | None,
    compute: Callable[[Any], Any],
    store: Callable[[Any, Any], None],
    tasks: Iterable[Any],
) -> None:
    backend, _ = get_active_backend()
    streams = getattr(backend, "supports_return_generator", False)
    parallel = joblib.Parallel(
        n_jobs=n_jobs, return_as="generator_unordered" if streams else "list"
    )
    tasks, delayed = list(tasks), joblib.delayed(_numbered)
    numbered = (delayed(number, compute, task) for number, task in enumerate(tasks))
    for number, result in parallel(numbered):
        store(tasks[number], result)


def _numbered(number: int, compute: Callable[[Any], Any], task: Any) -> tuple[int, Any]:
    """Return the result with the number of its task: results come in any order."""
    with own_placement():
        return number, compute(task)
