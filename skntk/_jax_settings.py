"""Settings of JAX that this package has for itself, whatever a user has set for other programs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import jax
import numpy as np

# With jax 0.8, `jax.set_mesh` does not take None.
_NO_MESH = jax.sharding.Mesh(np.empty((), dtype=object), ())
_GUARDS = (
    "jax_transfer_guard_host_to_device",
    "jax_transfer_guard_device_to_device",
    "jax_transfer_guard_device_to_host",
)


@contextmanager
def own_placement() -> Iterator[None]:
    """Compute on single devices, with inputs from the host, in this thread.

    A mesh of the user would spread what is created here over its devices, and programs refuse
    arrays of which some are spread and some are not. A transfer guard finds arrays that go between
    host and device by mistake: here all inputs are arrays of NumPy, and so are all results.
    """
    # Entering both takes longer than a small kernel matrix, and most users set neither.
    with ExitStack() as settings:
        if not jax.sharding.get_abstract_mesh().empty:
            settings.enter_context(jax.set_mesh(_NO_MESH))
        if any(getattr(jax.config, name) is not None for name in _GUARDS):
            settings.enter_context(jax.transfer_guard("allow"))
        yield
