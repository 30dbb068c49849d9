"""Timing on a machine that is never quite quiet."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Mapping
from time import perf_counter
from typing import Any

import numpy as np


def seconds(call: Callable[[], Any]) -> float:
    """Return the seconds that one call takes."""
    start = perf_counter()
    call()
    return perf_counter() - start


def best_of_rounds(calls: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Return the shortest seconds of each call.

    The calls take turns, so that a busy spell of the machine falls on all of them; whatever
    disturbs only ever adds. Each is called once before, for compilation and caches.
    """
    for call in calls.values():
        call()
    measured = [{name: seconds(call) for name, call in calls.items()} for _ in range(rounds)]
    return {name: min(times[name] for times in measured) for name in calls}


def machine() -> str:
    """Return what the figures depend on, one line: processor, cores, load, versions."""
    import jax
    import sklearn

    load = " ".join(f"{value:.2f}" for value in os.getloadavg())
    versions = f"jax {jax.__version__}, scikit-learn {sklearn.__version__}, numpy {np.__version__}"
    return (
        f"{_processor()}, {os.cpu_count()} cores, load average {load}; "
        f"Python {platform.python_version()}, {versions}"
    )


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            name = next(line for line in lines if line.startswith("model name"))
        return name.split(":", 1)[1].strip()
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def markdown_table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table in Markdown."""
    return "\n".join([markdown_head(header), *map(markdown_row, rows)])


def markdown_head(header: Iterable[str]) -> str:
    """Return the two lines that start a table."""
    header = list(header)
    return "\n".join(map(markdown_row, (header, ["---"] * len(header))))


def markdown_row(row: Iterable[str]) -> str:
    """Return one line of a table."""
    return "| " + " | ".join(row) + " |"
