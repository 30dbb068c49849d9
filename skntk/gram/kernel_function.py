"""The kernels of one network as a function of samples: checked once, prepared once."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import cached_property, partial
from os import PathLike
from typing import Any, Literal

import numpy as np

from skntk._memory import require_memory
from skntk._validation import check_n_jobs
from skntk.architecture.core.layer import Layer
from skntk.architecture.layers.linearized import LinearizedNetwork
from skntk.gram.engine.checkpoint import open_checkpoint
from skntk.gram.engine.engine import engine_for
from skntk.gram.engine.fingerprint import architecture_digest, fingerprint
from skntk.gram.engine.prepared_network import check_samples, prepare
from skntk.gram.engine.progress import Report, reporting
from skntk.gram.engine.working_memory import working_memory_in_bytes
from skntk.gram.tiling.chunks import kernel_diagonals, kernel_matrices
from skntk.gram.tiling.empirical import empirical_diagonals, empirical_matrices
from skntk.gram.tiling.symmetrization import (
    N_MATRICES_IN_SUM,
    Evaluate,
    number_of_pairs,
    symmetrized_diagonals,
    symmetrized_matrices,
)

Kind = Literal["nngp", "ntk"]
Path = str | PathLike[str]
DTYPES = ("float32", "float64")


class KernelFunction:
    """The kernels of a network for samples of one shape, which a model evaluates many times.

    Parameters
    ----------
    architecture : layer
        The network.
    sample_shape : tuple of int
        Shape of one sample as a user passes it.
    dtype : {"float64", "float32"}, default="float64"
        Precision of inputs and kernels.
    n_jobs : int, default=None
        Number of workers, as for `gram_matrix`.

    Attributes
    ----------
    input_shape : tuple of int
        Shape of one sample as the network reads it.
    layers : layer
        The network with its presets built, which answers questions about its structure.
    outputs_are_gaussian : bool
        Whether the outputs at infinite width are.

    Raises
    ------
    TypeError, ValueError
        If the network or its hyperparameters are not valid, or do not fit the samples.
    """

    def __init__(
        self,
        architecture: Layer,
        sample_shape: Sequence[int],
        *,
        dtype: str = "float64",
        n_jobs: int | None = None,
    ) -> None:
        self.architecture = architecture
        self.sample_shape = tuple(sample_shape)
        self.dtype = check_dtype(dtype).name
        self.n_jobs = check_n_jobs(n_jobs)
        if isinstance(architecture, LinearizedNetwork):
            self.input_shape = check_samples(architecture, self.sample_shape)
            self.layers: Layer = architecture
            self._input_dtype: np.dtype | None = np.dtype(self.dtype)
            self.outputs_are_gaussian = architecture.outputs_are_gaussian()
            self._matrices: Evaluate = partial(empirical_matrices, architecture)
            self._diagonals: Evaluate = partial(empirical_diagonals, architecture)
        else:
            network = prepare(architecture, self.sample_shape, self.dtype)
            self.input_shape = network.signature.sample_shape
            self.layers = network.layers
            self._input_dtype = None  # blocks of rows are converted, one by one
            self.outputs_are_gaussian = network.outputs_are_gaussian
            self._matrices = partial(kernel_matrices, network)
            self._diagonals = partial(kernel_diagonals, network)
        self._n_transforms = self.layers.n_transforms

    def __getstate__(self) -> dict[str, Any]:
        # Another process prepares the network again.
        return {
            "architecture": self.architecture,
            "sample_shape": self.sample_shape,
            "dtype": self.dtype,
            "n_jobs": self.n_jobs,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    @cached_property
    def digest(self) -> str:
        """The identity of the network and its hyperparameters."""
        return architecture_digest(self.architecture)

    def gram(
        self,
        X: np.ndarray,
        Y: np.ndarray | None = None,
        *,
        kinds: tuple[Kind, ...],
        progress: bool | Report = False,
        working_memory: float | None = None,
        checkpoint: Path | None = None,
    ) -> tuple[np.ndarray, ...]:
        """Compute kernel matrices of samples that have been checked.

        Parameters
        ----------
        X : ndarray of shape (n_samples_X, *sample_shape)
            Left inputs: finite, in single or double precision, in C order.
        Y : ndarray of shape (n_samples_Y, *sample_shape), default=None
            Right inputs; None means the samples of X themselves.
        kinds : tuple of {"nngp", "ntk"}
            Which kernels.
        progress, working_memory, checkpoint
            As for `gram_matrix`.

        Returns
        -------
        tuple of ndarray of shape (n_samples_X, n_samples_Y)
        """
        inputs = [self._reshaped(samples) for samples in (X, Y) if samples is not None]
        n_bytes = working_memory_in_bytes(working_memory)
        n_left, n_right = len(inputs[0]), len(inputs[-1])
        at_once = len(kinds) * (1 if self._n_transforms == 1 else N_MATRICES_IN_SUM)
        require_memory(
            at_once * n_left * n_right * np.dtype(self.dtype).itemsize,
            f"The kernel matrix of {n_left} x {n_right} samples",
            "Use fewer samples, or dtype='float32' for half of it.",
        )
        with ExitStack() as stack:
            counting = None
            if progress is not False:
                total = number_of_pairs(self.layers, *inputs)
                counting = stack.enter_context(reporting(progress, total))
            kept, found = None, None
            if checkpoint is not None:
                computation = fingerprint(self.architecture, *inputs, kinds=kinds, dtype=self.dtype)
                kept = stack.enter_context(open_checkpoint(checkpoint, computation))
                found = kept.matrices(len(kinds))
            if found is None:
                engine = stack.enter_context(engine_for(self.n_jobs, n_bytes, kept, counting))
                evaluate = partial(self._matrices, kinds, engine)
                if self._n_transforms > 1:
                    evaluate = partial(symmetrized_matrices, self.layers, evaluate)
                found = evaluate(*inputs)
                if kept is not None:
                    kept.finish(found)
            if counting is not None:
                counting.finish()
        return tuple(found)

    def diagonals(
        self, X: np.ndarray, *, kinds: tuple[Kind, ...], working_memory: float | None = None
    ) -> tuple[np.ndarray, ...]:
        """Compute the kernels of samples with themselves, shape (n_samples,); X as for `gram`."""
        inputs = self._reshaped(X)
        with engine_for(self.n_jobs, working_memory_in_bytes(working_memory)) as engine:
            evaluate = partial(self._diagonals, kinds, engine)
            if self._n_transforms > 1:
                matrices = partial(self._matrices, kinds, engine)
                evaluate = partial(symmetrized_diagonals, self.layers, evaluate, matrices)
            return tuple(evaluate(inputs))

    def _reshaped(self, X: np.ndarray) -> np.ndarray:
        """Return samples as the network reads them, without asking where they are so already."""
        if X.shape[1:] != self.input_shape:
            X = self.architecture.reshape_inputs(X)
        return X if self._input_dtype is None else X.astype(self._input_dtype, copy=False)


def check_dtype(dtype: str) -> np.dtype:
    """Return a precision that kernels can have, or raise a ValueError."""
    try:
        checked = np.dtype(dtype)
    except TypeError:
        checked = None
    if dtype is None or checked is None or checked.name not in DTYPES:
        raise ValueError(f"dtype must be 'float64' or 'float32', got {dtype!r}.")
    return checked


def dtypes_of_inputs(dtype: np.dtype | str) -> list[type]:
    """Return the precisions in which inputs are taken for kernels of a precision.

    The first one is that of inputs of other types. Kernels in single precision of inputs that are
    nearly parallel need the digits of these in double precision.
    """
    return [np.float64] if np.dtype(dtype) == np.float64 else [np.float64, np.float32]
