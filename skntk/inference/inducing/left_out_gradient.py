"""How the density of left-out observations changes with kernels and noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from skntk.inference.inducing.left_out_rows import LeftOutRows, SampledRows
from skntk.inference.inducing.network_spread import NetworkSpread
from skntk.inference.inducing.projected_system import ProjectedSystem
from skntk.inference.inducing.sparse_gradient import SampleGradient, SparseGradient
from skntk.inference.linalg.arrays import FloatArray, as_kernel
from skntk.inference.posteriors.normal_density import normal_density

__all__ = ["EnsembleSpread", "ProcessSpread", "left_out_gradient"]


def left_out_gradient(
    system: ProjectedSystem,
    rows: SampledRows,
    nngp: FloatArray | None = None,
    *,
    best_scale: bool = False,
) -> SparseGradient:
    r"""Return the log density of left-out observations, estimated from some rows, and derivatives.

    With all rows it is `skntk.inference.ensemble_leave_one_out_density`, or for a Gaussian process
    `skntk.inference.leave_one_out_density`, of the kernel's projection on the inducing points.

    Parameters
    ----------
    system : ProjectedSystem
        Its sums contain the rows.
    rows : SampledRows
        With features in double precision.
    nngp : ndarray of shape (m, m) or None
        The NNGP kernel between the inducing points, of an ensemble; None is a Gaussian process.
    best_scale : bool, default=False
        Whether kernels and noise are multiplied by the best factor for every output, and not by 1.

    Notes
    -----
    Backward differentiation. Forward, with :math:`A = F + s I`, a row has :math:`\psi = A^{-1}
    \phi`, the precision :math:`p = 1 / a - s \phi^T \psi / a^2`, the factor f of its residual, and
    :math:`t = f / a`; residuals are :math:`t (y - \phi^T A^{-1} b)`. ``by_x`` is the derivative by
    x, found from the score back. As :math:`dA^{-1} = -A^{-1} dA A^{-1}`, one by :math:`A^{-1} v`
    passes to A and to v.
    """
    block, noise = rows.block, system.noise
    features, repetitions = as_kernel(block.features), block.repetitions
    left_out = LeftOutRows.of(system, block, None)
    factor, row_noise = left_out.factor, left_out.noise
    ratio = factor / row_noise
    spread = ProcessSpread(rows) if nngp is None else EnsembleSpread.of(system, rows, nngp)
    share = system.sums.n_observations / repetitions.sum()
    density = normal_density(
        left_out.residuals, spread.variance(left_out), share * repetitions, best_scale=best_scale
    )
    through = spread.gradient(left_out, density.by_variance)
    # Residuals: t times what is missed.
    missed = left_out.residuals / ratio[:, np.newaxis]
    by_missed = density.by_residuals * ratio[:, np.newaxis]
    by_ratio = (density.by_residuals * missed).sum(axis=1) + through.by_ratio
    by_factor = by_ratio / row_noise + through.by_factor
    by_row_noise = through.by_row_noise - by_ratio * ratio / row_noise
    # The factor of the precision and the noise, and the precision of both.
    by_precision = -by_factor * factor**2 / np.maximum(repetitions, 1)
    by_row_noise += by_factor * np.maximum(1 - 1 / repetitions, 0.0) * ratio**2
    by_row_noise += by_precision * (1 / row_noise - 2 * left_out.precision) / row_noise
    by_explained = -by_precision * noise / row_noise**2
    # The features, the inverse, and the sums.
    solved = system.solve(features)
    coefficients = system.solve(system.sums.by_target)
    by_target = system.solve(-features @ by_missed)
    by_solved = system.solve(through.by_learned)
    by_features = 2 * solved * by_explained - coefficients @ by_missed.T
    by_features += through.by_features + through.by_learned - noise * by_solved
    by_gram = (noise * by_solved - solved * by_explained) @ solved.T - by_target @ coefficients.T
    by_gram = 0.5 * (by_gram + by_gram.T)
    by_noise = np.trace(by_gram) + by_row_noise @ (1 / block.weight)
    by_noise += by_explained @ np.einsum("ij,ij->j", features, solved) / noise
    by_noise -= np.vdot(through.by_learned, solved)
    rotation = features @ by_features.T + through.by_learned @ (features - noise * solved).T
    by_cross = system.whitening.to_kernel_coefficients(by_features).T
    return SparseGradient.of(
        system,
        density.score,
        density.scale,
        by_gram=by_gram,
        by_target=by_target,
        by_noise=float(by_noise),
        by_rotation=rotation,
        sample=SampleGradient(
            (by_cross, *through.by_prior_cross), through.by_prior_variance, through.by_prior
        ),
    )


@dataclass(frozen=True, eq=False)
class _SpreadGradient:
    """Derivatives of a score through the variance of left-out observations."""

    by_ratio: FloatArray
    by_factor: FloatArray
    by_row_noise: FloatArray
    by_features: FloatArray
    # By features - s (F + s I)^-1 features.
    by_learned: FloatArray
    by_prior_variance: FloatArray
    by_prior_cross: tuple[FloatArray, ...] = ()
    by_prior: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class ProcessSpread:
    """The variance of left-out observations of a Gaussian process."""

    rows: SampledRows

    def variance(self, left_out: LeftOutRows) -> FloatArray:
        """Return the variance with the noise, shape (b,)."""
        features, repetitions = as_kernel(self.rows.block.features), self.rows.block.repetitions
        explained = np.einsum("ij,ij->j", features, features)
        variance: FloatArray = np.maximum(self.rows.nngp_diagonal - explained, 0.0)
        variance += np.maximum(repetitions, 1) * left_out.factor
        variance += np.minimum(repetitions - 1, 0) * left_out.noise
        return variance

    def gradient(self, left_out: LeftOutRows, by_variance: FloatArray) -> _SpreadGradient:
        """Return the derivatives of a score, given that by the variance."""
        features, repetitions = self.rows.block.features, self.rows.block.repetitions
        return _SpreadGradient(
            by_ratio=np.zeros_like(by_variance),
            by_factor=np.maximum(repetitions, 1) * by_variance,
            by_row_noise=np.minimum(repetitions - 1, 0) * by_variance,
            by_features=-2 * features * by_variance,
            by_learned=np.zeros_like(features),
            by_prior_variance=by_variance,
        )


@dataclass(frozen=True, eq=False)
class EnsembleSpread:
    """The variance of left-out observations over the networks of an ensemble, with their noise.

    Attributes
    ----------
    system : ProjectedSystem
    rows : SampledRows
    networks : NetworkSpread
        With the rows.
    """

    system: ProjectedSystem
    rows: SampledRows
    networks: NetworkSpread

    @classmethod
    def of(cls, system: ProjectedSystem, rows: SampledRows, nngp: FloatArray) -> Self:
        """Return the spread, given the NNGP kernel between the inducing points."""
        assert rows.nngp_cross is not None
        features, cross = as_kernel(rows.block.features), as_kernel(rows.nngp_cross)
        networks = NetworkSpread.of(system, nngp, features, cross, rows.nngp_diagonal)
        return cls(system, rows, networks)

    def variance(self, left_out: LeftOutRows) -> FloatArray:
        """Return the variance with the noise, shape (b,)."""
        spread = np.square(left_out.factor / left_out.noise) * self.networks.variance
        variance: FloatArray = spread + self.rows.block.repetitions * left_out.noise
        return variance

    def gradient(self, left_out: LeftOutRows, by_variance: FloatArray) -> _SpreadGradient:
        """Return the derivatives of a score, given that by the variance."""
        ratio, networks = left_out.factor / left_out.noise, self.networks
        by_networks = ratio**2 * by_variance
        by_prediction = 2 * networks.change * by_networks
        # The kernels of a row that is a point are those of the points.
        by_row = np.where(networks.is_point, 0.0, by_networks)
        return _SpreadGradient(
            by_ratio=2 * ratio * networks.variance * by_variance,
            by_factor=np.zeros_like(by_variance),
            by_row_noise=self.rows.block.repetitions * by_variance,
            by_features=np.zeros_like(by_prediction),
            by_learned=as_kernel(self.system.whitening.features(by_prediction.T)),
            by_prior_variance=by_row,
            by_prior_cross=(-2 * (networks.weights * by_row).T,),
            by_prior=(networks.weights * by_networks) @ networks.weights.T,
        )
