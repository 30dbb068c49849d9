"""How far the computation of kernel matrices is, told after every tile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from skntk._progress_bar import tqdm_class

Report = Callable[[int, int], None]
"""Called with the number of finished pairs of samples, and the number of all."""


class Progress:
    """Counts pairs of samples as their tiles are finished.

    Parameters
    ----------
    report : callable
        Called in the thread that finished a tile, by one thread at a time.
    total : int
        Pairs of all matrices that will be computed.
    """

    def __init__(self, report: Report, total: int) -> None:
        self._report = report
        self._total = total
        self._before = 0
        self._lock = threading.Lock()

    def counter(self, n_tasks: int, n_pairs: int) -> Callable[[], None]:
        """Return the callback for the end of every task of one matrix.

        Every task counts as much as any other: what a task computes, padding included, is nearly
        the same.
        """
        before, finished = self._before, 0
        self._before += n_pairs

        def count() -> None:
            nonlocal finished
            with self._lock:
                finished += 1
                self._report(before + n_pairs * finished // n_tasks, self._total)

        return count

    def finish(self) -> None:
        """Report the end: a matrix of one image has no tasks, and one that is kept no tiles."""
        self._report(self._total, self._total)


@contextmanager
def reporting(progress: bool | Report, total: int) -> Iterator[Progress | None]:
    """Provide a counter of finished tiles, of ``total`` pairs, that reports as a user wants."""
    if progress is False:
        yield None
    elif progress is True:
        with _bar(total) as report:
            yield Progress(report, total)
    elif callable(progress):
        yield Progress(progress, total)
    else:
        raise TypeError(
            "progress must be True, False, or a callable that takes the number of finished pairs "
            f"and the number of all, got {progress!r}."
        )


@contextmanager
def _bar(total: int) -> Iterator[Report]:
    tqdm = tqdm_class("progress=True", "pass a callable, progress=lambda finished, total: ...")
    with tqdm(total=total, desc="kernel matrix", unit="pair", unit_scale=True) as bar:

        def report(finished: int, total: int) -> None:
            bar.update(finished - bar.n)

        yield report
