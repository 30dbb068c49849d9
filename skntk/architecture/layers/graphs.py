"""Sums over the neighbors in a graph."""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from skntk.architecture.core.protocols import Parameters
from skntk.architecture.core.pytree import CanonicalForms, one_leaf
from skntk.architecture.layers.position_matrices import PositionMatrixLayer
from skntk.architecture.propagation.state import Array

__all__ = ["Aggregate"]


class Aggregate(PositionMatrixLayer):
    """Every node replaced by the weighted sum over the nodes with an edge to it [1]_ [2]_.

    ``K' = A^T K A`` and ``T'`` alike, A the adjacency matrix: ``f'(j) = sum_i A[i, j] f(i)``. The
    nodes are the positions of a sequence, ``X`` of shape (n_samples, n_nodes, n_features), and all
    samples live on one graph, as the measurements of a network of sensors do. The graph is a
    hyperparameter, so that samples stay arrays, which scikit-learn can split and search over;
    graphs that differ from sample to sample are beyond this layer.

    Parameters
    ----------
    adjacency : array-like of shape (n_nodes, n_nodes)
        The weight of the edge from node i to node j, 0 for none. With entries on its diagonal a
        node keeps a part of itself. Divide the columns by their sums to have means.

    References
    ----------
    .. [1] Du, Hou, Salakhutdinov, Poczos, Wang, Xu, "Graph neural tangent kernel: Fusing graph
       neural networks with graph kernels", NeurIPS 2019.
    .. [2] Novak et al., "Neural Tangents: Fast and easy infinite neural networks in Python", ICLR
       2020.

    Examples
    --------
    A path of three nodes, each of which keeps itself:

    >>> import numpy as np
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import Aggregate, Dense, GlobalAvgPool, Relu, Serial
    >>> path = np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]])
    >>> layers = [Aggregate(path / path.sum(axis=0)), Dense(), Relu()]
    >>> network = Serial([*layers, *layers, GlobalAvgPool(), Dense()])
    >>> X = np.random.default_rng(0).normal(size=(5, 3, 2))
    >>> gram_matrix(network, X).shape
    (5, 5)
    """

    category: ClassVar[str | None] = "spatial"
    fixed_by_default: ClassVar[tuple[str, ...]] = ("adjacency",)
    canonical_forms: ClassVar[CanonicalForms] = {"adjacency": one_leaf}

    def __init__(self, adjacency: ArrayLike) -> None:
        self.adjacency = adjacency

    @classmethod
    def examples(cls) -> list[Aggregate]:
        edges = np.eye(7) + 0.5 * np.eye(7, k=2) - 0.3 * np.eye(7, k=-4)
        return [cls(edges)]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(input_shape) != 2:
            raise ValueError(
                "Aggregate takes the nodes of a graph, X of shape (n_samples, n_nodes, n_features),"
                f" but one sample has shape {tuple(input_shape)}."
            )
        try:
            adjacency = np.asarray(self.adjacency, float)
        except (TypeError, ValueError):
            raise TypeError(
                "Aggregate(adjacency=...): adjacency must be an array of numbers, got "
                f"{type(self.adjacency).__name__}. Make a sparse one dense with .toarray()."
            ) from None
        n_nodes = input_shape[0]
        if adjacency.shape != (n_nodes, n_nodes):
            raise ValueError(
                f"Aggregate(adjacency=...): adjacency has shape {adjacency.shape}, but the samples "
                f"have {n_nodes} nodes: it must have shape {(n_nodes, n_nodes)}."
            )
        if not np.isfinite(adjacency).all():
            raise ValueError("Aggregate(adjacency=...): adjacency must be finite.")
        return input_shape

    def output_sizes(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        return sizes

    def matrices(self, sizes: tuple[int, ...], dtype: jnp.dtype) -> list[Array]:
        return [jnp.asarray(self.canonical("adjacency"), dtype).T]

    def apply(self, parameters: Parameters, inputs: Array, key: Array | None = None) -> Array:
        adjacency = jnp.asarray(self.canonical("adjacency"), inputs.dtype)
        return jnp.einsum("ij,nic->njc", adjacency, inputs, precision="highest")
