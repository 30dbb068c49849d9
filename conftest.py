"""What every test run needs."""

import jax
import pytest

# pytest imports a single module of the package apart from the package, if it comes first: its
# classes would then exist twice, and an object of one would not equal that of the other.
import skntk  # noqa: F401


@pytest.fixture(scope="module", autouse=True)
def programs_of_one_module():
    """Drop what was compiled: thousands of programs in one process take gigabytes, and crash it."""
    yield
    jax.clear_caches()
