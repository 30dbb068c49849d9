"""The devices that compute tiles, and programs that are compiled as their platform wants it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import jax

from skntk._processes import require_threads_of_jax

# XLA prefers vectors of half the width that AVX-512 offers; the fused loops gain a fifth from all
# of it. Threads compute whole tiles: those of XLA within a tile would only wait for each other.
_COMPILER_OPTIONS = {
    "cpu": {"xla_cpu_prefer_vector_width": 512, "xla_cpu_multi_thread_eigen": False}
}


class Program:
    """A function that is compiled once for every platform, with the options of that platform.

    Parameters
    ----------
    function : callable
        Of pytrees of arrays.
    **options
        As `jax.jit` takes them.
    """

    def __init__(self, function: Callable[..., Any], **options: Any) -> None:
        self.__doc__ = function.__doc__
        self._function = function
        self._options = options
        self._compiled: dict[str, Any] = {}

    def on(self, device: jax.Device) -> Any:
        """Return the jitted function for the platform of a device."""
        platform = device.platform
        if platform not in self._compiled:
            # Of two threads that come here at a time, both have to get the same one.
            self._compiled.setdefault(
                platform,
                jax.jit(
                    self._function,
                    compiler_options=_COMPILER_OPTIONS.get(platform),
                    **self._options,
                ),
            )
        return self._compiled[platform]


def program(**options: Any) -> Callable[[Callable[..., Any]], Program]:
    """Return a decorator that makes a `Program` of a function."""
    return lambda function: Program(function, **options)


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
