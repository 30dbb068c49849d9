"""Programs compiled as a platform wants it, those of the networks that were used last."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import wraps
from typing import Any, ClassVar
from weakref import WeakSet

import jax

from skntk._validation import is_integer

__all__ = ["Program", "program", "set_program_cache_size"]

# XLA prefers vectors of half the width that AVX-512 offers; the fused loops gain a fifth from all
# of it. Threads compute whole tiles: those of XLA within a tile would only wait for each other.
_OPTIONS_OF_TILES = {
    "cpu": {"xla_cpu_prefer_vector_width": 512, "xla_cpu_multi_thread_eigen": False}
}


class Program:
    """A function that is compiled for the structure of a network and for a platform.

    What `jax.jit` has compiled lives as long as the function that it was given. Every structure
    therefore has a function of its own, and the functions of the structures that were used least
    recently are dropped.

    Parameters
    ----------
    function : callable
        Of pytrees of arrays.
    of_tiles : bool, default=True
        Whether several threads call it at a time, so that XLA should use no threads of its own.
    **options
        As `jax.jit` takes them.

    Attributes
    ----------
    n_networks : int
        For the structures of how many networks a program is kept.
    """

    # A network has some 50 mappings of memory; Linux allows a process 65,530.
    n_networks: ClassVar[int] = 128
    _all: ClassVar[WeakSet[Program]] = WeakSet()

    def __init__(
        self, function: Callable[..., Any], *, of_tiles: bool = True, **options: Any
    ) -> None:
        self.__doc__ = function.__doc__
        self._function = function
        self._compiler_options = _OPTIONS_OF_TILES if of_tiles else {}
        self._options = options
        self._compiled: OrderedDict[tuple[str, Hashable], Any] = OrderedDict()
        # Of two threads that come at a time, both have to get the same function.
        self._lock = threading.Lock()
        Program._all.add(self)

    def on(self, device: jax.Device, structure: Hashable) -> Any:
        """Return the jitted function for the structure of a network and the platform of a device.

        Parameters
        ----------
        device : jax.Device
        structure : PyTreeDef
            Numbers of a network are arguments of the function: of networks that differ in nothing
            else, all have one.
        """
        key = device.platform, structure
        with self._lock:
            if key not in self._compiled:
                self._compiled[key] = self._jitted(device.platform)
            self._compiled.move_to_end(key)
            self._drop()
            return self._compiled[key]

    def _jitted(self, platform: str) -> Any:
        @wraps(self._function)
        def function(*arguments: Any, **keywords: Any) -> Any:
            return self._function(*arguments, **keywords)

        compiler_options = self._compiler_options.get(platform)
        return jax.jit(function, compiler_options=compiler_options, **self._options)

    def _drop(self) -> None:
        while len(self._compiled) > Program.n_networks:
            self._compiled.popitem(last=False)

    def shrink(self) -> None:
        """Drop what a smaller ``n_networks`` has no place for."""
        with self._lock:
            self._drop()


def program(**options: Any) -> Callable[[Callable[..., Any]], Program]:
    """Return a decorator that makes a `Program` of a function."""
    return lambda function: Program(function, **options)


def set_program_cache_size(n_networks: int) -> None:
    """Set for how many networks compiled programs are kept in this process.

    The programs of a network are compiled at its first use, which takes from a tenth of a second
    to half a minute, and take some MiB of memory. Networks that differ in numbers alone, such as
    ``weight_std``, share theirs. A search over architectures that comes back to more networks than
    this compiles them again. Programs that train networks of finite width are kept alike.

    Parameters
    ----------
    n_networks : int
        At least 1. It is 128 when Python starts. The networks that were used least recently are
        dropped first.

    Raises
    ------
    TypeError, ValueError
        If ``n_networks`` is not an integer of at least 1.

    Examples
    --------
    >>> import skntk
    >>> skntk.set_program_cache_size(16)
    >>> skntk.set_program_cache_size(128)
    """
    if not is_integer(n_networks):
        raise TypeError(f"n_networks must be an integer, got {type(n_networks).__name__}.")
    if n_networks < 1:
        raise ValueError(f"n_networks must be at least 1, got {n_networks}.")
    Program.n_networks = int(n_networks)
    for compiled in Program._all:
        compiled.shrink()
