"""Rows in blocks of a few fixed sizes, each with the statistics of its samples."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import numpy as np

from skntk.architecture.core.layer import Layer
from skntk.architecture.propagation.state import SampleState
from skntk.gram.engine.devices import Devices
from skntk.gram.engine.engine import Engine
from skntk.gram.engine.programs import sample_program
from skntk.gram.engine.sizes import samples_as_pairs


@dataclass(frozen=True)
class Block:
    """Consecutive rows, padded with zeros to one of a few sizes.

    Attributes
    ----------
    rows : slice
        Where the rows stand in X.
    X : jax.Array of shape (block size, n_features)
        The rows and the padding.
    statistics : pytree of jax.Array of shape (..., block size)
        What the pair program reads of each.
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

    def diagonal(self, kind: str) -> np.ndarray:
        """Return the kernels of the rows with themselves, without the padding."""
        return np.asarray(getattr(self.state, kind))[: self.n_rows]

    def check(self) -> None:
        """Raise a ValueError unless the kernels of the rows with themselves are finite.

        Every entry of a matrix is bounded by these, so that nothing else can overflow.
        """
        for kind in SampleState._fields if self.state is not None else ():
            check_finite(kind, self.diagonal(kind), self.rows.start)


def _from_numpy(rows: slice, X: np.ndarray, statistics: Any, state: SampleState | None) -> Block:
    with jax.enable_x64(X.dtype == np.float64):
        return Block(rows, jax.device_put(X), jax.device_put(statistics), state)


def make_blocks(architecture: Layer, X: np.ndarray, size: int, engine: Engine) -> list[Block]:
    """Cut the rows of X into blocks and compute what pairs need to know of every sample.

    Parameters
    ----------
    architecture : layer
        With its numeric hyperparameters as arrays of the dtype of X.
    X : ndarray of shape (n_samples, n_features)
        Inputs.
    size : int
        Rows of each block.
    engine : Engine
        Who computes the kernels.

    Returns
    -------
    list of Block

    Raises
    ------
    ValueError
        If the kernel of an image with itself is not finite. Those of vectors are still on their
        way: their tiles check them.
    """
    starts = range(0, len(X), size)
    rows = [slice(start, min(start + size, len(X))) for start in starts]
    tasks = [(of_block, X[of_block]) for of_block in rows]
    compute = partial(_compute_block, engine.devices, architecture, size)
    if X.ndim == 2:
        # A short program for each block: workers would take longer to come and go.
        return [compute(task) for task in tasks]
    blocks = _shared(compute, tasks, engine)
    for block in blocks:
        block.check()
    return blocks


Task = tuple[slice, np.ndarray]


def _shared(compute: Callable[[Task], Block], tasks: list[Task], engine: Engine) -> list[Block]:
    """Return blocks that workers compute."""
    blocks: dict[int, Block] = {}

    def store(task: Task, block: Block) -> None:
        blocks[block.rows.start] = block
        jax.block_until_ready(block.state)

    engine.run_tasks(compute, store, tasks)
    return [blocks[rows.start] for rows, _ in tasks]


def _compute_block(devices: Devices, architecture: Layer, size: int, task: Task) -> Block:
    """Return a block whose kernels are still on their way."""
    rows, X = task
    if len(X) < size:
        X = np.concatenate([X, np.zeros((size - len(X), *X.shape[1:]), X.dtype)])
    with devices.borrowed() as device, jax.enable_x64(X.dtype == np.float64):
        on_device = jax.device_put(X, device)
        with_kernels = not samples_as_pairs(architecture, X.shape)
        compute = sample_program.on(device)
        state, statistics = compute(architecture, on_device, with_kernels=with_kernels)
        return Block(rows, on_device, statistics, state)


def check_finite(kind: str, kernels: np.ndarray, first: int = 0) -> None:
    """Raise a ValueError unless kernels are finite.

    Parameters
    ----------
    kind : str
    kernels : ndarray of shape (n, ...)
        Kernels of some consecutive samples.
    first : int, default=0
        Number of the first sample.
    """
    failed = ~np.isfinite(kernels).reshape(len(kernels), -1).all(axis=1)
    if failed.any():
        row = first + int(np.argmax(failed))
        of_sample = f"sample {row} with itself" if kernels.ndim == 1 else f"sample {row}"
        raise ValueError(
            f"The {kind.upper()} kernel of {of_sample} is not finite in "
            f"{kernels.dtype}: its inputs are too large for this architecture. Rescale the inputs "
            "(for example with StandardScaler), reduce weight_std, or choose an activation that "
            "grows more slowly."
        )
