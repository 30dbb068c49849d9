"""The kernels of an estimator's network between rows of inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from os import PathLike
from typing import Any, Protocol, Self

import numpy as np
from sklearn.utils import gen_batches

from skntk._memory import require_memory
from skntk.architecture.core.layer import Layer
from skntk.estimators.data.own_network import copy_of_architecture
from skntk.gram.cache.kernel_cache import KERNEL_CACHE
from skntk.gram.engine.progress import Report
from skntk.gram.engine.sizes import BLOCK_SIZES
from skntk.gram.kernel_function import KernelFunction
from skntk.gram.matrix import Kind

# Kernels between test and training rows are computed in blocks of this size or of a quarter of the
# training kernel, whichever is larger.
_BYTES_IN_BLOCK = 64 * 2**20


class KernelParameters(Protocol):
    """The parameters of an estimator that kernels depend on."""

    architecture: Layer | None
    dtype: str
    n_jobs: int | None
    cache_size: float | None
    cache_location: str | PathLike[str] | None


@dataclass(frozen=True, eq=False)
class NetworkKernels:
    """Kernels of one network, which fits the rows and has Gaussian outputs."""

    function: KernelFunction
    # What a posterior takes, the kernel that is inverted first.
    kinds: tuple[Kind, ...]
    # Where entries are kept; empty if they are not.
    cache: dict[str, Any]
    # Of kernels with the training rows that are held at a time; None goes by the training kernel.
    bytes_in_block: int | None = None

    @classmethod
    def prepare(cls, parameters: KernelParameters, kinds: tuple[Kind, ...], X: np.ndarray) -> Self:
        """Check the network of an estimator for rows like X, and copy it."""
        architecture = copy_of_architecture(parameters.architecture)
        function = KernelFunction(
            architecture, X.shape[1:], dtype=parameters.dtype, n_jobs=parameters.n_jobs
        )
        if not function.outputs_are_gaussian:
            raise ValueError(
                f"The outputs of {architecture!r} are not a Gaussian process: a last Dense layer "
                "is missing. Append one, for example Serial([..., Dense()])."
            )
        return cls(function, kinds, _cache_options(parameters))

    @property
    def architecture(self) -> Layer:
        """The network."""
        return self.function.architecture

    def with_network(self, architecture: Layer) -> Self:
        """Return the kernels of a network of the same structure with other numbers."""
        function = KernelFunction(
            architecture,
            self.function.sample_shape,
            dtype=self.function.dtype,
            n_jobs=self.function.n_jobs,
        )
        return replace(self, function=function)

    def in_double_precision(self) -> Self:
        """Return the kernels of the same network in float64."""
        if self.function.dtype == "float64":
            return self
        function = KernelFunction(
            self.architecture, self.function.sample_shape, n_jobs=self.function.n_jobs
        )
        return replace(self, function=function)

    def matrices(
        self,
        X: np.ndarray,
        Y: np.ndarray | None = None,
        *,
        kinds: tuple[Kind, ...] | None = None,
        progress: bool | Report = False,
    ) -> tuple[np.ndarray, ...]:
        """Return the kernels of some kinds, None being all, between rows of X and of Y."""
        kinds = self.kinds if kinds is None else kinds
        if not self.cache:
            return self.function.gram(X, Y, kinds=kinds, progress=progress)
        return KERNEL_CACHE.gram_matrix(
            self.function, X, Y, kinds=kinds, progress=progress, **self.cache
        )

    def training(
        self, X: np.ndarray, kinds: tuple[Kind, ...], progress: bool | Report
    ) -> tuple[np.ndarray, ...]:
        """Return the kernels of some kinds between training rows, in double precision."""
        matrices = list(self.matrices(X, kinds=kinds, progress=progress))
        # One at a time: both precisions of all kernels would not fit the memory that was asked for.
        for position in range(len(matrices)):
            matrices[position] = np.asarray(matrices[position], dtype=np.float64)
        return tuple(matrices)

    def found_later(self, X: np.ndarray, kind: Kind) -> Callable[[], np.ndarray]:
        """Return a function that looks up the kernel of training rows once it is needed."""
        return partial(_looked_up, self, X, kind)

    def diagonal(self, X: np.ndarray) -> np.ndarray:
        """Return the prior variances of one output at rows."""
        return self.function.diagonals(X, kinds=("nngp",))[0]

    def between_test_rows(self, X: np.ndarray, n_matrices: int) -> np.ndarray:
        """Return the prior covariance of one output, if there is memory.

        ``n_matrices`` of its size are held once a covariance is known. Before that it takes the
        test kernel and two for the product that it is reduced by.
        """
        require_memory(
            max(3, n_matrices) * len(X) ** 2 * 8,
            f"The covariance of {len(X)} predictions",
            "Predict fewer rows at a time, or return_std=True, which needs no covariances.",
        )
        (kernel,) = self.matrices(X, kinds=("nngp",))
        return np.asarray(kernel, dtype=np.float64)

    def blocks(self, X: np.ndarray, X_train: np.ndarray) -> Iterator[slice]:
        """Return the slices of X whose kernels with the training rows are held at a time."""
        n_train = len(X_train)
        n_bytes = self.bytes_in_block or max(_BYTES_IN_BLOCK, 2 * n_train**2)
        n_rows = max(1, n_bytes // (8 * n_train))
        if n_rows > BLOCK_SIZES[-1]:
            n_rows -= n_rows % BLOCK_SIZES[-1]
        slices: Iterator[slice] = gen_batches(len(X), n_rows)
        return slices


def _cache_options(parameters: KernelParameters) -> dict[str, Any]:
    if parameters.cache_size is not None:
        return {
            "max_bytes": int(parameters.cache_size * 2**20),
            "folder": parameters.cache_location,
        }
    if parameters.cache_location is not None:
        raise ValueError(
            "cache_location has no effect without a bound for what is kept: set "
            "cache_size, for example cache_size=200."
        )
    return {}


def _looked_up(kernels: NetworkKernels, X: np.ndarray, kind: Kind) -> np.ndarray:
    # All kinds are looked up: the entries of the others are there, and one would be computed anew.
    return kernels.matrices(X)[kernels.kinds.index(kind)]
