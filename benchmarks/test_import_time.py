"""How long `import skntk` takes beyond `import jax, sklearn`; 0.3 s are the goal.

Each repetition is a new process. tests/test_import.py says which modules may be loaded, which holds
on a busy machine as well.
"""

from __future__ import annotations

import subprocess
import sys

STOPWATCH = """
import time, jax, sklearn
start = time.perf_counter()
import skntk
print(time.perf_counter() - start)
"""


def seconds_added() -> float:
    command = [sys.executable, "-c", STOPWATCH]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_import(benchmark):
    added = []
    benchmark.pedantic(lambda: added.append(seconds_added()), rounds=5, warmup_rounds=1)
    # The times of the table are those of whole processes.
    benchmark.extra_info["seconds that skntk adds"] = min(added)
