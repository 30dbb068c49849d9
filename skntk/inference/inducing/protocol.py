"""What all posteriors through inducing points can do."""

from __future__ import annotations

from typing import Any, Protocol

from skntk.inference.inducing.left_out_rows import LeftOutRows
from skntk.inference.inducing.projected_system import ProjectedSystem
from skntk.inference.inducing.training_run import SparseRun
from skntk.inference.linalg.arrays import FloatArray
from skntk.inference.posteriors.protocol import PredictiveDistribution
from skntk.inference.training.training_methods import TrainingMethod

__all__ = ["SparsePosterior"]


class SparsePosterior(PredictiveDistribution, Protocol):
    """A posterior through inducing points."""

    def require_convergence(self) -> None:
        """Raise a ValueError where leave-one-out predictions have no closed form."""

    def left_out_variance(self, left_out: LeftOutRows, *kernels: Any) -> FloatArray:
        """Return the variance at rows by the models that leave them out.

        ``kernels`` are those of the rows: ``(*crosses, diagonal)``.
        """

    def training_run(
        self, system: ProjectedSystem, method: TrainingMethod, outputs: tuple[int, ...]
    ) -> SparseRun:
        """Return the training that leads to this posterior; a run returns itself."""
