"""What every test run needs."""

import os
import sys

import jax
import pytest

# pytest imports a single module of the package apart from the package, if it comes first: its
# classes would then exist twice, and an object of one would not equal that of the other.
import skntk  # noqa: F401

# Before matplotlib is imported: figures are drawn in memory, on any machine.
os.environ["MPLBACKEND"] = "agg"


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
