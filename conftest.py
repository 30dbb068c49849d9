"""What every test run needs."""

import os
import sys
from pathlib import Path

COMPILED = Path(__file__).parent / ".pytest_cache" / "compiled"
MOST_BYTES = 10**9


def hold_threads():
    """Have each process compute products of matrices in one thread.

    There is a process for every core. Threads of one that wait for those of another spin, and the
    small matrices of tests take many times as long.
    """
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def share_compiled_programs():
    """Keep compiled programs in a folder, for all processes of this run and for the next run.

    Many modules compile the same networks, and `programs_of_one_module` drops them from memory.
    JAX's key of an entry is made of the program and of all options of the compiler.
    """
    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return  # set by the user, or by the process that started this one
    COMPILED.mkdir(parents=True, exist_ok=True)
    entries = list(COMPILED.iterdir())
    # JAX can limit the size itself, but then looks through all entries whenever it adds one.
    if sum(entry.stat().st_size for entry in entries) > MOST_BYTES:
        for entry in entries:
            entry.unlink(missing_ok=True)
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(COMPILED)
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")


# All of it before NumPy, JAX and matplotlib are imported, and for the processes that tests start.
# Benchmarks time what users run.
if "--benchmark-only" not in sys.argv:
    hold_threads()
    share_compiled_programs()
# Figures are drawn in memory, on any machine.
os.environ["MPLBACKEND"] = "agg"

import jax  # noqa: E402
import pytest  # noqa: E402

# pytest imports a single module of the package apart from the package, if it comes first: its
# classes would then exist twice, and an object of one would not equal that of the other.
import skntk  # noqa: E402, F401


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    """Close the figures of a test or of an example in a docstring."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(scope="module", autouse=True)
def programs_of_one_module():
    """Drop what was compiled: thousands of programs in one process take gigabytes, and crash it."""
    yield
    jax.clear_caches()
