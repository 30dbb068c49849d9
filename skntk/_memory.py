"""How much memory is free, asked before anything large is allocated."""

from __future__ import annotations

import os
import re
from pathlib import Path


def available_memory() -> int | None:
    """Return the bytes that are free without swapping, or None where the system does not say."""
    try:
        found = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
        if found:
            return int(found[1]) * 1024
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return None


def require_memory(n_bytes: int, what: str, remedy: str) -> None:
    """Raise a MemoryError before the work starts if it would need more memory than is free.

    ``what`` is the subject of the message, and ``remedy`` its last sentence. Where the system does
    not tell, nothing is raised.
    """
    available = available_memory()
    if available is not None and n_bytes > available:
        raise MemoryError(
            f"{what} needs {n_bytes / 2**30:.3g} GiB of memory, but {available / 2**30:.3g} GiB "
            f"are free. {remedy}"
        )
