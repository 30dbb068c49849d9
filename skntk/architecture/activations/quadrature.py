"""Gaussian expectations in one dimension, of functions that are smooth on each side of 0."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.polynomial import legendre

# Panels between powers of 2 follow a function through every scale of its argument; those above 1,
# where the normal density falls, are of even width. Each entry: from, to, number of panels, nodes
# in a panel.
_GRADED = ((-30, -12, 3), (-12, -4, 6), (-4, 0, 10))
_EVEN = ((1.0, 7.0, 5, 11), (7.0, 13.0, 2, 12))


class _Panel(NamedTuple):
    """An interval and the Gauss-Legendre nodes in it."""

    left: float
    right: float
    nodes: np.ndarray


@cache
def half_line_rule() -> tuple[np.ndarray, np.ndarray]:
    """Return nodes z > 0 and weights for E g(z), z standard normal and g even.

    On each panel g is replaced by the polynomial through its values at the nodes, whose product
    with the normal density is integrated exactly: g is never needed between the nodes.

    Returns
    -------
    nodes, weights : ndarray of shape (n_nodes,)
    """
    return np.concatenate([panel.nodes for panel in _panels()]), hermite_weights((0,))[:, 0]


@cache
def hermite_weights(degrees: tuple[int, ...]) -> np.ndarray:
    """Return the weights for E[g(z) He_k(z)] / sqrt(k!), z standard normal and g even or odd.

    The Hermite polynomial He_k oscillates, but the nodes only need to follow g, as in
    `half_line_rule`.

    Parameters
    ----------
    degrees : tuple of int
        The degrees k, ascending: even ones for even g, odd ones for odd g.

    Returns
    -------
    ndarray of shape (n_nodes, n_degrees)
        For the values of g at the nodes of `half_line_rule`.
    """
    # He_k has the wave number sqrt(k) near 0: a panel needs half a node a radian to integrate it,
    # and some more.
    extra = 20 + np.sqrt(degrees[-1])
    fine = [
        _nodes_and_weights(p.left, p.right, int(len(p.nodes) + extra * (p.right - p.left) + 8))
        for p in _panels()
    ]
    z = np.concatenate([nodes for nodes, _ in fine])
    density = (
        np.concatenate([weights for _, weights in fine]) * np.exp(-z * z / 2) * np.sqrt(2 / np.pi)
    )
    oscillating = density[:, None] * _normalized_hermite(z, degrees)
    ends = np.cumsum([len(nodes) for nodes, _ in fine])[:-1]
    return np.concatenate(
        [
            _lagrange(panel, nodes).T @ values
            for panel, (nodes, _), values in zip(
                _panels(), fine, np.split(oscillating, ends), strict=True
            )
        ]
    )


@cache
def _panels() -> tuple[_Panel, ...]:
    first = 2.0 ** _GRADED[0][0]
    panels = [(0.0, first, _GRADED[0][2])]
    for lowest, highest, n_nodes in _GRADED:
        panels += [(2.0**power, 2.0 ** (power + 1), n_nodes) for power in range(lowest, highest)]
    for start, stop, n_panels, n_nodes in _EVEN:
        edges = np.linspace(start, stop, n_panels + 1)
        panels += [(left, right, n_nodes) for left, right in pairwise(edges)]
    return tuple(
        _Panel(left, right, _nodes_and_weights(left, right, n)[0]) for left, right, n in panels
    )


def _nodes_and_weights(left: float, right: float, n_nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the Gauss-Legendre rule of an interval."""
    nodes, weights = legendre.leggauss(n_nodes)
    return left + (right - left) * (nodes + 1) / 2, (right - left) * weights / 2


def _lagrange(panel: _Panel, z: np.ndarray) -> np.ndarray:
    """Return at z the polynomials that are 1 at one node of the panel and 0 at the others."""
    degrees = np.arange(len(panel.nodes))
    nodes, weights = legendre.leggauss(len(panel.nodes))
    to_legendre = (degrees[:, None] + 0.5) * legendre.legvander(nodes, degrees[-1]).T * weights
    centered = 2 * (z - panel.left) / (panel.right - panel.left) - 1
    return legendre.legvander(centered, degrees[-1]) @ to_legendre


def _normalized_hermite(z: np.ndarray, degrees: tuple[int, ...]) -> np.ndarray:
    """Return He_k(z) / sqrt(k!) for the degrees k, ascending: (len(z), n_degrees)."""
    columns, wanted = [], set(degrees)
    value, previous = np.ones_like(z), np.zeros_like(z)
    for k in range(degrees[-1] + 1):
        if k in wanted:
            columns.append(value)
        value, previous = (z * value - np.sqrt(k) * previous) / np.sqrt(k + 1), value
    return np.stack(columns, axis=1)
