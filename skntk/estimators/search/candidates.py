"""The candidates of a search, in the order in which their kernels and folds are shared."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any, Self

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid

from skntk.estimators.kernel_machines.solver_choice import inducing_points
from skntk.estimators.search.closed_form import require_closed_form
from skntk.estimators.search.kernels import kernel_digest

Parameters = dict[str, Any]


@dataclass(frozen=True)
class Candidate:
    """One point of a grid."""

    # Its place in the grid.
    number: int
    # All parameters of its estimator, not only those of the grid.
    parameters: Parameters


# Candidates that differ in `alpha` alone, which is one number for each of them.
Family = list[Candidate]


@dataclass(frozen=True)
class Candidates:
    """The candidates of a grid."""

    # What the grid sets for each candidate, in its order.
    parameters: list[Parameters]
    # One list for each kernel.
    by_kernel: list[list[Family]]

    @classmethod
    def of(cls, estimator: Any, param_grid: Any, alpha: float | np.ndarray | None) -> Self:
        """Find the candidates of a grid, and check that each has a closed form.

        What `fit` was given as ``alpha`` takes the place of the parameter, unless it is None.
        """
        grid = list(ParameterGrid(param_grid))
        families: dict[Any, Family] = {}
        for number, parameters in enumerate(grid):
            own_alpha = parameters.get("alpha", estimator.alpha) if alpha is None else alpha
            family = families.setdefault(_family(number, parameters, own_alpha), [])
            # What is checked of the first holds for all of them.
            others = family[0].parameters if family else _checked(estimator, parameters)
            family.append(Candidate(number, others | {"alpha": own_alpha}))
        by_kernel: dict[tuple[str, ...], list[Family]] = {}
        for family in families.values():
            by_kernel.setdefault(kernel_digest(family[0].parameters), []).append(family)
        return cls(grid, list(by_kernel.values()))

    def take_points(self) -> bool:
        """Return whether some candidate is trained through inducing points."""
        families = [family for of_kernel in self.by_kernel for family in of_kernel]
        return any(inducing_points(family[0].parameters["solver"]) for family in families)

    def largest_group(self) -> int:
        """Return the largest number of candidates with one kernel."""
        return max(sum(map(len, families)) for families in self.by_kernel)


def _checked(estimator: Any, parameters: Parameters) -> Parameters:
    """Return all parameters of a candidate, of objects copies, if it has a closed form."""
    candidate = clone(estimator).set_params(**clone(parameters, safe=False))
    require_closed_form(candidate)
    checked: Parameters = candidate.get_params(deep=False)
    return checked


def _family(number: int, parameters: Parameters, alpha: Any) -> Any:
    """Return what tells the families of one kernel apart."""
    if not isinstance(alpha, Real):
        return number
    # The grid holds each of its values once, whatever type it has.
    others = parameters.keys() - {"alpha"}
    return frozenset((name, id(parameters[name])) for name in others)
