"""Training rows as they were when the model is not trained on one of their observations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from skntk.inference.inducing.projected_system import ProjectedSystem
from skntk.inference.inducing.whitening import AnyFloat
from skntk.inference.linalg.arrays import FloatArray
from skntk.inference.posteriors.leave_one_out import left_out_factor, shift_of_center

__all__ = ["LeftOutRows", "SampledRows", "TrainingBlock"]


@dataclass(frozen=True, eq=False)
class TrainingBlock:
    """Some training rows.

    Attributes
    ----------
    features : ndarray of shape (m, b)
        Without weights.
    targets : ndarray of shape (b, outputs)
        In the units of the sums over rows.
    weight, repetitions : ndarray of shape (b,)
        Precision of a row in units of the noise, and how many observations it stands for.
    centering_weight : ndarray of shape (b,)
        Its weight in the mean of the targets.
    """

    features: AnyFloat
    targets: FloatArray
    weight: FloatArray
    repetitions: FloatArray
    centering_weight: FloatArray

    def rows(self, chosen: np.ndarray) -> TrainingBlock:
        """Return some of the rows."""
        return TrainingBlock(
            self.features[:, chosen],
            self.targets[chosen],
            self.weight[chosen],
            self.repetitions[chosen],
            self.centering_weight[chosen],
        )


@dataclass(frozen=True, eq=False)
class SampledRows:
    """Training rows that stand for all of them where each costs something.

    Attributes
    ----------
    block : TrainingBlock
    nngp_cross : ndarray of shape (b, m) or None
        Their NNGP kernel with the inducing points, of an ensemble.
    nngp_diagonal : ndarray of shape (b,)
        Their prior variances.
    """

    block: TrainingBlock
    nngp_cross: AnyFloat | None
    nngp_diagonal: FloatArray


@dataclass(frozen=True, eq=False)
class LeftOutRows:
    r"""Rows of which one observation is left out.

    With the matrix B of `ProjectedSystem`, a row of noise a and features :math:`\phi` has

    .. math::

        [B^{-1}]_{ii} = \frac{1 - h_i}{a}, \quad
        h_i = \frac{s}{a} \phi^T (F + s I)^{-1} \phi / s, \qquad
        [B^{-1} y]_i = \frac{y_i - m_i}{a},

    from which all follows as it does for the exact posterior (C. E. Rasmussen and C. K. I.
    Williams, Gaussian Processes for Machine Learning, section 5.4.2).

    Attributes
    ----------
    residuals : ndarray of shape (b, outputs)
        Targets less the means of the models without an observation; those center anew.
    factor, precision, noise : ndarray of shape (b,)
        The residual by the dual coefficient, the diagonal of B^-1, and the noise of a row.
    """

    residuals: FloatArray
    factor: FloatArray
    precision: FloatArray
    noise: FloatArray

    @classmethod
    def of(
        cls,
        system: ProjectedSystem,
        block: TrainingBlock,
        total_weight: float | None,
        *,
        all_observations: bool = False,
    ) -> Self:
        """Leave out an observation of every row of a block.

        Parameters
        ----------
        system : ProjectedSystem
            Its sums contain the rows of the block, with centered targets.
        block : TrainingBlock
        total_weight : float or None
            Sum of the weights by which the targets were centered, None where they were not.
        all_observations : bool, default=False
            Whether all observations of a row are left out at once.
        """
        noise = system.noise / block.weight
        leverage = system.uncertainty(block.features) / noise
        precision = np.maximum(1.0 - leverage, np.finfo(np.float64).eps) / noise
        repetitions = np.ones(len(noise)) if all_observations else block.repetitions
        factor = left_out_factor(repetitions, noise, precision)
        sums = system.sums
        columns = system.solve(np.column_stack([sums.by_target, sums.by_one]))
        learned = block.features.T @ columns.astype(block.features.dtype)
        of_ones = np.ones((len(noise), 1))
        misses = np.hstack([block.targets, of_ones]) - learned
        residuals = (factor / noise)[:, np.newaxis] * misses
        targets = residuals[:, :-1]
        if total_weight is not None:
            left_out = block.centering_weight / np.maximum(repetitions, 1.0)
            center = shift_of_center(block.targets, left_out, total_weight)
            targets = targets - center * residuals[:, -1:]
        return cls(targets, factor, precision, noise)
