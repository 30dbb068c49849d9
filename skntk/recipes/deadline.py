"""Seconds that a fit may take."""

from __future__ import annotations

from math import inf
from time import monotonic

__all__ = ["Deadline"]


class Deadline:
    """Counts from its making to a limit in seconds; None is no limit."""

    def __init__(self, limit: float | None) -> None:
        self._start = monotonic()
        self._limit = inf if limit is None else limit

    @property
    def left(self) -> float:
        """Seconds until the limit."""
        return self._limit - (monotonic() - self._start)
