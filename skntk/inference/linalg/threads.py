"""One thread of BLAS for small problems.

The wheels of NumPy and of SciPy bring an OpenBLAS each, with threads of its own, and those of one
keep spinning for a while after their work is done. Programs that turn from one to the other and
back, as in a factorization, a product and the next factorization, then have both on the same cores.
For matrices of some hundred rows further threads gain less than this costs, above all beside other
processes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import threadpoolctl

__all__ = ["blas_threads", "one_blas_thread", "small_problem_threads"]

# Up to here two threads save at most a third of a fit on a quiet machine, and nothing of a
# prediction. Beside busy processes they take up to forty times as long as one thread. Above, the
# limits that the user has set hold.
_SMALL = 2000


@contextmanager
def small_problem_threads(n_samples: int) -> Iterator[None]:
    """Hold BLAS at one thread while small systems are solved; leave it alone for large ones.

    The number of threads belongs to the process: the first of several threads of Python that enters
    limits it and the last that leaves restores it, in whatever order they do. It reaches what other
    threads of Python compute meanwhile. ``n_samples`` is the number of rows of the largest matrix
    that is factorized within.
    """
    if n_samples > _SMALL:
        yield
        return
    with one_blas_thread():
        yield


def blas_threads() -> int:
    """Return the number of threads that BLAS would use now."""
    return max((library["num_threads"] for library in _controller().info()), default=1)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold BLAS at one thread, as for a small problem."""
    per_thread, process = _libraries()
    with per_thread.limit(limits=1):
        process.enter()
        try:
            yield
        finally:
            process.leave()


class _ProcessLimit:
    """The limit of libraries that have one number of threads for the whole process."""

    def __init__(self, controller: threadpoolctl.ThreadpoolController) -> None:
        self._controller = controller
        self._lock = threading.Lock()
        self._n_inside = 0
        self._limiter: Any = None

    def enter(self) -> None:
        with self._lock:
            if self._n_inside == 0:
                self._limiter = self._controller.limit(limits=1)
                _share_control()
            self._n_inside += 1

    def leave(self) -> None:
        with self._lock:
            self._n_inside -= 1
            if self._n_inside == 0:
                self._limiter.restore_original_limits()
                _share_control()


def _share_control() -> None:
    # Newer versions let one thread set the numbers of OpenBLAS and ignore the others until it gives
    # this up. Here the thread that restores them need not be the one that has limited them.
    give_up = getattr(threadpoolctl.OpenBLASController, "clear_controlling_thread", None)
    if give_up is not None:
        give_up()


@cache
def _controller() -> threadpoolctl.ThreadpoolController:
    return threadpoolctl.ThreadpoolController().select(user_api="blas")


@cache
def _libraries() -> tuple[threadpoolctl.ThreadpoolController, _ProcessLimit]:
    """Return the libraries with a number for each thread of Python, and all others.

    Finding them takes longer than a small factorization.
    """
    blas = _controller()
    filepaths: dict[bool, list[str]] = {True: [], False: []}
    for library in blas.info():
        # OpenMP has a pool for every thread of Python.
        filepaths[library.get("threading_layer") == "openmp"].append(library["filepath"])
    per_thread, per_process = (blas.select(filepath=filepaths[key]) for key in (True, False))
    return per_thread, _ProcessLimit(per_process)
