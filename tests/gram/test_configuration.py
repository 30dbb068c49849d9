"""The user's JAX configuration stays as it is, in this thread and in all others."""

import threading
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from skntk import gram_diagonal, gram_matrix
from tests.gram.networks import BOTH, NETWORK, samples

X = samples(60)


def default_dtype():
    return jnp.asarray(1.0).dtype


@pytest.mark.parametrize("x64", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_precision_outside_is_untouched(x64, dtype):
    """The engine computes in its own precision, whatever the user has set around it."""
    expected = gram_matrix(NETWORK, X, dtype=dtype)
    with jax.enable_x64(x64):
        before = dict(jax.config.values)
        wanted = default_dtype()
        np.testing.assert_array_equal(gram_matrix(NETWORK, X, dtype=dtype), expected)
        diagonal = gram_diagonal(NETWORK, X, dtype=dtype)
        assert default_dtype() == wanted == (jnp.float64 if x64 else jnp.float32)
        assert dict(jax.config.values) == before
    np.testing.assert_array_equal(diagonal, np.diagonal(expected))


def test_precision_is_restored_after_an_error():
    with pytest.raises(ValueError, match="not finite"):
        gram_matrix(NETWORK, 1e200 * X)
    assert default_dtype() == jnp.float32


def test_matrices_from_many_threads():
    """Threads that compute in both precisions at a time, and the user's own beside them."""
    expected = {
        dtype: gram_matrix(NETWORK, X, kind=BOTH, dtype=dtype) for dtype in ("float32", "float64")
    }
    stop, seen = threading.Event(), set()

    def user_code():
        while not stop.is_set():
            seen.add(default_dtype())

    def compute(dtype):
        return dtype, gram_matrix(NETWORK, X, kind=BOTH, dtype=dtype, n_jobs=2)

    user = threading.Thread(target=user_code)
    user.start()
    try:
        with ThreadPoolExecutor(4) as pool:
            results = list(pool.map(compute, ["float32", "float64"] * 8))
    finally:
        stop.set()
        user.join()
    assert seen == {jnp.dtype("float32")}
    for dtype, matrices in results:
        for actual, wanted in zip(matrices, expected[dtype], strict=True):
            assert actual.dtype == dtype
            np.testing.assert_array_equal(actual, wanted)
