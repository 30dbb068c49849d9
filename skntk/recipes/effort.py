"""How many rows and points a comparison of candidates takes, so that it ends in time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["Effort", "choose_effort"]

# Part of the time that is left which candidates may take; refits and estimates need the rest.
_PART = 0.6


@dataclass(frozen=True)
class Effort:
    """Rows on which candidates are compared, inducing points, and rows that scales learn from."""

    n_rows: int
    n_points: int
    n_scale_rows: int

    def cost(self, n_rows: int) -> float:
        """Return about how many multiplications the features of a candidate take."""
        return float(min(n_rows, self.n_rows)) * min(self.n_points, n_rows) ** 2


# Rows that scales learn from cost with their square, and few may lead to a poor local maximum.
_EFFORTS = (
    Effort(1_000, 200, 200),
    Effort(2_000, 400, 300),
    Effort(5_000, 700, 400),
    Effort(10_000, 1_000, 600),
    Effort(20_000, 2_000, 1_000),
)


def choose_effort(
    n_rows: int, n_candidates: float, left: float, seconds: Callable[[Effort], float]
) -> Effort:
    """Return the largest effort whose comparison is likely to end in the seconds that are left.

    ``seconds`` measures one candidate; it is called with the least effort, and not if there is no
    limit. ``n_candidates`` counts all of them, those that are more work as several.
    """
    if np.isinf(left):
        return _EFFORTS[-1]
    pilot = _EFFORTS[0]
    per_unit = seconds(pilot) / pilot.cost(n_rows)
    chosen = pilot
    for effort in _EFFORTS[1:]:
        if per_unit * effort.cost(n_rows) * n_candidates > _PART * left:
            break
        chosen = effort
    return chosen
