"""Kernels of vectors in single precision."""

from __future__ import annotations

from math import prod
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from skntk.architecture.core.delegation import DelegatingLayer
from skntk.architecture.core.layer import Layer
from skntk.architecture.propagation.correlation import (
    Correlation,
    CorrelationState,
    Factor,
    correlation_of,
    roots,
    single,
)
from skntk.architecture.propagation.state import (
    Array,
    PairState,
    SampleState,
    Statistics,
    input_samples,
)


class _Scales(NamedTuple):
    """What the pairs need of each sample.

    Attributes
    ----------
    reciprocal : array of shape (n,)
        1 / root mean square of the inputs in double precision, 0 where it is 0.
    statistics : dict of str to array of shape (n_numbers, n)
        Those of the network, packed.
    nngp, ntk : Factor
        The square roots of the kernels of the sample with itself.
    """

    reciprocal: Array
    statistics: dict[str, Array]
    nngp: Factor
    ntk: Factor


class SinglePrecision(DelegatingLayer):
    """A network of vectors of which the programs compute kernels in single precision.

    The products of inputs and all that depends on one sample alone are computed in double
    precision: what the network makes of nearly parallel inputs depends on the digits in which they
    differ. From there on, pairs are a `CorrelationState`.

    Parameters
    ----------
    network : layer
    n_features : int
        Of the inputs.
    """

    static: ClassVar[tuple[str, ...]] = ("n_features",)

    def __init__(self, network: Layer, n_features: int) -> None:
        self.network = network
        self.n_features = n_features

    def delegate(self) -> Layer:
        """Return the network."""
        return self.network

    def propagate_samples(self, state: SampleState) -> tuple[SampleState, Statistics]:
        """Map the kernels of samples with themselves, from inputs in double precision."""
        outputs, statistics = self.network.propagate_scales(state)
        _, reciprocal = roots(state.nngp)
        return single(outputs), _Scales(reciprocal, _packed(statistics), *map(Factor.of, outputs))

    def propagate_pairs(self, state: PairState, left: Any, right: Any) -> PairState:
        """Map the kernels of pairs, from products of inputs in double precision."""
        correlation = _input_correlation(state.nngp, left.reciprocal, right.reciprocal)
        start = CorrelationState(correlation, Correlation(jnp.ones_like(correlation.from_one)))
        shapes = jax.eval_shape(
            lambda X: self.network.propagate_scales(input_samples(X))[1],
            jax.ShapeDtypeStruct((1, self.n_features), np.float64),
        )
        statistics = (_unpacked(side.statistics, shapes) for side in (left, right))
        outputs = self.network.propagate_correlations(start, *statistics)
        return PairState(
            left.nngp.kernel(right.nngp, outputs.nngp),
            left.ntk.kernel(right.ntk, outputs.ntk),
        )


def _packed(statistics: Statistics) -> dict[str, Array]:
    """Return arrays of shape (..., n) as the rows of one array for each precision.

    LLVM vectorizes no loop that reads a hundred arrays.
    """
    rows: dict[str, list[Array]] = {}
    for leaf in jax.tree.leaves(statistics):
        rows.setdefault(leaf.dtype.name, []).append(leaf.reshape(-1, leaf.shape[-1]))
    return {name: jnp.concatenate(parts) for name, parts in rows.items()}


def _unpacked(packed: dict[str, Array], shapes: Any) -> Statistics:
    """Return the arrays of statistics, aligned with the left or the right axis of pairs."""
    leaves, structure = jax.tree.flatten(shapes)
    starts, arrays = dict.fromkeys(packed, 0), []
    for leaf in leaves:
        name, count = leaf.dtype.name, prod(leaf.shape[:-1])
        rows = packed[name][starts[name] : starts[name] + count]
        arrays.append(rows.reshape(*leaf.shape[:-1], *rows.shape[1:]))
        starts[name] += count
    return jax.tree.unflatten(structure, arrays)


def _input_correlation(covariance: Array, left: Array, right: Array) -> Correlation:
    """Return the correlations of covariances in double precision, given 1 / standard deviations.

    Their loop is kept apart, as the branch of a condition that always holds: fused with it, the
    loops of the network would work on as few numbers at a time as double precision allows.
    """

    def compute(covariance: Array, left: Array, right: Array) -> Array:
        return correlation_of(covariance * left * right).signed_gap()

    def never(covariance: Array, left: Array, right: Array) -> Array:
        return jnp.full(covariance.shape, jnp.nan, jnp.float32)

    always = jnp.logical_not(jnp.ravel(left)[0] < 0)
    gap = lax.cond(always, compute, never, covariance, left, right)
    return Correlation(gap, gap).from_signed_gap(gap)
