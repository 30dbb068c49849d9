"""Settings of JAX that find mistakes, or that users have for programs of their own."""

from contextlib import contextmanager
from functools import partial

import jax


@contextmanager
def configured(name, value):
    """Set an option for all threads; the context managers of JAX set it for one."""
    before = getattr(jax.config, name)
    jax.config.update(name, value)
    try:
        yield
    finally:
        jax.config.update(name, before)


@contextmanager
def mesh_of_all_devices():
    with jax.set_mesh(jax.make_mesh((jax.device_count(),), ("rows",))):
        yield


@contextmanager
def no_promotion():
    """Raise an error where types or numbers of axes differ, which says which of them."""
    with (
        configured("jax_numpy_dtype_promotion", "strict"),
        configured("jax_numpy_rank_promotion", "raise"),
    ):
        yield


SETTINGS = {
    "debug_nans": partial(configured, "jax_debug_nans", True),
    "promotion": no_promotion,
    "transfer_guard": partial(configured, "jax_transfer_guard", "disallow"),
    "mesh": mesh_of_all_devices,
}
