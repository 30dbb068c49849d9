"""Layers side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
from skntk.architecture.propagation.correlation import (
    Correlation,
    CorrelationState,
    mixed,
    shares,
)
from skntk.architecture.propagation.gather import (
    GatherIndices,
    copy_indices,
    gather_sum,
    gathered_offsets,
    translated,
)
from skntk.architecture.propagation.pixel_covariance import (
    NO_OFFSETS,
    Grid,
    Offset,
    Offsets,
    PixelCovariance,
)
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

    def reshape_inputs(self, X: np.ndarray) -> np.ndarray:
        return reduce(
            lambda inputs, branch: branch.reshape_inputs(inputs), self._checked_members(), X
        )

    @property
    def scales_inputs(self) -> bool:
        return False  # no branch does, see `_check_first_layer`

    def scale_inputs(self, X: Array) -> Array:
        return X

    @property
    def reads_features(self) -> bool:
        return any(branch.reads_features for branch in self.branches)

    def outputs_are_gaussian(self, inputs_are_gaussian: bool = False) -> bool:
        return all(branch.outputs_are_gaussian(inputs_are_gaussian) for branch in self.branches)

    def propagate_samples(self, state: SampleState) -> tuple[SampleState, Statistics]:
        states, statistics = zip(
            *(branch.propagate_samples(state) for branch in self.branches), strict=True
        )
        return SampleState(*self._join_kernels(states)), statistics

    def propagate_pairs(self, state: PairState, left: Statistics, right: Statistics) -> PairState:
        states = [
            branch.propagate_pairs(state, left_statistics, right_statistics)
            for branch, left_statistics, right_statistics in zip(
                self.branches, left, right, strict=True
            )
        ]
        return PairState(*self._join_kernels(states))

    def propagate_scales(self, state: SampleState) -> tuple[SampleState, Statistics]:
        states, statistics = zip(
            *(branch.propagate_scales(state) for branch in self.branches), strict=True
        )
        outputs = SampleState(*self._join_kernels(states))
        return outputs, (statistics, self._scales_to_join(states, outputs))

    def propagate_correlations(
        self, state: CorrelationState, left: Statistics, right: Statistics
    ) -> CorrelationState:
        (left_statistics, left_scales), (right_statistics, right_scales) = left, right
        states = [
            branch.propagate_correlations(state, *of_branch)
            for branch, *of_branch in zip(
                self.branches, left_statistics, right_statistics, strict=True
            )
        ]
        return self._join_correlations(states, left_scales, right_scales)

    def smallest_period(
        self, sizes: tuple[int, ...]
    ) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        outputs, strides, smallest = zip(
            *(branch.smallest_period(sizes) for branch in self.branches), strict=True
        )
        joined, steps = self._joined_sizes(outputs), tuple(map(lcm, *strides))
        # After the last spatial layer no axes are left, and nothing is asked of them.
        least = map(mul, joined, steps) if joined else sizes
        return joined, steps, tuple(map(max, *smallest, sizes, least))

    def output_grid(self, grid: Grid) -> Grid:
        sizes, periods = zip(*(branch.output_grid(grid) for branch in self.branches), strict=True)
        return Grid(self._joined_sizes(sizes), tuple(map(gcd, *periods)))

    def _joined_sizes(self, sizes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
        """Return the output pixels from those of every branch."""
        return sizes[0]

    def _indices(self, grid: Grid) -> list[GatherIndices | None]:
        """Return how every branch is laid at the period of all, None if it has this period."""
        joined, grids = (
            self.output_grid(grid),
            [branch.output_grid(grid) for branch in self.branches],
        )
        return [
            None
            if branch_grid.period == joined.period
            else copy_indices(branch_grid, joined.period, start)
            for branch_grid, start in zip(grids, self._starts(grids), strict=True)
        ]

    def _starts(self, grids: Sequence[Grid]) -> list[tuple[int, ...]]:
        """Return where the first pixel of every branch stands after the layer."""
        return [(0,) * len(grid.sizes) for grid in grids]

    def _branch_offsets(self, offsets: Offsets, grid: Grid) -> list[Offsets]:
        """Return the offsets that are needed of every branch, with its own period."""
        return [
            offsets
            if indices is None
            else gathered_offsets(offsets, branch.output_grid(grid).period, indices)
            for branch, indices in zip(self.branches, self._indices(grid), strict=True)
        ]

    def input_offsets(self, offsets: Offsets, grid: Grid, is_diagonal: bool) -> Offsets:
        needed = self._branch_offsets(offsets, grid)
        inputs = [
            branch.input_offsets(branch_offsets, grid, is_diagonal)
            for branch, branch_offsets in zip(self.branches, needed, strict=True)
        ]
        asked = [offsets for offsets in inputs if offsets != NO_OFFSETS] or [NO_OFFSETS]
        return tuple(tuple(sorted(set().union(*axis))) for axis in zip(*asked, strict=True))

    def propagate_sample_pixels(
        self, covariance: PixelCovariance, offsets: Offsets
    ) -> tuple[PixelCovariance, Statistics]:
        covariance = covariance.stored()
        needed = self._branch_offsets(offsets, covariance.grid)
        covariances, statistics = zip(
            *(
                branch.propagate_sample_pixels(covariance, branch_offsets)
                for branch, branch_offsets in zip(self.branches, needed, strict=True)
            ),
            strict=True,
        )
        return self._joined(self._on_one_grid(covariances, offsets, covariance.grid)), statistics

    def propagate_pair_pixels(
        self, covariance: PixelCovariance, offsets: Offsets, left: Statistics, right: Statistics
    ) -> PixelCovariance:
        covariance = covariance.stored()
        needed = self._branch_offsets(offsets, covariance.grid)
        covariances = [
            branch.propagate_pair_pixels(
                covariance, branch_offsets, left_statistics, right_statistics
            )
            for branch, branch_offsets, left_statistics, right_statistics in zip(
                self.branches, needed, left, right, strict=True
            )
        ]
        return self._joined(self._on_one_grid(covariances, offsets, covariance.grid))

    def _on_one_grid(
        self, covariances: Sequence[PixelCovariance], offsets: Offsets, grid: Grid
    ) -> list[PixelCovariance]:
        """Return the covariances of the branches on the output grid."""
        joined, starts = (
            self.output_grid(grid),
            self._starts([covariance.grid for covariance in covariances]),
        )
        return [
            translated(covariance, joined, start)
            if indices is None
            else gather_sum(covariance, offsets, joined, indices)
            for covariance, indices, start in zip(
                covariances, self._indices(grid), starts, strict=True
            )
        ]

    def _joined(self, covariances: Sequence[PixelCovariance]) -> PixelCovariance:
        def compute(offset: Offset) -> PairState:
            return PairState(
                *self._join_kernels([covariance.at(offset) for covariance in covariances])
            )

        return covariances[0].mapped(compute, sources=covariances).stored()

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
                branch.apply(weights, inputs, branch_key)
                for branch, weights, branch_key in zip(self.branches, parameters, keys, strict=True)
            ]
        )

    def finite_output_shape(self, input_shape: tuple[int, ...], outputs: int) -> tuple[int, ...]:
        return self.branches[0].finite_output_shape(input_shape, outputs)

    def _join_kernels(self, states: Sequence[Any]) -> tuple[Array, Array]:
        raise NotImplementedError

    def _join_activations(self, outputs: Sequence[Array]) -> Array:
        raise NotImplementedError

    def _scales_to_join(self, states: Sequence[SampleState], total: SampleState) -> Statistics:
        """Return what `_join_correlations` needs of each sample."""
        raise NotImplementedError

    def _join_correlations(
        self, states: Sequence[CorrelationState], left: Statistics, right: Statistics
    ) -> CorrelationState:
        raise NotImplementedError


class WeightedBranches(Branches):
    """Branches whose kernels are added up, each multiplied by a weight."""

    def _weights(self) -> Sequence[Any]:
        raise NotImplementedError

    def _join_kernels(self, states: Sequence[Any]) -> tuple[Array, Array]:
        nngp, ntk = (
            sum(weight * values for weight, values in zip(self._weights(), kernels, strict=True))
            for kernels in zip(*states, strict=True)
        )
        return nngp, ntk

    def _scales_to_join(self, states: Sequence[SampleState], total: SampleState) -> Statistics:
        def shares_of(kernels: Iterable[Array], total: Array) -> tuple[Array, ...]:
            pairs = zip(self._weights(), kernels, strict=True)
            return shares([weight * kernel for weight, kernel in pairs], total)

        return tuple(map(shares_of, zip(*states, strict=True), total))

    def _join_correlations(
        self, states: Sequence[CorrelationState], left: Statistics, right: Statistics
    ) -> CorrelationState:
        (left_shares, left_ntk), (right_shares, right_ntk) = left, right
        nngp, ntk = zip(*states, strict=True)
        return CorrelationState(
            mixed(nngp, left_shares, right_shares), mixed(ntk, left_ntk, right_ntk)
        )


class Sum(WeightedBranches):
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

    def _weights(self) -> Sequence[Any]:
        return [1] * len(self.branches)

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
        first, *others = self._terms(states)
        return prod(state.nngp for state in states), sum(others, start=first)

    def _scales_to_join(self, states: Sequence[SampleState], total: SampleState) -> Statistics:
        return shares(self._terms(states), total.ntk)

    def _join_correlations(
        self, states: Sequence[CorrelationState], left: Statistics, right: Statistics
    ) -> CorrelationState:
        nngp = [state.nngp for state in states]
        terms = [
            reduce(Correlation.times, nngp[:position] + nngp[position + 1 :], state.ntk)
            for position, state in enumerate(states)
        ]
        return CorrelationState(reduce(Correlation.times, nngp), mixed(terms, left, right))

    @staticmethod
    def _terms(states: Sequence[Any]) -> list[Array]:
        """Return the terms of the NTK."""
        kernels = [state.nngp for state in states]
        return [
            state.ntk * prod(kernels[:position] + kernels[position + 1 :])
            for position, state in enumerate(states)
        ]

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

    def propagate_scales(self, state: SampleState) -> tuple[SampleState, Statistics]:
        return state, ()

    def propagate_correlations(
        self, state: CorrelationState, left: Statistics, right: Statistics
    ) -> CorrelationState:
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

    def delegate(self) -> Sum:
        shortcut = Identity() if self.shortcut is None else self.shortcut
        return Sum([check_layer(self.main, self), check_layer(shortcut, self)])
