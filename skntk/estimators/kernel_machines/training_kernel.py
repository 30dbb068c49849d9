"""The kernel of the training rows as an iterative solver takes it: by products and columns."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from skntk.estimators.kernel_machines.kernel_on_workers import KernelOnWorkers
from skntk.estimators.kernel_machines.kernels import NetworkKernels
from skntk.gram.engine.progress import Report
from skntk.gram.kernel_file import fill_by_rows, kernel_in_file, rows_in_block
from skntk.gram.kernel_function import KernelFunction, Kind
from skntk.inference.linalg.computed_operator import ComputedOperator
from skntk.inference.linalg.solver import DenseOperator, KernelOperator
from skntk.solvers.conjugate_gradient import ConjugateGradient


def training_operator(
    kernels: NetworkKernels, X: np.ndarray, solver: ConjugateGradient, progress: bool | Report
) -> KernelOperator:
    """Return the first kernel of the training rows, kept where the solver says."""
    kind = kernels.kinds[0]
    dtype = solver.storage_dtype or kernels.function.dtype
    report = progress if callable(progress) else None
    if solver.storage == "none":
        return computed_operator(kernels.function, X, kind)
    if solver.storage == "file":
        return _in_file(kernels.function, X, kind, dtype, solver, report)
    if solver.storage == "workers":
        return KernelOnWorkers.of(computed_operator(kernels.function, X, kind), dtype, report)
    if dtype == kernels.function.dtype:
        (matrix,) = kernels.matrices(X, kinds=(kind,), progress=progress)
        return DenseOperator(matrix)
    matrix = np.empty((len(X), len(X)), dtype=dtype)
    starts = range(0, len(X), rows_in_block(len(X)))
    for _ in fill_by_rows(matrix, kernels.function, X, kind, starts, report):
        pass
    return DenseOperator(matrix)


def computed_operator(function: KernelFunction, X: np.ndarray, kind: Kind) -> ComputedOperator:
    """Return a kernel of which nothing is kept but its diagonal."""
    (diagonal,) = function.diagonals(X, kinds=(kind,))
    rows = KernelRows(function, X, kind, diagonal)
    return ComputedOperator(diagonal.astype(np.float64), rows, np.dtype(function.dtype))


@dataclass(frozen=True, eq=False)
class KernelRows:
    """Computes rows of a kernel matrix."""

    function: KernelFunction
    X: np.ndarray
    kind: Kind
    diagonal: np.ndarray

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Return the rows of some indices."""
        (block,) = self.function.gram(self.X[rows], self.X, kinds=(self.kind,))
        # A network that draws at random, as with dropout, does not know that a sample is itself.
        block[np.arange(len(rows)), rows] = self.diagonal[rows]
        return block


def _in_file(
    function: KernelFunction,
    X: np.ndarray,
    kind: Kind,
    dtype: str,
    solver: ConjugateGradient,
    report: Report | None,
) -> DenseOperator:
    if solver.storage_location is not None:
        folder = Path(solver.storage_location)
        return DenseOperator(kernel_in_file(folder, function, X, kind, dtype, report))
    folder = Path(tempfile.mkdtemp(prefix="skntk-"))
    try:
        operator = DenseOperator(kernel_in_file(folder, function, X, kind, dtype, report))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(operator, shutil.rmtree, folder, ignore_errors=True)
    return operator
