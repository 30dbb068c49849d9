import jax
import pytest


@pytest.fixture(scope="module")
def quick_compilation():
    """Compile without optimizing loops, which takes longer than all that many tests compute.

    For tests of what holds however LLVM compiles a loop: formulas and interfaces. What users run,
    with all optimizations, is compared with the reference values, and runs in the tests of
    `skntk.gram`, in the examples and in the documentation.
    """
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
    # The tests of other modules get programs of their own.
    jax.clear_caches()
