"""The memory that a fit takes, asked for before it begins."""

from __future__ import annotations

from typing import ClassVar, Protocol

from skntk._memory import require_memory
from skntk.estimators.kernel_machines.solver_choice import Solver, inducing_points, iterative_solver
from skntk.solvers.conjugate_gradient import ConjugateGradient
from skntk.solvers.inducing_points import InducingPoints

# Rows on which an iterative solver finds `alpha`, by factorizations.
MOST_ROWS_FOR_ALPHA = 4000

# Matrices of m x m float64 numbers at the peak of a fit through m inducing points: kernels between
# the points, their factor and that of the equations, sums, and a copy that is factorized.
MATRICES_OF_POINTS = 7
# What `InducingPoints` holds beside them: a block of rows.
_BYTES_IN_BLOCK = 2**28
# Vectors of an iteration for each output, and columns of the kernel beside the preconditioner.
_N_VECTORS, _N_COLUMNS = 7, 512


class _Machine(Protocol):
    solver: Solver
    dtype: str
    # Of n x n numbers in double precision, which the exact solver holds at its peak.
    _peak_matrices: ClassVar[int]

    @property
    def _alpha_is_found(self) -> bool: ...


def require_memory_of_fit(machine: _Machine, n_samples: int, n_outputs: int) -> None:
    """Raise a MemoryError if a fit of so many rows needs more memory than is free."""
    what = f"{type(machine).__name__}.fit on {n_samples} samples"
    if inducing_points(machine.solver) is not None:
        # Known once the points are.
        return
    iterative = iterative_solver(machine.solver)
    if iterative is None:
        n_matrices = machine._peak_matrices + machine._alpha_is_found
        others = _others(machine.dtype, n_samples, n_outputs)
        require_memory(n_matrices * n_samples**2 * 8, what, others)
        return
    n_few = min(n_samples, MOST_ROWS_FOR_ALPHA)
    factorized = machine._alpha_is_found * (machine._peak_matrices + 1) * n_few**2 * 8
    require_memory(
        memory_of_iteration(iterative, machine.dtype, n_samples, n_outputs) + factorized,
        f"{what} by conjugate gradients",
        "Set storage='file', 'workers' or 'none' of ConjugateGradient to hold no kernel, "
        "storage_dtype='float32' to hold half of it, or a smaller rank.",
    )


def memory_of_iteration(
    solver: ConjugateGradient, dtype: str, n_samples: int, n_outputs: int
) -> int:
    """Return the bytes that conjugate gradients take: kernel, preconditioner and vectors."""
    itemsize = 4 if (solver.storage_dtype or dtype) == "float32" else 8
    kernel = n_samples**2 * itemsize if solver.storage == "memory" else 0
    columns = min(solver.rank, n_samples) + min(_N_COLUMNS, n_samples) + _N_VECTORS * n_outputs
    return kernel + columns * n_samples * 8


def _others(dtype: str, n_samples: int, n_outputs: int) -> str:
    n_points = min(InducingPoints().n_points, n_samples)
    points = MATRICES_OF_POINTS * n_points**2 * 8 + _BYTES_IN_BLOCK
    in_memory, in_file = (
        memory_of_iteration(ConjugateGradient(storage=storage), dtype, n_samples, n_outputs)
        for storage in ("memory", "file")
    )
    return (
        f"solver='inducing_points' takes about {points / 2**30:.2g} GiB with {n_points} points "
        "(InducingPoints(n_points=...) takes any number), and is an approximation. "
        "solver='conjugate_gradient' solves the same equations in "
        f"{in_memory / 2**30:.3g} GiB, or {in_file / 2**30:.3g} GiB with "
        "ConjugateGradient(storage='file'). dtype='float32' halves the kernel of the latter alone: "
        "the exact solver works in float64."
    )
