"""A network with one shape of samples, and what tiles and programs have to know of the two."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import NamedTuple

import jax
import numpy as np
from jax.tree_util import PyTreeDef

from skntk.architecture.core.layer import Layer
from skntk.architecture.presets.base import Preset
from skntk.architecture.propagation.pixel_covariance import canvas_for
from skntk.gram.engine.programs import as_arguments


class ProgramSignature(NamedTuple):
    """What the programs of a network depend on: nothing of its numbers but their shapes.

    Attributes
    ----------
    structure : PyTreeDef
    shapes : tuple of tuple of int
        Of the hyperparameters.
    sample_shape : tuple of int
    dtype : numpy.dtype
    with_kernels : bool
        Whether the program for samples computes their kernels with themselves.
    """

    structure: PyTreeDef
    shapes: tuple[tuple[int, ...], ...]
    sample_shape: tuple[int, ...]
    dtype: np.dtype
    with_kernels: bool

    def arguments(self) -> Layer:
        """Return a network for which the same programs are compiled."""
        zeros = [np.zeros(shape, self.dtype) for shape in self.shapes]
        network: Layer = jax.tree.unflatten(self.structure, zeros)
        return network


@dataclass(frozen=True, eq=False)
class PreparedNetwork:
    """A network that is built once, for samples of one shape and precision.

    Attributes
    ----------
    arguments : layer
        What programs take: the network of the user with its numbers as arrays of ``dtype``.
    layers : layer
        The same network with its presets replaced by the layers that they are made of, which
        answers questions without building them anew.
    sample_shape : tuple of int
        Of one sample as the network reads it.
    dtype : numpy.dtype
    """

    arguments: Layer
    layers: Layer
    sample_shape: tuple[int, ...]
    dtype: np.dtype

    @classmethod
    def of(cls, architecture: Layer, sample_shape: tuple[int, ...], dtype: str) -> PreparedNetwork:
        """Prepare a network that has been checked."""
        checked = np.dtype(dtype)
        return cls(as_arguments(architecture, checked), _built(architecture), sample_shape, checked)

    @cached_property
    def n_offsets(self) -> int:
        """How many offsets between the positions of two images are needed; 1 for vectors."""
        sizes = self.sample_shape[:-1]
        if not sizes:
            return 1
        grid = canvas_for(self.layers, sizes)
        return prod(map(len, self.layers.offsets_below((), grid, of_samples=False)))

    @cached_property
    def samples_as_pairs(self) -> bool:
        """Whether the kernels of samples with themselves are computed as pairs.

        A pool reads many offsets, but what pairs need to know of every sample takes few: the
        kernels are then left to the program for pairs, unless a sample is more than a pair of
        equal ones.
        """
        return self.n_offsets > 1 and not self.layers.tells_equal_samples_apart()

    @cached_property
    def signature(self) -> ProgramSignature:
        """What tells its programs from those of other networks."""
        leaves, structure = jax.tree.flatten(self.arguments)
        shapes = tuple(map(np.shape, leaves))
        with_kernels = not self.samples_as_pairs
        return ProgramSignature(structure, shapes, self.sample_shape, self.dtype, with_kernels)


def _built(architecture: Layer) -> Layer:
    """Return a network with its presets replaced by the layers that they are made of."""
    built: Layer = jax.tree.map(
        lambda part: part.build() if isinstance(part, Preset) else part,
        architecture,
        is_leaf=lambda part: isinstance(part, Preset),
    )
    return built
