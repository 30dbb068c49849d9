"""Processes that JAX has run in, and why they must not be forked.

A fork copies the memory of a process and one of its threads. JAX waits for the others, which a copy
lacks: it hangs. What can be known is refused instead.
"""

from __future__ import annotations

import multiprocessing
import os

from joblib.parallel import BACKENDS, get_active_backend

_ADVICE = (
    "Use processes that start anew: joblib's default backend 'loky', or a context of "
    "multiprocessing with the start method 'spawn' or 'forkserver'. Threads do as well, with "
    "joblib.parallel_config(backend='threading')."
)

# The process in which this package has first used JAX.
_process: int | None = None


def require_threads_of_jax() -> None:
    """Raise a RuntimeError in a process that was forked after JAX had run.

    To be called before JAX computes anything.
    """
    global _process
    if _process is None:
        _process = os.getpid()
    elif _process != os.getpid():
        raise RuntimeError(
            "This process was forked from one in which JAX had run, and has none of its threads: "
            f"kernels would wait for them for ever. {_ADVICE}"
        )


def refuse_to_fork(n_jobs: int | None) -> None:
    """Raise a RuntimeError if joblib would fork this process into so many workers."""
    backend, configured = get_active_backend()
    n_jobs = configured if n_jobs is None else n_jobs
    forks = isinstance(backend, BACKENDS.get("multiprocessing", ())) and _start_method() == "fork"
    if forks and n_jobs is not None and backend.effective_n_jobs(n_jobs) > 1:
        raise RuntimeError(
            "joblib's backend 'multiprocessing' forks this process, and kernels hang in copies of "
            f"a process in which JAX has run. {_ADVICE}"
        )


def _start_method() -> str:
    """Return how joblib's backend "multiprocessing" starts processes."""
    chosen = os.environ.get("JOBLIB_START_METHOD", "").strip()
    chosen = chosen or multiprocessing.get_start_method(allow_none=True) or ""
    # The first one is the default of the system.
    return chosen or multiprocessing.get_all_start_methods()[0]
