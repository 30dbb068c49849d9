"""Derivatives of kernel matrices by the numeric hyperparameters of a network.

There are two ways, and each is used where it is the cheaper one. Contracted with a cotangent, the
gradient of a matrix of vectors comes from reverse differentiation: tile by tile, for all
hyperparameters together, in the time of some three to six matrices. Of images, and where a whole
matrix is wanted for every hyperparameter, it comes from forward differentiation, in one to three
times the time of the kernel matrix for each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations_with_replacement
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.utils import gen_batches

from skntk.architecture.core.layer import Layer
from skntk.architecture.propagation.state import Array
from skntk.gram.engine.compilation import program
from skntk.gram.engine.devices import Devices
from skntk.gram.engine.directional_derivative import DirectionalDerivative
from skntk.gram.engine.engine import engine_for
from skntk.gram.engine.prepared_network import NetworkArguments
from skntk.gram.engine.programs import kernels_of_pairs, kernels_of_samples
from skntk.gram.engine.working_memory import working_memory_in_bytes
from skntk.gram.matrix import Kind, gram_diagonal, gram_matrix

# What reverse differentiation keeps of a tile has to stay in cache: with 248 rows it takes up to
# four times as long.
_ROWS = (56, 120)


def unit_directions(architecture: Layer) -> list[Layer]:
    """Return the directions along all numbers of a network, in the order of its leaves.

    They are layers of the same structure, as the derivatives of the network by its numbers.

    Examples
    --------
    >>> from skntk.architecture import Dense
    >>> from skntk.gram.gradient import unit_directions
    >>> [(step.bias_std, step.weight_std) for step in unit_directions(Dense(2.0, 3.0))]
    [(array(1.), array(0.)), (array(0.), array(1.))]
    """
    leaves, structure = jax.tree.flatten(architecture)
    directions = []
    for position, leaf in enumerate(leaves):
        for entry in range(np.size(leaf)):
            zeros = [np.zeros(np.shape(other)) for other in leaves]
            zeros[position].reshape(-1)[entry] = 1.0
            directions.append(jax.tree.unflatten(structure, zeros))
    return directions


def gram_derivative(
    architecture: Layer,
    direction: Layer,
    X: np.ndarray,
    *,
    kinds: Sequence[Kind],
    n_jobs: int | None = None,
) -> tuple[np.ndarray, ...]:
    """Compute the derivative of a kernel matrix along a direction of the hyperparameters.

    ``direction`` is a layer of the structure of the architecture, with the derivatives of its
    hyperparameters. Returns an array of shape (n, n) for each kind.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.architecture import Dense
    >>> from skntk.gram.gradient import gram_derivative
    >>> gram_derivative(Dense(3.0), Dense(1.0), np.eye(2), kinds=["nngp"])  # 2 weight_std / 2
    (array([[3., 0.],
           [0., 3.]]),)
    """
    along = DirectionalDerivative(architecture, direction)
    return gram_matrix(along, X, kind=tuple(kinds), n_jobs=n_jobs)


def contracted_gradient(
    architecture: Layer,
    X: np.ndarray,
    cotangents: Sequence[np.ndarray],
    *,
    kinds: Sequence[Kind],
    directions: Sequence[Layer],
    n_jobs: int | None = None,
) -> np.ndarray:
    r"""Compute :math:`\sum_{ij} G_{ij} \, dK_{ij} / d\theta` along directions.

    By this, a function of a kernel matrix with the derivative G is differentiated by the
    hyperparameters of the network. Nothing larger than a kernel matrix is ever held.

    `gram_matrix` has checked the network with these inputs, in float64. There is one G, of shape
    (n, n), for each kind; the results of several kinds are added. ``directions`` are such as those
    of `unit_directions`.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.architecture import Dense
    >>> from skntk.gram.gradient import contracted_gradient, unit_directions
    >>> network, X = Dense(weight_std=3.0, bias_std=2.0), np.eye(2)
    >>> contracted_gradient(
    ...     network, X, [np.ones((2, 2))], kinds=["nngp"], directions=unit_directions(network)
    ... )  # by bias_std, 4 times 2 * 2, and by weight_std, twice 2 * 3 / 2
    array([16.,  6.])
    """
    inputs = architecture.reshape_inputs(X)
    if inputs.ndim > 2:
        compute = partial(gram_matrix, X=X, kind=tuple(kinds), n_jobs=n_jobs)
        return _forward_gradient(architecture, compute, cotangents, directions)
    diagonals = [np.diagonal(cotangent) for cotangent in cotangents]
    tasks: list[_Task] = [*_square_tiles(inputs, cotangents)]
    tasks += _diagonal_blocks(inputs, diagonals)
    return _reverse_gradient(architecture, tasks, kinds, directions, n_jobs)


def contracted_cross_gradient(
    architecture: Layer,
    X: np.ndarray,
    Y: np.ndarray,
    cotangents: Sequence[np.ndarray],
    *,
    kinds: Sequence[Kind],
    directions: Sequence[Layer],
    n_jobs: int | None = None,
) -> np.ndarray:
    """Compute the same of the kernels between rows of X and of Y.

    There is one G, of shape (n_samples_X, n_samples_Y), for each kind.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.architecture import Dense
    >>> from skntk.gram.gradient import contracted_cross_gradient, unit_directions
    >>> network, X = Dense(weight_std=3.0, bias_std=2.0), np.eye(2)
    >>> directions = unit_directions(network)
    >>> contracted_cross_gradient(
    ...     network, X, X[:1], [np.ones((2, 1))], kinds=["nngp"], directions=directions
    ... )  # by bias_std, twice 2 * 2, and by weight_std, 2 * 3 / 2
    array([8., 3.])
    """
    left, right = architecture.reshape_inputs(X), architecture.reshape_inputs(Y)
    if left.ndim > 2:
        compute = partial(gram_matrix, X=X, Y=Y, kind=tuple(kinds), n_jobs=n_jobs)
        return _forward_gradient(architecture, compute, cotangents, directions)
    tasks = [*_cross_tiles(left, right, cotangents)]
    return _reverse_gradient(architecture, tasks, kinds, directions, n_jobs)


def contracted_diagonal_gradient(
    architecture: Layer,
    X: np.ndarray,
    cotangents: Sequence[np.ndarray],
    *,
    kinds: Sequence[Kind],
    directions: Sequence[Layer],
    n_jobs: int | None = None,
) -> np.ndarray:
    """Compute the same of the kernels of rows with themselves, with G of shape (n_samples,).

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.architecture import Dense
    >>> from skntk.gram.gradient import contracted_diagonal_gradient, unit_directions
    >>> network, X = Dense(weight_std=3.0, bias_std=2.0), np.eye(2)
    >>> directions = unit_directions(network)
    >>> contracted_diagonal_gradient(
    ...     network, X, [np.ones(2)], kinds=["nngp"], directions=directions
    ... )  # by bias_std, twice 2 * 2, and by weight_std, twice 2 * 3 / 2
    array([8., 6.])
    """
    inputs = architecture.reshape_inputs(X)
    if inputs.ndim > 2:
        compute = partial(gram_diagonal, X=X, kind=tuple(kinds), n_jobs=n_jobs)
        return _forward_gradient(architecture, compute, cotangents, directions)
    tasks = [*_diagonal_blocks(inputs, cotangents)]
    return _reverse_gradient(architecture, tasks, kinds, directions, n_jobs)


def _contracted(arrays: Sequence[np.ndarray], others: Sequence[np.ndarray]) -> float:
    return float(sum(map(np.vdot, arrays, others)))


def _forward_gradient(
    architecture: Layer,
    compute: Callable[[Layer], Any],
    cotangents: Sequence[np.ndarray],
    directions: Sequence[Layer],
) -> np.ndarray:
    """Return the contraction with the derivatives along every direction, one after the other."""
    along = (DirectionalDerivative(architecture, direction) for direction in directions)
    return np.array([_contracted(compute(network), cotangents) for network in along], float)


@dataclass(frozen=True)
class _CotangentTile:
    """The pairs of two blocks of rows with the cotangents of their kernels, to be padded."""

    X: np.ndarray
    Y: np.ndarray
    cotangents: tuple[np.ndarray, ...]
    shape: tuple[int, int]


@dataclass(frozen=True)
class _CotangentDiagonal:
    """A block of rows with the cotangents of their kernels with themselves, to be padded."""

    X: np.ndarray
    cotangents: tuple[np.ndarray, ...]
    n_rows: int


_Task = _CotangentTile | _CotangentDiagonal


def _reverse_gradient(
    architecture: Layer,
    tasks: Sequence[_Task],
    kinds: Sequence[str],
    directions: Sequence[Layer],
    n_jobs: int | None,
) -> np.ndarray:
    """Return the contracted gradient along directions, of samples that are vectors."""
    if not directions:
        return np.empty(0)
    arguments = NetworkArguments.of(architecture, np.dtype(np.float64))
    gradients: list[list[np.ndarray]] = [[] for _ in tasks]

    def keep(task: tuple[int, Any], gradient: list[np.ndarray]) -> None:
        gradients[task[0]] = gradient

    with engine_for(n_jobs, working_memory_in_bytes(None)) as engine:
        compute = partial(_task_gradient, engine.devices, arguments, tuple(kinds))
        engine.run_tasks(compute, keep, enumerate(tasks))
    # In the order of the tasks, whichever finished first: sums are the same from run to run.
    gradient = [np.sum(parts, axis=0) for parts in zip(*gradients, strict=True)]
    along = (jax.tree.leaves(direction) for direction in directions)
    return np.array([_contracted(leaves, gradient) for leaves in along], float)


def _tile_size(n_rows: int) -> int:
    return next((rows for rows in _ROWS if rows >= n_rows), _ROWS[-1])


def _square_tiles(X: np.ndarray, cotangents: Sequence[np.ndarray]) -> Iterator[_CotangentTile]:
    """Yield the pairs of different rows, each once."""
    size = _tile_size(len(X))
    blocks = list(gen_batches(len(X), size))
    for left, right in combinations_with_replacement(blocks, 2):
        tiles = []
        for cotangent in cotangents:
            if left is right:
                # That a sample is the same as itself is known only to the per-sample program.
                tile = cotangent[left, left].copy()
                np.fill_diagonal(tile, 0.0)
            else:
                tile = cotangent[left, right] + cotangent[right, left].T
            tiles.append(tile)
        yield _CotangentTile(X[left], X[right], tuple(tiles), (size, size))


def _cross_tiles(
    X: np.ndarray, Y: np.ndarray, cotangents: Sequence[np.ndarray]
) -> Iterator[_CotangentTile]:
    shape = _tile_size(len(X)), _tile_size(len(Y))
    columns = list(gen_batches(len(Y), shape[1]))
    for left in gen_batches(len(X), shape[0]):
        for right in columns:
            tiles = tuple(cotangent[left, right] for cotangent in cotangents)
            yield _CotangentTile(X[left], Y[right], tiles, shape)


def _diagonal_blocks(
    X: np.ndarray, diagonals: Sequence[np.ndarray]
) -> Iterator[_CotangentDiagonal]:
    size = _tile_size(len(X))
    for block in gen_batches(len(X), size):
        yield _CotangentDiagonal(X[block], tuple(diagonal[block] for diagonal in diagonals), size)


def _padded(rows: np.ndarray, *shape: int) -> np.ndarray:
    padded = np.zeros((*shape, *rows.shape[len(shape) :]))
    padded[tuple(slice(size) for size in rows.shape)] = rows
    return padded


def _task_gradient(
    devices: Devices,
    arguments: NetworkArguments,
    kinds: tuple[str, ...],
    task: tuple[int, _Task],
) -> list[np.ndarray]:
    """Return the gradients of the leaves; a function of this module, so that it pickles."""
    _, part = task
    arrays: tuple[Any, ...]
    with devices.borrowed() as device, jax.enable_x64(True):
        if isinstance(part, _CotangentTile):
            compute = pair_gradient_program.on(device, arguments.structure)
            left, right = (
                _padded(*block) for block in zip((part.X, part.Y), part.shape, strict=True)
            )
            tiles = tuple(_padded(tile, *part.shape) for tile in part.cotangents)
            arrays = left, right, tiles
        else:
            compute = sample_gradient_program.on(device, arguments.structure)
            diagonals = tuple(_padded(diagonal, part.n_rows) for diagonal in part.cotangents)
            arrays = _padded(part.X, part.n_rows), diagonals
        gradient = compute(arguments, *jax.device_put(arrays, device), kinds=kinds)
        return [np.asarray(array) for array in gradient.arrays]


@program(static_argnames="kinds")
def pair_gradient_program(
    arguments: NetworkArguments,
    X: Array,
    Y: Array,
    cotangents: tuple[Array, ...],
    *,
    kinds: tuple[str, ...],
) -> NetworkArguments:
    """Return the gradient of the sum of the kernels of all pairs, weighted by the cotangents."""

    def contracted(arguments: NetworkArguments) -> Array:
        network = arguments.network()
        (_, left), (_, right) = (
            kernels_of_samples(network, samples, with_kernels=True) for samples in (X, Y)
        )
        return _weighted(kernels_of_pairs(network, left, right, X=X, Y=Y), kinds, cotangents)

    return jax.grad(contracted)(arguments)


@program(static_argnames="kinds")
def sample_gradient_program(
    arguments: NetworkArguments, X: Array, cotangents: tuple[Array, ...], *, kinds: tuple[str, ...]
) -> NetworkArguments:
    """Return the gradient of the sum of the kernels of samples with themselves, weighted."""

    def contracted(arguments: NetworkArguments) -> Array:
        state, _ = kernels_of_samples(arguments.network(), X, with_kernels=True)
        return _weighted(state, kinds, cotangents)

    return jax.grad(contracted)(arguments)


def _weighted(state: Any, kinds: tuple[str, ...], cotangents: tuple[Array, ...]) -> Array:
    terms = [
        jnp.sum(cotangent * getattr(state, kind))
        for kind, cotangent in zip(kinds, cotangents, strict=True)
    ]
    return sum(terms[1:], start=terms[0])
