"""Groups of layers that come again and again: found here, so that a loop can compute them.

A deep network is mostly one group of layers, such as (`Dense`, `Relu`), many times. Written out one
after the other, a hundred of them compile for minutes. `repeated_groups` cuts a sequence of layers
into runs of one group, with the hyperparameters of all its repetitions in one array each: what
`jax.lax.scan` takes, which compiles the group once. Two layers count as the same if they have one
structure and their hyperparameters have the same shapes; the values may differ.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import takewhile
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from skntk.architecture.core.layer import Layer

# Fewer are written out: XLA then fuses them into one loop over the entries, which is faster.
LEAST_REPETITIONS = 8


class RepeatedGroup(NamedTuple):
    """Some layers one after the other, and how many times they come.

    Attributes
    ----------
    group : tuple of layers
        If they come several times, every numeric hyperparameter is an array with an axis of
        repetitions in front.
    repetitions : int
    """

    group: tuple[Layer, ...]
    repetitions: int


def repeated_groups(layers: Sequence[Layer], least: int = LEAST_REPETITIONS) -> list[RepeatedGroup]:
    """Cut a sequence of layers into groups that are repeated and groups that are not.

    Parameters
    ----------
    layers : sequence of layers
        In the order in which the data pass them.
    least : int, default=8
        A group that comes fewer times in a row is not counted as repeated, at least 2.

    Returns
    -------
    list of RepeatedGroup
        Together they are the layers in their order. What stands between two repeated groups is one
        group with one repetition, and its layers are as they were.

    Examples
    --------
    >>> from skntk.architecture import Dense, Relu
    >>> from skntk.architecture.core.repetition import repeated_groups
    >>> hidden, last = repeated_groups([Dense(1.0), Relu(), Dense(2.0), Relu(), Dense(3.0)], 2)
    >>> hidden.repetitions, hidden.group[0].weight_std
    (2, Array([1., 2.], dtype=float32...))
    >>> last
    RepeatedGroup(group=(Dense(weight_std=3.0),), repetitions=1)
    """
    structures = [_structure(layer) for layer in layers]
    groups: list[RepeatedGroup] = []
    single: list[Layer] = []
    position = 0
    while position < len(layers):
        size, count = _longest_run(structures[position:], least)
        stop = position + size * count
        if count == 1:
            single += layers[position:stop]
        else:
            if single:
                groups.append(RepeatedGroup(tuple(single), 1))
                single = []
            groups.append(_stacked(layers[position:stop], size))
        position = stop
    return groups + ([RepeatedGroup(tuple(single), 1)] if single else [])


def _structure(layer: Layer) -> Hashable:
    leaves, treedef = jax.tree.flatten(layer)
    return treedef, tuple((jnp.shape(leaf), jnp.result_type(leaf)) for leaf in leaves)


def _longest_run(structures: Sequence[Hashable], least: int) -> tuple[int, int]:
    """Return the size and the count of the group at the start that covers most; else (1, 1)."""
    best = (1, 1)
    for size in range(1, len(structures) // least + 1):
        pairs = zip(structures, structures[size:], strict=False)
        n_equal = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        count = n_equal // size + 1
        # Of two groups that cover as much, the smaller one comes first and stays.
        if count >= least and size * count > best[0] * best[1]:
            best = (size, count)
    return best


def _stacked(layers: Sequence[Layer], size: int) -> RepeatedGroup:
    repetitions = [tuple(layers[start : start + size]) for start in range(0, len(layers), size)]
    return RepeatedGroup(jax.tree.map(_stack, *repetitions), len(repetitions))


def _stack(*leaves: Any) -> jax.Array:
    # Presets repeat one and the same layer: no need to collect a hundred times one number.
    if all(leaf is leaves[0] for leaf in leaves):
        return jnp.broadcast_to(jnp.asarray(leaves[0]), (len(leaves), *jnp.shape(leaves[0])))
    return jnp.stack(leaves)
