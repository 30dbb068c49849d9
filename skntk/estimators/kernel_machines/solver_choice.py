"""What the parameter `solver` stands for."""

from __future__ import annotations

from typing import Any, Literal

from skntk.inference.linalg.cholesky import CholeskySolver
from skntk.inference.linalg.solver import LinearSolver
from skntk.solvers.cholesky import Cholesky
from skntk.solvers.conjugate_gradient import ConjugateGradient
from skntk.solvers.inducing_points import InducingPoints

SolverName = Literal["cholesky", "inducing_points", "conjugate_gradient"]
# Parameters of classifiers whose log-loss is no sum of products, and what has one.
_WITHOUT_SUMS = (("likelihood", "softmax", "gaussian"), ("loss", "log_loss", "squared_error"))
Solver = SolverName | LinearSolver | InducingPoints


def linear_solver(solver: Solver) -> LinearSolver:
    """Return what factorizes matrices in memory; beside an iteration, those of some rows."""
    if isinstance(solver, str | Cholesky | ConjugateGradient | InducingPoints):
        return CholeskySolver()
    return solver


def is_exact(solver: Solver) -> bool:
    """Return whether a solver is a Cholesky factorization, the default, by whatever name."""
    return isinstance(solver, Cholesky | CholeskySolver) or solver == "cholesky"


def iterative_solver(solver: Solver) -> ConjugateGradient | None:
    """Return the solver that takes a kernel by its products, None if it needs the matrix."""
    if isinstance(solver, ConjugateGradient):
        return solver
    return ConjugateGradient() if solver == "conjugate_gradient" else None


def inducing_points(solver: Solver) -> InducingPoints | None:
    """Return the solver if it is inducing points, None if it takes the kernel of all rows."""
    if isinstance(solver, InducingPoints):
        return solver
    return InducingPoints() if solver == "inducing_points" else None


def adds_rows(estimator: Any) -> bool:
    """Return whether rows can be added to a fitted estimator, or say why not."""
    if inducing_points(estimator.solver) is None:
        raise AttributeError(
            f"partial_fit adds rows to sums, which solver={estimator.solver!r} does not make: set "
            "solver='inducing_points'."
        )
    for parameter, value, other in _WITHOUT_SUMS:
        if getattr(estimator, parameter, other) == value:
            raise AttributeError(
                f"partial_fit adds rows to sums, which {parameter}={value!r} does not have: it "
                "takes several passes over all rows. Call fit with all of them, or set "
                f"{parameter}={other!r}."
            )
    return True


def require_solvable(machine: Any) -> None:
    """Raise a ValueError if an estimator's solver cannot train it as its parameters say."""
    iterative, points = iterative_solver(machine.solver), inducing_points(machine.solver)
    if iterative is not None:
        iterative.check()
        _require(
            machine,
            "conjugate gradients train to convergence on squared error",
            training_time=(None, "a finite time needs all eigenvectors of the kernel"),
            optimizer=(None, "a marginal likelihood and its gradient need a factorization"),
            likelihood=("gaussian", "its mode needs a factorization for each class"),
            loss=("squared_error", "its training needs all eigenvectors of the kernel"),
        )
    if points is not None:
        points.validate()


def _require(machine: Any, reason: str, **parameters: tuple[str | None, str]) -> None:
    """Raise a ValueError for a parameter that has not the value that a solver can train."""
    for parameter, (trained, why) in parameters.items():
        value = getattr(machine, parameter, trained)
        if value is not trained and value != trained:
            raise ValueError(
                f"{type(machine).__name__}({parameter}={value!r}): {reason}, and {why}. Set "
                f"{parameter}={trained!r}, or solver='cholesky' and train on as many rows as "
                "memory holds."
            )
