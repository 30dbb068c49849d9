"""A network with one shape of samples, and what tiles and programs have to know of the two."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import jax
import numpy as np
from jax.tree_util import PyTreeDef

from skntk.architecture.core.layer import Layer
from skntk.architecture.presets.base import Preset
from skntk.architecture.propagation.pixel_covariance import input_grid


class ProgramSignature(NamedTuple):
    """What the programs of a network depend on: nothing of its numbers but their shapes.

    Attributes
    ----------
    structure : PyTreeDef
    shapes : tuple of tuple of int
        Of the hyperparameters.
    sample_shape : tuple of int
    dtype : numpy.dtype
    n_offsets : int
        How many offsets between the positions of two images are needed; 1 for vectors.
    with_kernels : bool
        Whether the program for samples computes their kernels with themselves.
    """

    structure: PyTreeDef
    shapes: tuple[tuple[int, ...], ...]
    sample_shape: tuple[int, ...]
    dtype: np.dtype
    n_offsets: int
    with_kernels: bool

    def arguments(self) -> Layer:
        """Return a network for which the same programs are compiled."""
        zeros = [np.zeros(shape, self.dtype) for shape in self.shapes]
        network: Layer = jax.tree.unflatten(self.structure, zeros)
        return network


class PreparedNetwork(NamedTuple):
    """A network that is built once, for samples of one shape and precision.

    Attributes
    ----------
    arguments : layer
        What programs take: the network of the user with its numbers as arrays.
    layers : layer
        The same network with its presets replaced by the layers that they are made of, which
        answers questions without building them anew.
    signature : ProgramSignature
        What tells its programs from those of other networks.
    """

    arguments: Layer
    layers: Layer
    signature: ProgramSignature

    @classmethod
    def of(cls, architecture: Layer, sample_shape: tuple[int, ...], dtype: str) -> PreparedNetwork:
        """Prepare a network that has been checked."""
        layers, precision = _built(architecture), np.dtype(dtype)
        leaves, structure = jax.tree.flatten(architecture)
        arrays = [np.asarray(leaf, precision) for leaf in leaves]
        n_offsets = _n_offsets(layers, sample_shape[:-1])
        # A pool reads many offsets, but what pairs need to know of every sample takes few: the
        # kernels of samples with themselves are then left to the program for pairs, unless a sample
        # is more than a pair of equal ones.
        with_kernels = n_offsets == 1 or layers.is_stochastic()
        shapes = tuple([array.shape for array in arrays])
        signature = ProgramSignature(
            structure, shapes, sample_shape, precision, n_offsets, with_kernels
        )
        return cls(jax.tree.unflatten(structure, arrays), layers, signature)


def _n_offsets(layers: Layer, sizes: tuple[int, ...]) -> int:
    if not sizes:
        return 1
    return prod(map(len, layers.input_offsets((), input_grid(layers, sizes), is_diagonal=False)))


def _built(architecture: Layer) -> Layer:
    """Return a network with its presets replaced by the layers that they are made of."""
    built: Layer = jax.tree.map(
        lambda part: part.delegate() if isinstance(part, Preset) else part,
        architecture,
        is_leaf=lambda part: isinstance(part, Preset),
    )
    return built
