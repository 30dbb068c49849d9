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


@pytest.fixture(scope="module")
def cluster():
    """A client of a dask cluster of two processes on this machine."""
    # Takes longer to import than most test files to run.
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(2)
        yield client
