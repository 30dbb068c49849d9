"""How much memory the programs take while they compute, and tiles that keep it within a bound.

The compiler knows what a program allocates beside its arguments. It is asked before anything runs;
the program is then compiled already, unless it takes too much and smaller tiles are tried. At least
half of the memory is left to blocks of samples, which the programs read.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from math import prod
from typing import Any, NamedTuple, NoReturn

import jax
import numpy as np
from jax.sharding import SingleDeviceSharding
from sklearn import get_config

from skntk._jax_settings import own_placement
from skntk._validation import is_real
from skntk.gram.engine.prepared_network import ProgramSignature
from skntk.gram.engine.programs import pair_program, sample_program, shift_program
from skntk.gram.engine.sizes import Cut, Layout, TileSizes, tile_sizes

MEBIBYTE = 2**20


def working_memory_in_bytes(working_memory: float | None) -> int:
    """Return the bound in bytes, None being that of scikit-learn's configuration."""
    mebibytes = get_config()["working_memory"] if working_memory is None else working_memory
    if not is_real(mebibytes):
        raise TypeError(
            f"working_memory must be a number of MiB or None, got {type(mebibytes).__name__}."
        )
    if not mebibytes >= 0:
        raise ValueError(f"working_memory must be at least 0 MiB, got {mebibytes!r}.")
    return int(min(float(mebibytes) * MEBIBYTE, 2.0**62))


class WorkingMemory(NamedTuple):
    """The memory that the threads of a process may take for their programs.

    Attributes
    ----------
    n_bytes : int
        For all threads together.
    n_threads : int
        How many programs run at the same time.
    devices : tuple of jax.Device
        The devices that they run on.
    """

    n_bytes: int
    n_threads: int
    devices: tuple[jax.Device, ...]

    def tile_sizes(
        self,
        layout: Layout,
        signature: ProgramSignature,
        kinds: tuple[str, ...],
        n_left: int,
        n_right: int | None = None,
    ) -> TileSizes:
        """Return the fastest sizes of tiles whose programs stay within the bound.

        ``kinds`` are kernels of pairs, none if samples meet themselves alone; without ``n_right``
        the matrix is symmetric. Raises a MemoryError if the smallest tiles do not fit.
        """
        shape = n_left, n_left if n_right is None else n_right
        sizes = tile_sizes(signature, shape, layout)
        needed = _program_bytes(self, sizes, signature, kinds)
        # The other half at least is for blocks of samples.
        while needed > (allowed := self.n_bytes // 2):
            # What a program takes grows about in proportion to the pairs that it computes at once.
            pairs = sizes.pairs_at_once
            most = max(min(pairs // 2, pairs * allowed // needed), 1)
            fewer = tile_sizes(signature, shape, layout, most)
            if fewer == sizes:
                self._refuse(sizes, 2 * needed)
            sizes, needed = fewer, _program_bytes(self, fewer, signature, kinds)
        return sizes

    def rows_at_once(
        self,
        sizes: TileSizes,
        signature: ProgramSignature,
        kinds: tuple[str, ...],
        n_left: int,
        n_right: int | None = None,
    ) -> int:
        """Return how many rows a side are held at the same time, in whole blocks.

        All of them if they fit; errors are those of `tile_sizes`.
        """
        available = self.n_bytes - _program_bytes(self, sizes, signature, kinds)
        if self._matrix_bytes(sizes, signature, n_left, n_right) <= available:
            return max(n_left, n_right or 0)
        largest = max(sizes.left, sizes.right)
        one = self._row_bytes(largest, sizes, signature)
        if 2 * one > available:
            self._refuse(sizes, self.n_bytes - available + 2 * one)
        return available // (2 * one) * largest

    def check(
        self,
        signature: ProgramSignature,
        kinds: tuple[str, ...],
        n_left: int,
        n_right: int | None,
        cut: Cut,
    ) -> None:
        """Raise a MemoryError if a matrix that is cut into tiles, not chunks, does not fit."""
        rows_at_once, sizes = cut
        if rows_at_once < max(n_left, n_right or 0):
            return
        needed = _program_bytes(self, sizes, signature, kinds)
        needed += self._matrix_bytes(sizes, signature, n_left, n_right)
        if needed > self.n_bytes:
            self._refuse(sizes, needed)

    def _matrix_bytes(
        self, sizes: TileSizes, signature: ProgramSignature, n_left: int, n_right: int | None
    ) -> int:
        """Return the bytes of the blocks of all rows."""
        n_padded = -(-n_left // sizes.left) * sizes.left
        n_padded += -(-(n_right or 0) // sizes.right) * sizes.right
        return self._row_bytes(n_padded, sizes, signature)

    def _row_bytes(self, n_rows: int, sizes: TileSizes, signature: ProgramSignature) -> int:
        """Return the bytes of so many rows in blocks, on all devices."""
        block = block_bytes(signature, sizes.left, self.devices[0])
        return -(-n_rows * block // sizes.left) * len(self.devices)

    def _refuse(self, sizes: TileSizes, needed: int) -> NoReturn:
        """Raise a MemoryError that names what suffices."""
        fewer = ", or a smaller n_jobs" if self.n_threads > 1 else ""
        raise MemoryError(
            f"Tiles of {sizes.pairs_at_once} pair(s) of samples at once need a working_memory of "
            f"{needed / MEBIBYTE:.3g} MiB in {self.n_threads} thread(s), but it is "
            f"{self.n_bytes / MEBIBYTE:.3g} MiB. Use working_memory={needed / MEBIBYTE:.3g} (or "
            f"sklearn.set_config(working_memory=...)){fewer}, or smaller samples."
        )


@lru_cache(maxsize=1024)
def cut_within(
    memory: WorkingMemory,
    layout: Layout,
    signature: ProgramSignature,
    kinds: tuple[str, ...],
    n_left: int,
    n_right: int | None,
) -> Cut:
    """Return the rows a side and the sizes of tiles of a matrix, found once in a process."""
    arguments = signature, kinds, n_left, n_right
    sizes = memory.tile_sizes(layout, *arguments)
    return memory.rows_at_once(sizes, *arguments), sizes


def cut_of_chunk(
    memory: WorkingMemory,
    layout: Layout,
    signature: ProgramSignature,
    kinds: tuple[str, ...],
    n_left: int,
    n_right: int | None,
) -> Cut:
    """Return the same for a chunk of a matrix, whose rows are all held at once."""
    sizes = memory.tile_sizes(layout, signature, kinds, n_left, n_right)
    return max(n_left, n_right or 0), sizes


@lru_cache(maxsize=1024)
def _program_bytes(
    memory: WorkingMemory, sizes: TileSizes, signature: ProgramSignature, kinds: tuple[str, ...]
) -> int:
    """Return the bytes of the programs of all threads while they run."""
    device = memory.devices[0]
    programs = [
        partial(sample_program_bytes, signature, size, device) for size in {sizes.left, sizes.right}
    ]
    if kinds:
        programs.append(partial(pair_program_bytes, signature, kinds, sizes, device))

    def ask(program: Callable[[], int]) -> int:
        # What is compiled here is found by runs with the same settings alone.
        with own_placement():
            return program()

    # Programs for images compile for seconds, and do so here at the same time.
    with ThreadPoolExecutor(len(programs)) as pool:
        return memory.n_threads * max(pool.map(ask, programs))


@lru_cache(maxsize=1024)
def sample_program_bytes(signature: ProgramSignature, size: int, device: jax.Device) -> int:
    """Return the bytes of the program for a block of samples, see `pair_program_bytes`."""
    with jax.enable_x64(signature.input_dtype == np.float64):
        inputs = _on(device, (size, *signature.sample_shape), signature.input_dtype)
        compute = sample_program.on(device, signature.structure)
        options = {"with_kernels": signature.with_kernels}
        return _peak_bytes(compute, signature.arguments(), inputs, **options)


@lru_cache(maxsize=1024)
def pair_program_bytes(
    signature: ProgramSignature, kinds: tuple[str, ...], sizes: TileSizes, device: jax.Device
) -> int:
    """Return how many bytes one run of the program for tiles takes, beside its arguments."""
    network, dtype = signature.arguments(), signature.dtype
    with jax.enable_x64(signature.input_dtype == np.float64):
        blocks = [_block(signature, size, device) for size in (sizes.left, sizes.right)]
        n_shifts = sizes.shifts_per_step
        if not n_shifts:
            memory = (_on(device, (sizes.left + 1, sizes.right), dtype),) * len(kinds)
            compute = pair_program.on(device, signature.structure)
            return _peak_bytes(compute, network, *blocks, memory, np.int32(0), kinds=kinds)
        shape = (-(-sizes.right // n_shifts), n_shifts * sizes.left)
        memory = (_on(device, shape, dtype),) * len(kinds)
        numbers = (np.int32(0), np.int32(0))
        options = {"kinds": kinds, "shifts_per_step": n_shifts}
        compute = shift_program.on(device, signature.structure)
        return _peak_bytes(compute, network, *blocks, memory, *numbers, **options)


@lru_cache(maxsize=1024)
def block_bytes(signature: ProgramSignature, size: int, device: jax.Device) -> int:
    """Return the bytes of the inputs and the statistics of a block of samples."""
    with jax.enable_x64(signature.input_dtype == np.float64):
        leaves = jax.tree.leaves(_block(signature, size, device))
    return sum(prod(leaf.shape) * leaf.dtype.itemsize for leaf in leaves)


def _block(signature: ProgramSignature, size: int, device: jax.Device) -> tuple[Any, Any]:
    """Return the shapes of the inputs and the statistics of a block."""
    inputs = _on(device, (size, *signature.sample_shape), signature.input_dtype)
    compute = sample_program.on(device, signature.structure)
    options = {"with_kernels": signature.with_kernels}
    _, statistics = compute.eval_shape(signature.arguments(), inputs, **options)
    return inputs, jax.tree.map(
        lambda leaf: _on(device, leaf.shape, leaf.dtype, leaf.weak_type), statistics
    )


def _on(
    device: jax.Device, shape: tuple[int, ...], dtype: np.dtype, weak_type: bool = False
) -> jax.ShapeDtypeStruct:
    sharding = SingleDeviceSharding(device)
    return jax.ShapeDtypeStruct(shape, dtype, sharding=sharding, weak_type=weak_type)


def _peak_bytes(jitted: Any, *arguments: Any, **options: Any) -> int:
    # Lowered for the arguments of a run, what is compiled here is what the run finds compiled.
    analysis = jitted.lower(*arguments, **options).compile().memory_analysis()
    return int(analysis.temp_size_in_bytes + analysis.output_size_in_bytes)
