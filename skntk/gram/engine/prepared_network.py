"""A network with one shape of samples, and what tiles and programs have to know of the two."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from math import prod
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.tree_util import PyTreeDef

from skntk.architecture.core.delegation import building_once
from skntk.architecture.core.layer import Layer
from skntk.architecture.presets.base import Preset
from skntk.architecture.propagation.pixel_covariance import input_grid
from skntk.gram.engine.single_precision import SinglePrecision

# Of the networks that were prepared last, so many are remembered, of arrays of so many numbers.
_NETWORKS_REMEMBERED = 64
_LARGEST_REMEMBERED = 10_000


@partial(jax.tree_util.register_dataclass, data_fields=("arrays",), meta_fields=("structure",))
@dataclass(frozen=True)
class NetworkArguments:
    """A network as compiled programs take it, which is flattened once.

    At every call JAX flattens the arguments of a program. For a layer it would call Python methods
    of all parts.

    Attributes
    ----------
    arrays : tuple of ndarray
        The numeric hyperparameters. A Python int, a float and a NumPy number then are one type to
        `jax.jit`, and so one compiled program.
    structure : PyTreeDef
        All else, which is static.
    """

    arrays: tuple[np.ndarray, ...]
    structure: PyTreeDef

    @classmethod
    def of(cls, network: Layer, dtype: np.dtype | None) -> NetworkArguments:
        """Return the arguments of a network; without a precision its numbers are arrays already."""
        leaves, structure = jax.tree.flatten(network)
        return cls(tuple([np.asarray(leaf, dtype) for leaf in leaves]), structure)

    def __reduce__(self) -> tuple[Any, ...]:
        # What the structure of a pytree refers to does not pickle.
        return NetworkArguments.of, (self.network(), None)

    def network(self) -> Layer:
        """Return a network with these numbers, new at every call."""
        network: Layer = jax.tree.unflatten(self.structure, self.arrays)
        return network


class ProgramSignature(NamedTuple):
    """What the programs of a network depend on: nothing of its numbers but their shapes.

    Attributes
    ----------
    structure : PyTreeDef
    shapes : tuple of tuple of int
        Of the hyperparameters.
    sample_shape : tuple of int
    dtype : numpy.dtype
        Of the kernels.
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

    @property
    def input_dtype(self) -> np.dtype:
        """The precision of inputs and hyperparameters: vectors take double precision."""
        return np.dtype(np.float64) if len(self.sample_shape) == 1 else self.dtype

    def arguments(self) -> NetworkArguments:
        """Return arguments for which the same programs are compiled."""
        zeros = tuple([np.zeros(shape, self.input_dtype) for shape in self.shapes])
        return NetworkArguments(zeros, self.structure)


class PreparedNetwork(NamedTuple):
    """A network that is checked and built once, for samples of one shape and precision.

    Attributes
    ----------
    arguments : NetworkArguments
        What programs take: the network of the user.
    layers : layer
        The same network with its presets replaced by the layers that they are made of, which
        answers questions without building them anew.
    signature : ProgramSignature
        What tells its programs from those of other networks.
    outputs_are_gaussian : bool
        Whether the outputs at infinite width are.
    """

    arguments: NetworkArguments
    layers: Layer
    signature: ProgramSignature
    outputs_are_gaussian: bool

    @classmethod
    @building_once()
    def of(cls, architecture: Layer, input_shape: tuple[int, ...], dtype: str) -> PreparedNetwork:
        """Prepare a network that has been checked."""
        precision = np.dtype(dtype)
        if precision == np.float32 and len(input_shape) == 1:
            arguments = NetworkArguments.of(
                SinglePrecision(architecture, *input_shape), np.dtype(np.float64)
            )
        else:
            arguments = NetworkArguments.of(architecture, precision)
        # Not of the user's objects, whose hyperparameters may change later.
        layers = _built(arguments.network())
        n_offsets = _n_offsets(layers, input_shape[:-1])
        # A pool reads many offsets, but what pairs need to know of every sample takes few: the
        # kernels of samples with themselves are then left to the program for pairs, unless a sample
        # is more than a pair of equal ones, or it counts that the two are known to be equal.
        with_kernels = n_offsets == 1 or layers.is_stochastic() or layers.magnifies_rounding()
        shapes = tuple([array.shape for array in arguments.arrays])
        signature = ProgramSignature(
            arguments.structure, shapes, input_shape, precision, n_offsets, with_kernels
        )
        return cls(arguments, layers, signature, layers.outputs_are_gaussian())


def prepare(architecture: Layer, sample_shape: tuple[int, ...], dtype: str) -> PreparedNetwork:
    """Check a network for samples and build it, unless this was done for an equal one before.

    Raises
    ------
    TypeError, ValueError
        As `check_samples`.
    """
    try:
        key = _Key(_content(architecture), architecture)
        hash(key)
    except TypeError:
        return _prepare(architecture, sample_shape, dtype)
    return _remembered(key, sample_shape, dtype)


@building_once()
def check_samples(architecture: Layer, sample_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Check a network for samples, and return their shape as the network reads them.

    Raises a ValueError or a TypeError if it does not fit, or if its outputs are no vectors.
    """
    one_sample = architecture.reshape_inputs(np.zeros((1, *sample_shape)))
    input_shape: tuple[int, ...] = one_sample.shape[1:]
    shape = architecture.output_shape(input_shape)
    if len(shape) != 1:
        raise ValueError(
            f"The network ends with {len(shape) - 1} spatial axes, in samples of shape {shape}."
            " Let it end in Flatten() or GlobalAvgPool(), or one of these and a Dense layer."
            " Is it a network of vectors? Flatten the samples with X.reshape(len(X), -1)."
        )
    return input_shape


@dataclass(frozen=True)
class _Key:
    """A network, which is found by its content."""

    content: Hashable
    architecture: Layer = field(compare=False)


@lru_cache(maxsize=_NETWORKS_REMEMBERED)
def _remembered(key: _Key, sample_shape: tuple[int, ...], dtype: str) -> PreparedNetwork:
    return _prepare(key.architecture, sample_shape, dtype)


def _prepare(architecture: Layer, sample_shape: tuple[int, ...], dtype: str) -> PreparedNetwork:
    return PreparedNetwork.of(architecture, check_samples(architecture, sample_shape), dtype)


def _content(value: Any) -> Hashable:
    """Return what tells a hyperparameter from all others: its type and value, or what it holds.

    Types count because a check may refuse True where it accepts 1. Raises a TypeError for an array
    of objects, or one that is too large to be kept.
    """
    if isinstance(value, Layer):
        return type(value), *map(_content, vars(value).items())
    if isinstance(value, list | tuple):
        return type(value), *map(_content, value)
    if isinstance(value, np.ndarray | jax.Array):
        if value.size > _LARGEST_REMEMBERED or value.dtype.hasobject:
            raise TypeError
        return type(value), value.dtype, value.shape, np.asarray(value).tobytes()
    return type(value), value


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
