"""What the parameter `solver` stands for."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from skntk.inference.linalg.cholesky import CholeskySolver
from skntk.inference.linalg.solver import LinearSolver
from skntk.solvers.cholesky import Cholesky
from skntk.solvers.conjugate_gradient import ConjugateGradient
from skntk.solvers.inducing_points import InducingPoints

SolverName = Literal["cholesky", "inducing_points", "conjugate_gradient"]
# Parameters of classifiers whose log-loss is no sum of products, and what has one.
_WITHOUT_SUMS = (("likelihood", "softmax", "gaussian"), ("loss", "log_loss", "squared_error"))
Solver = SolverName | LinearSolver | InducingPoints

_EXACT_INSTEAD = "solver='cholesky' and train on as many rows as memory holds."


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
    solver = estimator.solver
    if inducing_points(solver) is None and not is_exact(solver):
        raise AttributeError(
            f"partial_fit goes on from a Cholesky factor or from sums over rows, and "
            f"solver={solver!r} has neither: set solver='inducing_points', or solver='cholesky' "
            "for as many rows as memory holds."
        )
    if inducing_points(solver) is not None:
        _require_sums(estimator)
    if is_exact(solver):
        try:
            _require(
                estimator,
                "partial_fit extends the Cholesky factor of earlier rows",
                "use fit on all rows.",
                training_time=(None, "a finite time needs all eigenvectors of the kernel"),
                likelihood=("gaussian", "its mode needs a factorization of all rows for a class"),
                loss=("squared_error", "its training needs all eigenvectors of the kernel"),
            )
        except ValueError as error:
            raise AttributeError(str(error)) from None
    return True


def require_addable(machine: Any) -> None:
    """Raise a ValueError if rows cannot be added to an estimator as its parameters say."""
    name = type(machine).__name__
    if np.ndim(machine.alpha) == 1:
        raise ValueError(
            f"{name}(alpha=...) has one value for each of {len(machine.alpha)} rows, and "
            "partial_fit takes further ones, with one alpha for all of them: set alpha to a number "
            "or 'auto', and give rows different weights by sample_weight."
        )
    if machine.optimizer is not None:
        raise ValueError(
            f"{name}(optimizer={machine.optimizer!r}): partial_fit goes on with one network, whose "
            "numbers an optimizer would change. Learn them by fit on some rows, set "
            "hyperparameters_ by set_params, and optimizer=None."
        )


def _require_sums(estimator: Any) -> None:
    """Raise an AttributeError for a log-loss, which is no sum of products over rows."""
    for parameter, value, other in _WITHOUT_SUMS:
        if getattr(estimator, parameter, other) == value:
            raise AttributeError(
                f"partial_fit adds rows to sums, which {parameter}={value!r} does not have: it "
                "takes several passes over all rows. Call fit with all of them, or set "
                f"{parameter}={other!r}."
            )


def require_solvable(machine: Any) -> None:
    """Raise a ValueError if an estimator's solver cannot train it as its parameters say."""
    iterative, points = iterative_solver(machine.solver), inducing_points(machine.solver)
    if iterative is not None:
        iterative.check()
        if iterative.std_steps is not None and len(machine.kinds) > 1:
            raise ValueError(
                f"{type(machine).__name__}(solver=ConjugateGradient(std_steps="
                f"{iterative.std_steps!r})): some steps bound the variance of a Gaussian process, "
                "and not that of an ensemble of trained networks. Set std_steps=None, or use the "
                "NNGP estimator."
            )
        _require(
            machine,
            "conjugate gradients train to convergence on squared error",
            _EXACT_INSTEAD,
            training_time=(None, "a finite time needs all eigenvectors of the kernel"),
            optimizer=(None, "a marginal likelihood and its gradient need a factorization"),
            likelihood=("gaussian", "its mode needs a factorization for each class"),
            loss=("squared_error", "its training needs all eigenvectors of the kernel"),
        )
    if points is not None:
        points.validate()


def _require(machine: Any, reason: str, instead: str, **parameters: tuple[str | None, str]) -> None:
    """Raise a ValueError for a parameter that has not the value that can be trained."""
    for parameter, (trained, why) in parameters.items():
        value = getattr(machine, parameter, trained)
        if value is not trained and value != trained:
            raise ValueError(
                f"{type(machine).__name__}({parameter}={value!r}): {reason}, and {why}. Set "
                f"{parameter}={trained!r}, or {instead}"
            )
