"""Derivatives of kernels by their left inputs, contracted with coefficients of the right ones.

The kernel of two vectors depends on their mean product and on the mean square of each. Two forward
derivatives of a tile, by products and by squares, therefore tell those by all features, which are
matrix products from there on. Where layers read the features one by one, a reverse derivative of a
tile for each output adds up the pairs. Of images, one reverse derivative of a tile gives those of
each pair, which are added up at once. No array is larger than a tile times the features.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from math import isqrt, prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.utils import gen_batches

from skntk.architecture.core.layer import Layer
from skntk.architecture.layers.linearized import LinearizedNetwork
from skntk.architecture.propagation.fusion import FusionBarriers
from skntk.architecture.propagation.pixel_covariance import input_covariance, input_grid
from skntk.architecture.propagation.state import (
    Array,
    PairState,
    SampleState,
    Statistics,
    as_left,
    as_right,
    input_pairs,
    input_samples,
)
from skntk.gram.engine.compilation import Program, program
from skntk.gram.engine.devices import Devices
from skntk.gram.engine.engine import engine_for
from skntk.gram.engine.prepared_network import NetworkArguments, PreparedNetwork, prepare
from skntk.gram.engine.programs import kernels_of_pairs, kernels_of_samples, padded_images
from skntk.gram.engine.working_memory import working_memory_in_bytes
from skntk.gram.kernel_function import Kind

# Of vectors: more rows in a tile gain nothing, fewer cost as much as so many rows to dispatch.
_ROWS = (56, 120, 248, 504)
_ROWS_PER_DISPATCH = 120

# The gradients of a tile, and what its derivatives are multiplied by, take so many bytes each.
_BYTES_IN_TILE = 2**25

# Where layers read features, one number for each pair and output may take so many bytes: what is
# much larger than a cache is slower.
_BYTES_OF_OUTPUTS = 2**23

# Reverse differentiation of images keeps about so many arrays of all their pairs of pixels, which
# may take so many bytes in a thread.
_ARRAYS_KEPT = 40
_BYTES_KEPT = 2**27
_MOST_IMAGES = 16


def contracted_input_gradient(
    architecture: Layer,
    X: np.ndarray,
    Z: np.ndarray,
    coefficients: np.ndarray,
    *,
    kind: Kind,
    n_jobs: int | None = None,
) -> np.ndarray:
    r"""Compute :math:`\sum_j c_{jo} \, \partial k(x_i, z_j) / \partial x_i`.

    This is the gradient of a function :math:`f_o(x) = \sum_j k(x, z_j) c_{jo}`. At equal inputs,
    where kernels of kinked activations have a kink, it is the mean of the derivatives from both
    sides, along any line. So it is at equal features, where those of layers that read features one
    by one have a kink.

    X, of shape (n, ...), and Z, of shape (m, ...), are checked samples in double precision, and
    ``coefficients`` of shape (m, n_outputs). Returns an array of shape (n, n_outputs, n_features),
    the features of samples flattened.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.architecture import Dense
    >>> from skntk.gram.input_gradient import contracted_input_gradient
    >>> Z, coefficients = np.array([[1.0, 3.0]]), np.array([[10.0]])
    >>> contracted_input_gradient(Dense(), np.zeros((1, 2)), Z, coefficients, kind="nngp")
    array([[[ 5., 15.]]])
    """
    if isinstance(architecture, LinearizedNetwork):
        raise TypeError(
            "The kernels of a LinearizedNetwork are not differentiated by their inputs: take the "
            "network of infinite width."
        )
    network = prepare(architecture, X.shape[1:], "float64")
    left, right = (architecture.reshape_inputs(samples) for samples in (X, Z))
    n_transforms = network.layers.n_transforms
    if n_transforms > 1:
        right = np.concatenate(network.layers.transforms(right))
        coefficients = np.tile(coefficients, (n_transforms, 1)) / n_transforms
        if not network.layers.transforms_are_equivalent(left.shape[1:]):
            gradient = _through_transforms(network, left, right, coefficients, kind, n_jobs)
            return gradient.reshape(*gradient.shape[:2], -1)
    gradient = _of_one_network(network, left, right, coefficients, kind, n_jobs)
    return gradient.reshape(*gradient.shape[:2], -1)


def _through_transforms(
    network: PreparedNetwork,
    X: np.ndarray,
    Z: np.ndarray,
    coefficients: np.ndarray,
    kind: Kind,
    n_jobs: int | None,
) -> np.ndarray:
    """Return the mean over transforms of X, each of them the transpose of itself."""
    transforms = network.layers.transforms
    total: Any = 0.0
    for number, view in enumerate(transforms(X)):
        gradient = _of_one_network(network, view, Z, coefficients, kind, n_jobs)
        stacked = gradient.reshape(-1, *X.shape[1:])
        total = total + transforms(stacked)[number].reshape(gradient.shape)
    return np.asarray(total / network.layers.n_transforms)


@dataclass(frozen=True)
class _RightSide:
    """Right inputs with their coefficients, and the sizes of tiles."""

    Z: np.ndarray
    coefficients: np.ndarray
    kind: Kind
    sizes: tuple[int, int]

    def blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield padded blocks; those of no coefficient count for nothing."""
        size = self.sizes[1]
        for rows in gen_batches(len(self.Z), size):
            yield _padded(self.Z[rows], size), _padded(self.coefficients[rows], size)


def _of_one_network(
    network: PreparedNetwork,
    X: np.ndarray,
    Z: np.ndarray,
    coefficients: np.ndarray,
    kind: Kind,
    n_jobs: int | None,
) -> np.ndarray:
    """Return the gradient, of shape (n, n_outputs, *input_shape)."""
    sizes = _tile_sizes(network, len(X), len(Z), coefficients.shape[1])
    right = _RightSide(Z, coefficients, kind, sizes)
    gradient = np.empty((len(X), coefficients.shape[1], *X.shape[1:]))

    def store(task: tuple[slice, np.ndarray], part: np.ndarray) -> None:
        rows, _ = task
        gradient[rows] = part[: rows.stop - rows.start]

    tasks = ((rows, X[rows]) for rows in gen_batches(len(X), sizes[0]))
    with engine_for(n_jobs, working_memory_in_bytes(None)) as engine:
        compute = partial(_task_gradient, engine.devices, network.arguments, right)
        engine.run_tasks(compute, store, tasks)
    return gradient


def _tile_sizes(
    network: PreparedNetwork, n_left: int, n_right: int, n_outputs: int
) -> tuple[int, int]:
    *sizes, n_features = network.signature.sample_shape
    if not sizes:
        most = _BYTES_IN_TILE // (8 * n_features * n_outputs)
        if network.layers.reads_features:
            most = min(most, isqrt(_BYTES_OF_OUTPUTS // (8 * n_outputs)))
        return _block_size(n_left, most), _block_size(n_right, most)
    n_bytes = 8 * _ARRAYS_KEPT * prod(sizes) * network.signature.n_offsets
    n_pairs = max(1, _BYTES_KEPT // n_bytes)
    n_images = min(_MOST_IMAGES, max(1, int(n_pairs**0.5)))
    return n_images, min(4 * _MOST_IMAGES, max(1, n_pairs // n_images))


def _block_size(n_rows: int, most: int) -> int:
    """Return the size of blocks of vectors that costs least, padding and dispatch included."""

    def cost(size: int) -> int:
        return -(-n_rows // size) * (size + _ROWS_PER_DISPATCH)

    return min([_ROWS[0], *(size for size in _ROWS[1:] if size <= most)], key=cost)


def _padded(rows: np.ndarray, size: int) -> np.ndarray:
    if len(rows) == size:
        return np.ascontiguousarray(rows, np.float64)
    return np.concatenate([rows, np.zeros((size - len(rows), *rows.shape[1:]))])


def _task_gradient(
    devices: Devices,
    arguments: NetworkArguments,
    right: _RightSide,
    task: tuple[slice, np.ndarray],
) -> np.ndarray:
    """Return the gradient at a block of rows; a function of this module, so that it pickles."""
    rows = _padded(task[1], right.sizes[0])
    tile_program: Program = vector_gradient_program if rows.ndim == 2 else image_gradient_program
    total: Any = 0.0
    with devices.borrowed() as device, jax.enable_x64(True):
        compute = tile_program.on(device, arguments.structure)
        X = jax.device_put(rows, device)
        for Z, coefficients in right.blocks():
            block = jax.device_put((Z, coefficients), device)
            total = total + np.asarray(compute(arguments, X, *block, kind=right.kind))
    return np.asarray(total)


@program(static_argnames="kind")
def vector_gradient_program(
    arguments: NetworkArguments, X: Array, Z: Array, coefficients: Array, *, kind: Kind
) -> Array:
    """Return the gradient by vectors X of shape (n, features), shape (n, n_outputs, features)."""
    network = arguments.network()
    gradient = _through_features if network.reads_features else _through_covariances
    return gradient(network, X, Z, coefficients, kind)


def _through_features(network: Layer, X: Array, Z: Array, coefficients: Array, kind: Kind) -> Array:
    """Return the gradient of any network of vectors."""
    statistics = partial(kernels_of_samples, network, with_kernels=False)
    _, right = statistics(Z)

    def kernels(X: Array) -> Array:
        _, left = statistics(X)
        kernel: Array = getattr(kernels_of_pairs(network, left, right, X=X, Y=Z), kind)
        return kernel

    values, by_inputs = jax.vjp(kernels, X)

    def of_output(coefficients: Array) -> Array:
        gradient: Array = by_inputs(jnp.broadcast_to(coefficients[None], values.shape))[0]
        return gradient

    return jax.vmap(of_output, 1, 1)(coefficients)


def _through_covariances(
    network: Layer, X: Array, Z: Array, coefficients: Array, kind: Kind
) -> Array:
    """Return the gradient of a network that knows mean products and mean squares alone."""
    left, by_inputs = jax.vjp(network.scale_inputs, X)
    right = network.scale_inputs(Z)
    _, right_statistics = network.propagate_samples(input_samples(right))

    def kernels(products: Array, squares: Array) -> Array:
        samples = SampleState(squares, jnp.zeros_like(squares))
        _, left_statistics = network.propagate_samples(samples)
        pairs = PairState(products, jnp.zeros_like(products))
        statistics = as_left(left_statistics), as_right(right_statistics)
        kernel: Array = getattr(network.propagate_pairs(pairs, *statistics), kind)
        return kernel

    products, squares = input_pairs(left, right).nngp, input_samples(left).nngp
    one, zero = jnp.ones_like, jnp.zeros_like
    _, derivative = jax.linearize(kernels, products, squares)
    by_products = derivative(one(products), zero(squares))
    by_squares = derivative(zero(products), one(squares))
    weights = (coefficients[:, :, None] * right[:, None, :]).reshape(len(right), -1)
    n_features = left.shape[1]
    gradient = (by_products @ weights).reshape(len(left), -1, n_features)
    gradient += 2 * (by_squares @ coefficients)[:, :, None] * left[:, None, :]
    by_output = jax.vmap(lambda part: by_inputs(part)[0], 1, 1)
    return by_output(gradient / n_features)


@program(static_argnames="kind")
def image_gradient_program(
    arguments: NetworkArguments, X: Array, Z: Array, coefficients: Array, *, kind: Kind
) -> Array:
    """Return the same by images X of shape (n, *sizes, channels)."""
    network = arguments.network()
    grid = input_grid(network, X.shape[1:-1])

    def images_and_statistics(samples: Array) -> tuple[Array, Statistics]:
        _, statistics = kernels_of_samples(network, samples, with_kernels=False)
        return padded_images(network.scale_inputs(samples), grid), statistics

    left, by_inputs = jax.vjp(images_and_statistics, X)
    right = images_and_statistics(Z)
    # Pair (i, j) stands at i * len(Z) + j.
    left = jax.tree.map(lambda leaf: jnp.repeat(leaf, len(Z), axis=-1), left)
    right = jax.tree.map(lambda leaf: jnp.concatenate([leaf] * len(X), axis=-1), right)

    def kernels(left: tuple[Array, Statistics]) -> Array:
        (images, statistics), (right_images, right_statistics) = left, right
        barriers = FusionBarriers(jnp.square(images), with_ntk=kind == "ntk")
        covariance = input_covariance(images, right_images, grid, barriers, is_diagonal=False)
        outputs = network.propagate_pair_pixels(covariance, (), statistics, right_statistics)
        kernel: Array = getattr(outputs.at(()), kind)
        return kernel

    values, by_left = jax.vjp(kernels, left)
    (by_pairs,) = by_left(jnp.ones_like(values))

    def contracted(leaf: Array) -> Array:
        pairs = leaf.reshape(*leaf.shape[:-1], len(X), len(Z))
        return jnp.moveaxis(pairs @ coefficients, -1, 0)

    by_output = jax.vmap(lambda part: by_inputs(part)[0], 0, 1)
    return by_output(jax.tree.map(contracted, by_pairs))
