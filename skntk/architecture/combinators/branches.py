"""Layers side by side."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import gcd, lcm, prod
from operator import mul
from typing import Any, ClassVar, Self

import jax
import numpy as np

from skntk.architecture.combinators.serial import Composition, Serial, check_layer, split_key
from skntk.architecture.core.delegation import DelegatingLayer
from skntk.architecture.core.layer import Layer
from skntk.architecture.core.protocols import Parameters
from skntk.architecture.layers.dense import Dense
from skntk.architecture.propagation.gather import (
    Reads,
    copied,
    moved_along,
    offsets_read,
    sums_of_reads,
)
from skntk.architecture.propagation.pixel_covariance import NO_OFFSETS, Field, Grid, Offset, Offsets
from skntk.architecture.propagation.state import Array, PairState, SampleState, Statistics

__all__ = ["Identity", "Product", "Residual", "Sum"]


class Branches(Composition):
    """Branches that read the same input; subclasses say how their outputs are joined."""

    sequence: ClassVar[str] = "branches"

    def __init__(self, branches: Sequence[Layer]) -> None:
        self.branches = branches

    @classmethod
    def examples(cls) -> list[Self]:
        return [cls([Dense(1.2, 0.1), Serial([Dense(0.8), Dense(1.1, 0.3)])])]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        shapes = {branch.output_shape(input_shape) for branch in self._checked_members()}
        if len(shapes) > 1:
            raise ValueError(
                f"The branches of {type(self).__name__} end in different shapes: {sorted(shapes)}."
            )
        return shapes.pop()

    def arrange(self, X: np.ndarray) -> np.ndarray:
        return reduce(lambda inputs, branch: branch.arrange(inputs), self._checked_members(), X)

    @property
    def scales_inputs(self) -> bool:
        return False  # no branch does, see `_check_first_layer`

    def scale_inputs(self, X: Array) -> Array:
        return X

    def outputs_are_gaussian(self, inputs_are_gaussian: bool = False) -> bool:
        return all(branch.outputs_are_gaussian(inputs_are_gaussian) for branch in self.branches)

    def propagate_samples(self, state: SampleState) -> tuple[SampleState, Statistics]:
        states, statistics = zip(
            *(branch.propagate_samples(state) for branch in self.branches), strict=True
        )
        return SampleState(*self._join_kernels(states)), statistics

    def propagate_pairs(self, state: PairState, left: Statistics, right: Statistics) -> PairState:
        states = [
            branch.propagate_pairs(state, of_left, of_right)
            for branch, of_left, of_right in zip(self.branches, left, right, strict=True)
        ]
        return PairState(*self._join_kernels(states))

    def smallest_canvas(
        self, sizes: tuple[int, ...]
    ) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        behind, strides, smallest = zip(
            *(branch.smallest_canvas(sizes) for branch in self.branches), strict=True
        )
        joined, steps = self._joined_sizes(behind), tuple(map(lcm, *strides))
        # Behind the last spatial layer no axes are left, and nothing is asked of them.
        least = map(mul, joined, steps) if joined else sizes
        return joined, steps, tuple(map(max, *smallest, sizes, least))

    def grid_behind(self, grid: Grid) -> Grid:
        sizes, canvases = zip(*(branch.grid_behind(grid) for branch in self.branches), strict=True)
        return Grid(self._joined_sizes(sizes), tuple(map(gcd, *canvases)))

    def _joined_sizes(self, sizes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
        """Return the pixels behind the layer from those behind every branch."""
        return sizes[0]

    def _reads(self, grid: Grid) -> list[Reads | None]:
        """Return how every branch is laid onto the canvas of all, None if it has this canvas."""
        joined, grids = self.grid_behind(grid), [each.grid_behind(grid) for each in self.branches]
        return [
            None if of_branch.canvas == joined.canvas else copied(of_branch, joined.canvas, start)
            for of_branch, start in zip(grids, self._starts(grids), strict=True)
        ]

    def _starts(self, grids: Sequence[Grid]) -> list[tuple[int, ...]]:
        """Return where the first pixel of every branch stands behind the layer."""
        return [(0,) * len(grid.sizes) for grid in grids]

    def _offsets_behind_branches(self, offsets: Offsets, grid: Grid) -> list[Offsets]:
        """Return the offsets that are needed of every branch, each on its own canvas."""
        return [
            offsets
            if reads is None
            else offsets_read(offsets, branch.grid_behind(grid).canvas, reads)
            for branch, reads in zip(self.branches, self._reads(grid), strict=True)
        ]

    def offsets_below(self, offsets: Offsets, grid: Grid, of_samples: bool) -> Offsets:
        behind = self._offsets_behind_branches(offsets, grid)
        needed = [
            branch.offsets_below(of_branch, grid, of_samples)
            for branch, of_branch in zip(self.branches, behind, strict=True)
        ]
        asked = [each for each in needed if each != NO_OFFSETS] or [NO_OFFSETS]
        return tuple(tuple(sorted(set().union(*of_axis))) for of_axis in zip(*asked, strict=True))

    def field_of_samples(self, field: Field, offsets: Offsets) -> tuple[Field, Statistics]:
        field = field.kept()
        behind = self._offsets_behind_branches(offsets, field.grid)
        fields, statistics = zip(
            *(
                branch.field_of_samples(field, of_branch)
                for branch, of_branch in zip(self.branches, behind, strict=True)
            ),
            strict=True,
        )
        return self._joined(self._on_one_grid(fields, offsets, field.grid)), statistics

    def field_of_pairs(
        self, field: Field, offsets: Offsets, left: Statistics, right: Statistics
    ) -> Field:
        field = field.kept()
        behind = self._offsets_behind_branches(offsets, field.grid)
        fields = [
            branch.field_of_pairs(field, of_branch, of_left, of_right)
            for branch, of_branch, of_left, of_right in zip(
                self.branches, behind, left, right, strict=True
            )
        ]
        return self._joined(self._on_one_grid(fields, offsets, field.grid))

    def _on_one_grid(self, fields: Sequence[Field], offsets: Offsets, grid: Grid) -> list[Field]:
        """Return the fields of the branches on the grid behind the layer."""
        joined, starts = self.grid_behind(grid), self._starts([field.grid for field in fields])
        return [
            moved_along(field, joined, start)
            if reads is None
            else sums_of_reads(field, offsets, joined, reads)
            for field, reads, start in zip(fields, self._reads(grid), starts, strict=True)
        ]

    def _joined(self, fields: Sequence[Field]) -> Field:
        def compute(offset: Offset) -> PairState:
            return PairState(*self._join_kernels([field.at(offset) for field in fields]))

        return fields[0].mapped(compute, sources=fields).kept()

    def initialize(
        self, key: Array, input_shape: tuple[int, ...], width: int, outputs: int
    ) -> Parameters:
        keys = jax.random.split(key, len(self.branches))
        return [
            branch.initialize(branch_key, input_shape, width, outputs)
            for branch, branch_key in zip(self.branches, keys, strict=True)
        ]

    def apply(self, parameters: Parameters, inputs: Array, key: Array | None = None) -> Array:
        keys = split_key(key, len(self.branches))
        return self._join_activations(
            [
                branch.apply(of_branch, inputs, branch_key)
                for branch, of_branch, branch_key in zip(
                    self.branches, parameters, keys, strict=True
                )
            ]
        )

    def width_behind(self, input_shape: tuple[int, ...], outputs: int) -> tuple[int, ...]:
        return self.branches[0].width_behind(input_shape, outputs)

    def _join_kernels(self, states: Sequence[Any]) -> tuple[Array, Array]:
        raise NotImplementedError

    def _join_activations(self, outputs: Sequence[Array]) -> Array:
        raise NotImplementedError


class Sum(Branches):
    """The sum of branches that read the same input: ``K' = sum_b K_b`` and ``T' = sum_b T_b``.

    Parameters
    ----------
    branches : list of layers
        At least one, independent of each other. Their hyperparameters are reached by position.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import Dense, Sum
    >>> gram_matrix(Sum([Dense(1.0), Dense(2.0)]), [[1.0]], kind="nngp")
    array([[5.]])
    """

    category: ClassVar[str | None] = "combinator"

    def _join_kernels(self, states: Sequence[Any]) -> tuple[Array, Array]:
        return sum(state.nngp for state in states), sum(state.ntk for state in states)

    def _join_activations(self, outputs: Sequence[Array]) -> Array:
        return sum(outputs[1:], start=outputs[0])


class Product(Branches):
    """The elementwise product of branches that read the same input.

    ``K' = prod_b K_b`` and ``T' = sum_b T_b prod_{c != b} K_c``, as the branches are independent.

    Parameters
    ----------
    branches : list of layers
        At least one, independent of each other. Their hyperparameters are reached by position.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import Dense, Product
    >>> gram_matrix(Product([Dense(1.0), Dense(2.0)]), [[1.0]], kind="nngp")
    array([[4.]])
    """

    category: ClassVar[str | None] = "combinator"

    def outputs_are_gaussian(self, inputs_are_gaussian: bool = False) -> bool:
        return False

    def _join_kernels(self, states: Sequence[Any]) -> tuple[Array, Array]:
        kernels = [state.nngp for state in states]
        tangents = (
            state.ntk * prod(kernels[:position] + kernels[position + 1 :])
            for position, state in enumerate(states)
        )
        return prod(kernels), sum(tangents)

    def _join_activations(self, outputs: Sequence[Array]) -> Array:
        return prod(outputs[1:], start=outputs[0])


class Identity(Layer):
    """The layer that changes nothing, for the branch of a `Sum` that skips the others.

    Examples
    --------
    >>> from skntk.architecture import Dense, Identity, Sum
    >>> Sum([Dense(), Identity()]).output_shape((4,))
    (4,)
    """

    category: ClassVar[str | None] = "layer"

    def outputs_are_gaussian(self, inputs_are_gaussian: bool = False) -> bool:
        return inputs_are_gaussian

    def propagate_samples(self, state: SampleState) -> tuple[SampleState, Statistics]:
        return state, ()

    def propagate_pairs(self, state: PairState, left: Statistics, right: Statistics) -> PairState:
        return state

    def apply(self, parameters: Parameters, inputs: Array, key: Array | None = None) -> Array:
        return inputs


class Residual(DelegatingLayer):
    """A branch and a shortcut around it, added: ``K' = K_main + K_shortcut``, ``T'`` alike.

    Parameters
    ----------
    main : layer
        The branch.
    shortcut : layer or None, default=None
        What the input passes beside the branch; None is the identity.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import Dense, Residual
    >>> gram_matrix(Residual(Dense(2.0)), [[1.0]], kind="nngp")
    array([[5.]])
    """

    category: ClassVar[str | None] = "combinator"

    def __init__(self, main: Layer, shortcut: Layer | None = None) -> None:
        self.main = main
        self.shortcut = shortcut

    @classmethod
    def examples(cls) -> list[Residual]:
        return [cls(Dense(1.2, 0.1)), cls(Dense(1.2, 0.1), Dense(0.6))]

    def network_within(self) -> Sum:
        shortcut = Identity() if self.shortcut is None else self.shortcut
        return Sum([check_layer(self.main, self), check_layer(shortcut, self)])
