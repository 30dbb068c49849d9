"""What the parameter `solver` stands for."""

from __future__ import annotations

from typing import Any, Literal

from skntk.inference.linalg.cholesky import CholeskySolver
from skntk.inference.linalg.solver import LinearSolver
from skntk.solvers.conjugate_gradient import ConjugateGradient

SolverName = Literal["cholesky", "conjugate_gradient"]


def linear_solver(solver: SolverName | LinearSolver) -> LinearSolver:
    """Return what factorizes matrices in memory; beside an iteration, those of some rows."""
    if isinstance(solver, str | ConjugateGradient):
        return CholeskySolver()
    return solver


def iterative_solver(solver: SolverName | LinearSolver) -> ConjugateGradient | None:
    """Return the solver that takes a kernel by its products, None if it needs the matrix."""
    if isinstance(solver, ConjugateGradient):
        return solver
    return ConjugateGradient() if solver == "conjugate_gradient" else None


def require_solvable(machine: Any) -> None:
    """Raise a ValueError if an estimator's solver cannot train it as its parameters say."""
    solver = iterative_solver(machine.solver)
    if solver is None:
        return
    solver.check()
    name = type(machine).__name__
    for parameter, trained, remedy in (
        ("training_time", None, "a finite time needs all eigenvectors of the kernel"),
        ("optimizer", None, "a marginal likelihood and its gradient need a factorization"),
        ("likelihood", "gaussian", "its mode needs a factorization for each class"),
        ("loss", "squared_error", "its training needs all eigenvectors of the kernel"),
    ):
        value = getattr(machine, parameter, trained)
        if value is not trained and value != trained:
            raise ValueError(
                f"{name}({parameter}={value!r}): conjugate gradients train to convergence on "
                f"squared error, and {remedy}. Set {parameter}={trained!r}, or solver='cholesky' "
                "and train on as many rows as memory holds."
            )
