"""Networks of one architecture and width: drawing them, and training them together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.utils import gen_batches, gen_even_slices

from skntk._jax_settings import own_placement
from skntk._processes import require_threads_of_jax
from skntk.architecture.core.layer import Layer
from skntk.architecture.core.protocols import Parameters
from skntk.architecture.core.pytree import with_arrays
from skntk.finite.programs import (
    Rates,
    TrainingData,
    TrainingState,
    descend,
    ensemble_outputs,
    largest_curvature,
)
from skntk.gram.engine.compilation import Program
from skntk.gram.engine.devices import Devices
from skntk.gram.engine.padding import padded_rows, repeat_last_row
from skntk.inference.losses.losses import LossName

# Beside the parameters: the last step, the initial parameters, the gradient and the next ones.
_COPIES_OF_PARAMETERS = 5
# Activations and their derivatives.
_COPIES_OF_ACTIVATIONS = 2

# Small networks are drawn in groups of one size: drawing is then compiled for any number of them.
_DRAWN_TOGETHER = 16
_SMALL_NETWORK = 2**18

# A generator of its own: the results do not depend on the one that a user has chosen for JAX.
_GENERATOR = "threefry2x32"


def check_finite_width(architecture: Layer, input_shape: tuple[int, ...]) -> None:
    """Raise a ValueError unless the architecture describes networks of finite width.

    Its hyperparameters fit ``input_shape``, the shape of one sample as the network reads it.
    """
    try:
        _abstract(architecture, input_shape, width=2, n_outputs=1)
    except NotImplementedError as error:
        raise ValueError(
            f"{architecture!r} has no counterpart of finite width: {error} Replace that layer."
        ) from error


class Ensemble:
    """Networks of one architecture and width, each from an initialization of its own.

    Network i is the same whatever the number of networks and the precision. Networks that would
    take more than the working memory are trained in batches. The seed decides all parameters and
    all masks of `Dropout`; ``width`` is that of hidden layers. The architecture has been checked
    with ``input_shape``, the shape of one sample as the network reads it.
    """

    def __init__(
        self,
        architecture: Layer,
        *,
        seed: int,
        n_networks: int,
        width: int,
        n_outputs: int,
        dtype: str,
        input_shape: tuple[int, ...],
    ) -> None:
        self._architecture = with_arrays(architecture, np.dtype(dtype))
        self._seed = seed
        self._n_networks = n_networks
        self._width = width
        self._n_outputs = n_outputs
        self._dtype = np.dtype(dtype)
        self._input_shape = input_shape
        parameters, outputs = _abstract(architecture, input_shape, width, n_outputs)
        self.n_parameters = sum(prod(leaf.shape) for leaf in jax.tree.leaves(parameters))
        self._n_activations = outputs

    @property
    def n_bytes(self) -> int:
        """Memory that training takes for the parameters of all networks."""
        n_numbers = self._n_networks * _COPIES_OF_PARAMETERS * self.n_parameters
        return n_numbers * self._dtype.itemsize

    def batches(self, n_rows: int, n_bytes: int) -> list[range]:
        """Return the numbers of the networks of every batch.

        ``n_rows`` samples pass through the networks at once, whose activations take ``n_bytes`` at
        most, as far as one network does not take more.
        """
        numbers_per_network = _COPIES_OF_ACTIVATIONS * n_rows * self._n_activations + (
            _COPIES_OF_PARAMETERS * self.n_parameters
        )
        networks_at_once = max(n_bytes // (numbers_per_network * self._dtype.itemsize), 1)
        n_batches = -(-self._n_networks // networks_at_once)
        batches = gen_even_slices(self._n_networks, n_batches)
        return [range(batch.start, batch.stop) for batch in batches]

    def draw(self, numbers: range) -> TrainingState:
        """Return networks before training, by their numbers."""
        size = _DRAWN_TOGETHER if self.n_parameters <= _SMALL_NETWORK else 1
        groups = [range(first, first + size) for first in range(numbers[0], numbers[-1] + 1, size)]
        drawn = [self._initialize(self._keys(group, "parameters")) for group in groups]
        parameters = jax.tree.map(lambda *leaves: np.concatenate(leaves)[: len(numbers)], *drawn)
        step = jax.tree.map(np.zeros_like, parameters)
        return TrainingState(parameters, parameters, step, self.mask_keys(numbers))

    def _initialize(self, keys: Any) -> Parameters:
        def initialize(key: Any) -> Parameters:
            return self._architecture.initialize(
                key, self._input_shape, self._width, self._n_outputs
            )

        # In double precision, so that the networks are the same in single. Not within a compiled
        # program: random numbers take longer to compile than to draw, and by themselves they are
        # compiled once for every shape.
        with own_placement(), jax.enable_x64(True):
            parameters = jax.vmap(initialize)(keys)
            return jax.tree.map(lambda leaf: np.asarray(leaf, self._dtype), parameters)

    def mask_keys(self, numbers: range) -> Any:
        """Return what decides the masks of `Dropout`, None without one."""
        if not self._architecture.is_stochastic():
            return None
        return self._keys(numbers, "masks")

    def _keys(self, numbers: range, purpose: str) -> Any:
        require_threads_of_jax()
        with own_placement():
            key = jax.random.key(self._seed, impl=_GENERATOR)
            key = jax.random.fold_in(key, ("parameters", "masks").index(purpose))
            return jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, jnp.asarray(numbers))

    def data(self, X: np.ndarray, targets: np.ndarray, sample_weight: np.ndarray) -> TrainingData:
        """Return what the networks are trained on, padded.

        X are inputs as the network reads them, targets of shape (n, n_outputs), weights positive.
        """
        n_rows = padded_rows(len(X))
        weight = np.pad(sample_weight / sample_weight.sum(), (0, n_rows - len(X)))
        arrays = (repeat_last_row(X, n_rows), repeat_last_row(targets, n_rows), weight)
        return TrainingData._make(np.asarray(array, self._dtype) for array in arrays)

    def largest_curvature(
        self, networks: TrainingState, data: TrainingData, loss: LossName
    ) -> float:
        """Return a bound of the second derivative of the loss along any direction."""
        with self._precision():
            compute = self._compiled(largest_curvature)
            return float(np.max(compute(self._architecture, networks, data, loss=loss)))

    def train(
        self,
        networks: TrainingState,
        data: TrainingData,
        *,
        loss: LossName,
        rates: Rates,
        n_steps: int,
    ) -> TrainingState:
        """Return networks, of `draw` or an earlier call, after so many more steps of descent."""
        with self._precision():
            rates = Rates(*(np.asarray(rate, self._dtype) for rate in rates))
            count = np.int32(n_steps)
            compute = self._compiled(descend)
            trained: TrainingState = compute(
                self._architecture, networks, data, rates, count, loss=loss
            )
            return trained

    def outputs(self, parameters: Parameters, X: np.ndarray, n_bytes: int) -> np.ndarray:
        """Return the outputs of all networks, shape (n_networks, n, n_outputs) in float64.

        X are inputs as the network reads them, ``n_bytes`` is the most memory for activations.
        """
        row_bytes = self._n_activations * self._dtype.itemsize
        outputs = []
        for numbers in self.batches(1, n_bytes):
            batch = slice(numbers.start, numbers.stop)
            some = jax.tree.map(lambda leaf, batch=batch: leaf[batch], parameters)
            block_size = max(n_bytes // (row_bytes * len(numbers)), 1)
            blocks = list(self._output_blocks(some, numbers, X, block_size))
            outputs.append(np.concatenate(blocks, axis=1))
        return np.concatenate(outputs)

    def _output_blocks(
        self, parameters: Parameters, numbers: range, X: np.ndarray, block_size: int
    ) -> Iterator[np.ndarray]:
        mask_keys = self.mask_keys(numbers)
        for block in gen_batches(len(X), block_size):
            rows = X[block]
            inputs = repeat_last_row(rows, min(padded_rows(len(rows)), block_size))
            with self._precision():
                keys = mask_keys
                if keys is not None:
                    # Other samples than those of the training, and of other blocks.
                    keys = jax.vmap(jax.random.fold_in, in_axes=(0, None))(keys, block.start + 1)
                inputs = np.asarray(inputs, self._dtype)
                compute = self._compiled(ensemble_outputs)
                outputs = compute(self._architecture, parameters, keys, inputs)
                yield np.asarray(outputs, np.float64)[:, : len(rows)]

    def _compiled(self, program: Program) -> Any:
        """Return the function of a program for networks of this architecture."""
        return program.on(Devices.local().all[0], jax.tree.structure(self._architecture))

    @contextmanager
    def _precision(self) -> Iterator[None]:
        require_threads_of_jax()
        with own_placement(), jax.enable_x64(self._dtype == np.float64):
            yield


def _abstract(
    architecture: Layer, input_shape: tuple[int, ...], width: int, n_outputs: int
) -> tuple[Any, int]:
    """Return shapes of the parameters, and the number of activations that a sample gives rise to.

    Nothing is computed and nothing compiled.
    """
    key = jax.eval_shape(lambda: jax.random.key(0, impl=_GENERATOR))
    architecture = with_arrays(architecture, np.dtype("float32"))
    parameters = jax.eval_shape(
        lambda key: architecture.initialize(key, input_shape, width, n_outputs), key
    )
    sample = jax.ShapeDtypeStruct((1, *input_shape), np.float32)
    traced = jax.make_jaxpr(architecture.apply)(parameters, sample, key)
    values = [value for equation in traced.eqns for value in equation.outvars]
    return parameters, sum(prod(value.aval.shape) for value in values)
