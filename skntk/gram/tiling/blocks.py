"""Rows in blocks of a few fixed sizes, each with the statistics of its samples."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import numpy as np
from sklearn.utils import gen_batches

from skntk.architecture.propagation.state import SampleState
from skntk.gram.engine.devices import Devices
from skntk.gram.engine.engine import Engine
from skntk.gram.engine.prepared_network import NetworkArguments, PreparedNetwork
from skntk.gram.engine.programs import sample_program


@dataclass(frozen=True)
class Block:
    """Consecutive rows, padded with zeros to one of a few sizes.

    Attributes
    ----------
    rows : slice
        Where the rows stand in X.
    X : jax.Array of shape (block size, n_features)
        The rows and the padding, in the precision in which programs read them.
    statistics : pytree of jax.Array of shape (..., block size)
        The statistics of the samples that the pair program reads.
    state : SampleState of arrays of shape (block size,), or None
        Their kernels with themselves, where the program for samples computes them.
    """

    rows: slice
    X: jax.Array
    statistics: Any
    state: SampleState | None
    _copies: dict[jax.Device, Block] = field(default_factory=dict, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    @property
    def n_rows(self) -> int:
        """Number of rows without the padding."""
        return int(self.rows.stop - self.rows.start)

    @property
    def dtype(self) -> np.dtype:
        """The precision of the kernels; that of inputs may be higher."""
        return np.dtype(self.X.dtype if self.state is None else self.state.nngp.dtype)

    def __reduce__(self) -> tuple[Any, ...]:
        # JAX arrays of double precision would arrive in another process as single precision.
        arrays = jax.tree.map(np.asarray, (self.X, self.statistics, self.state))
        return _from_numpy, (self.rows, *arrays)

    def on(self, device: jax.Device) -> Block:
        """Return the block on a device, to which it is copied once."""
        if self.X.device == device:
            return self
        with self._lock:
            if device not in self._copies:
                with jax.enable_x64(self.X.dtype == np.float64):
                    X, statistics = jax.device_put((self.X, self.statistics), device)
                self._copies[device] = Block(self.rows, X, statistics, self.state)
            return self._copies[device]


def _from_numpy(rows: slice, X: np.ndarray, statistics: Any, state: SampleState | None) -> Block:
    with jax.enable_x64(X.dtype == np.float64):
        return Block(rows, jax.device_put(X), jax.device_put(statistics), state)


def make_blocks(network: PreparedNetwork, X: np.ndarray, size: int, engine: Engine) -> list[Block]:
    """Cut the rows of X into blocks and compute the statistics of every sample.

    Raises a ValueError if the kernel of a sample with itself is not finite. Every entry of a matrix
    is bounded by these, so that nothing else can overflow.
    """
    rows = list(gen_batches(len(X), size))
    signature = network.signature
    with_kernels = signature.with_kernels
    compute = partial(_compute_block, engine.devices, network.arguments, size, with_kernels)
    tasks = [(block_rows, np.asarray(X[block_rows], signature.input_dtype)) for block_rows in rows]
    if X.ndim == 2:
        # A short program for each block: workers would take longer to come and go.
        blocks = list(map(compute, tasks))
    else:
        by_start: dict[int, Block] = {}

        def store(task: Task, block: Block) -> None:
            by_start[block.rows.start] = block
            jax.block_until_ready(block.state)

        engine.run_tasks(compute, store, tasks)
        blocks = [by_start[block_rows.start] for block_rows in rows]
    for kind in SampleState._fields if with_kernels else ():
        check_finite(kind, diagonal_of_blocks(blocks, kind))
    return blocks


def diagonal_of_blocks(blocks: list[Block], kind: str) -> np.ndarray:
    """Return the kernels of the rows of blocks with themselves, without the padding."""
    return np.concatenate(
        [np.asarray(getattr(block.state, kind))[: block.n_rows] for block in blocks]
    )


Task = tuple[slice, np.ndarray]


def _compute_block(
    devices: Devices, arguments: NetworkArguments, size: int, with_kernels: bool, task: Task
) -> Block:
    """Return a block whose kernels are still being computed."""
    rows, X = task
    if len(X) < size:
        X = np.concatenate([X, np.zeros((size - len(X), *X.shape[1:]), X.dtype)])
    with devices.borrowed() as device, jax.enable_x64(X.dtype == np.float64):
        on_device = jax.device_put(X, device)
        compute = sample_program.on(device, arguments.structure)
        state, statistics = compute(arguments, on_device, with_kernels=with_kernels)
        return Block(rows, on_device, statistics, state)


def check_finite(kind: str, kernels: np.ndarray) -> None:
    """Raise a ValueError unless the kernels (n, ...) of samples are finite."""
    failed = ~np.isfinite(kernels).reshape(len(kernels), -1).all(axis=1)
    if failed.any():
        row = int(np.argmax(failed))
        samples = f"sample {row} with itself" if kernels.ndim == 1 else f"sample {row}"
        raise ValueError(
            f"The {kind.upper()} kernel of {samples} is not finite in "
            f"{kernels.dtype}: its inputs are too large for this architecture. Rescale the inputs "
            "(for example with StandardScaler), reduce weight_std, or choose an activation that "
            "grows more slowly."
        )
