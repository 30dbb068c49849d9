"""Branches side by side, their outputs one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, ClassVar, Self

import jax
import jax.numpy as jnp
import numpy as np

from skntk._validation import is_integer
from skntk.architecture.combinators.branches import WeightedBranches
from skntk.architecture.combinators.serial import Serial
from skntk.architecture.core.layer import Layer
from skntk.architecture.core.protocols import Parameters
from skntk.architecture.layers.dense import Dense
from skntk.architecture.propagation.pixel_covariance import Grid
from skntk.architecture.propagation.state import Array

__all__ = ["Concat"]


class Concat(WeightedBranches):
    """The outputs of branches that read the same input, one after the other.

    Along the channels ``K' = sum_b C_b K_b / sum_b C_b`` and ``T'`` alike, C_b the number of
    channels of a branch. Along a spatial axis ``K'(p, p')`` and ``T'(p, p')`` are those of the
    branch that both positions come from, and 0 for positions of different branches.

    Parameters
    ----------
    branches : list of layers
        At least one, independent of each other. Their hyperparameters are reached by position.
    axis : "channels" or int, default="channels"
        Where the outputs stand one after the other: along the channels, or along a spatial axis; 0
        is the first.
    channels : list of float or None, default=None
        The number of channels of every branch. They are infinitely many, and only their ratios
        matter: ``[1, 3]`` gives three quarters to the second branch. None is as many of each.

    See Also
    --------
    Sum : The sum of branches.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import Concat, Dense
    >>> network = Concat([Dense(1.0), Dense(2.0)], channels=[1, 2])
    >>> gram_matrix(network, [[1.0]], kind="nngp")
    array([[3.]])
    """

    category: ClassVar[str | None] = "combinator"
    static: ClassVar[tuple[str, ...]] = ("axis",)
    fixed_by_default: ClassVar[tuple[str, ...]] = ("channels",)

    def __init__(
        self,
        branches: Sequence[Layer],
        axis: str | int = "channels",
        channels: Sequence[float] | None = None,
    ) -> None:
        self.branches = branches
        self.axis = axis
        self.channels = channels

    @classmethod
    def examples(cls) -> list[Self]:
        return [cls([Dense(1.2, 0.1), Serial([Dense(0.8), Dense(1.1, 0.3)])], channels=[1, 3])]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        shapes = [branch.output_shape(input_shape) for branch in self._checked_members()]
        self._check_axis(min(map(len, shapes)) - 1)
        self._check_channels()
        # How many channels there are is known to `channels` alone.
        others = [list(shape[:-1]) for shape in shapes]
        for axis in self._spatial_axes():
            for sizes in others:
                sizes[axis] = 0
        if any(sizes != others[0] for sizes in others):
            raise ValueError(
                f"The branches of Concat(axis={self.axis!r}) end in shapes that do not fit side by "
                f"side: {shapes}."
            )
        return (*self._joined_sizes([shape[:-1] for shape in shapes]), shapes[0][-1])

    def _check_axis(self, n_axes: int) -> None:
        if self.axis == "channels":
            return
        label = f"Concat(axis={self.axis!r})"
        if not is_integer(self.axis):
            raise TypeError(f"{label}: axis must be 'channels' or a spatial axis such as 0.")
        if not 0 <= self.axis < n_axes:
            raise ValueError(
                f"{label}: the spatial axes of the branches are {list(range(n_axes))}. "
                "axis='channels' puts their channels side by side."
            )

    def _check_channels(self) -> None:
        if self.channels is None:
            return
        label = f"Concat(channels={self.channels!r})"
        if self.axis != "channels":
            raise ValueError(f"{label}: channels are for axis='channels', not {self.axis!r}.")
        try:
            numbers = np.array(self.channels, float)
        except (TypeError, ValueError):
            raise TypeError(f"{label}: channels must be a list of numbers.") from None
        if numbers.shape != (len(self.branches),):
            raise ValueError(
                f"{label}: channels must have one entry for each of the {len(self.branches)} "
                "branches."
            )
        if not np.all(np.isfinite(numbers) & (numbers > 0)):
            raise ValueError(f"{label}: channels must be finite and > 0.")

    def _spatial_axes(self) -> list[int]:
        """Return the spatial axis along which branches are joined, if it is one."""
        return [] if isinstance(self.axis, str) else [int(self.axis)]

    def _joined_sizes(self, sizes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
        joined = list(sizes[0])
        for axis in self._spatial_axes():
            joined[axis] = sum(branch_sizes[axis] for branch_sizes in sizes)
        return tuple(joined)

    def _starts(self, grids: Sequence[Grid]) -> list[tuple[int, ...]]:
        starts = [[0] * len(grid.sizes) for grid in grids]
        for axis in self._spatial_axes():
            ends = accumulate(grid.sizes[axis] for grid in grids[:-1])
            for start, end in zip(starts[1:], ends, strict=True):
                start[axis] = end
        return [tuple(start) for start in starts]

    def _weights(self) -> Sequence[Any]:
        return self._parts_of_channels() if self.axis == "channels" else [1] * len(self.branches)

    def _parts_of_channels(self) -> list[Any]:
        """Return the part of all channels that belongs to every branch."""
        channels = [1] * len(self.branches) if self.channels is None else self.channels
        total = sum(channels)
        return [number / total for number in channels]

    # Finite width ----------------------------------------------------------------------------

    def _branch_outputs(self, outputs: int) -> list[int]:
        if self.axis != "channels":
            return [outputs] * len(self.branches)
        ends = np.rint(outputs * np.cumsum([0, *self._parts_of_channels()])).astype(int)
        shares: list[int] = np.diff(ends).tolist()
        if min(shares) < 1:
            raise ValueError(
                f"Concat: {outputs} channels are too few for branches that have them in the ratio "
                f"of channels={self.channels!r}."
            )
        return shares

    def initialize(
        self, key: Array, input_shape: tuple[int, ...], width: int, outputs: int
    ) -> Parameters:
        keys = jax.random.split(key, len(self.branches))
        # All layers of a branch have the part of channels that it ends with: where its last one
        # cannot choose, that of the layers before counts.
        return [
            branch.initialize(
                branch_key, input_shape, channels if self.axis == "channels" else width, channels
            )
            for branch, branch_key, channels in zip(
                self.branches, keys, self._branch_outputs(outputs), strict=True
            )
        ]

    def _join_activations(self, outputs: Sequence[Array]) -> Array:
        return jnp.concatenate(outputs, -1 if isinstance(self.axis, str) else self.axis + 1)

    def finite_output_shape(self, input_shape: tuple[int, ...], outputs: int) -> tuple[int, ...]:
        shapes = [
            branch.finite_output_shape(input_shape, channels)
            for branch, channels in zip(self.branches, self._branch_outputs(outputs), strict=True)
        ]
        sizes = self._joined_sizes([shape[:-1] for shape in shapes])
        channels = [shape[-1] for shape in shapes]
        return (*sizes, sum(channels) if self.axis == "channels" else channels[0])
