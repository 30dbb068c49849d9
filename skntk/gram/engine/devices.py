"""The devices that compute tiles."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import jax

from skntk._processes import require_threads_of_jax


class Devices:
    """Devices that tiles are spread over: each goes to the one that has least to do.

    Parameters
    ----------
    devices : sequence of jax.Device
        All of one platform.

    Attributes
    ----------
    all : tuple of jax.Device
    """

    def __init__(self, devices: Sequence[jax.Device]) -> None:
        self.all = tuple(devices)
        # For every device, the numbers of running and of started pieces of work.
        self._loads = dict.fromkeys(self.all, (0, 0))
        self._lock = threading.Lock()

    @classmethod
    def local(cls) -> Devices:
        """Return all devices of JAX's default platform, or the default device that a user set."""
        require_threads_of_jax()
        chosen = jax.config.jax_default_device  # type: ignore[attr-defined]
        if isinstance(chosen, jax.Device):
            return cls([chosen])
        return cls(jax.local_devices(backend=chosen))

    @contextmanager
    def borrowed(self) -> Iterator[jax.Device]:
        """Provide a device for one piece of work."""
        with self._lock:
            device = min(self._loads, key=self._loads.__getitem__)
            n_running, n_started = self._loads[device]
            self._loads[device] = n_running + 1, n_started + 1
        try:
            yield device
        finally:
            with self._lock:
                n_running, n_started = self._loads[device]
                self._loads[device] = n_running - 1, n_started

    def __reduce__(self) -> tuple[Any, ...]:
        # Another process has devices of its own.
        return Devices.local, ()
