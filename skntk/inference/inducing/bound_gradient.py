"""How the collapsed bound changes with kernels and noise."""

from __future__ import annotations

import numpy as np

from skntk.inference.inducing.gaussian_process import bound_at_scale, collapsed_bound
from skntk.inference.inducing.projected_system import ProjectedSystem
from skntk.inference.inducing.sparse_gradient import SparseGradient, inverse_of
from skntk.inference.linalg.arrays import diagonal_view

__all__ = ["bound_gradient"]


def bound_gradient(system: ProjectedSystem, *, best_scale: bool = False) -> SparseGradient:
    r"""Return the bound of `collapsed_bound`, and its derivatives.

    With :math:`\beta_k = (F + s I)^{-1} b_k` and c the scales of D outputs, the derivatives by F, b
    and the sum V of the weighted prior variances are

    .. math::

        G_F = -\frac{1}{2 s} \left(\sum_k \frac{\beta_k \beta_k^T}{c_k} + D \left(
        s (F + s I)^{-1} - I\right)\right), \qquad
        G_b = \frac{\beta_k}{s c_k}, \qquad G_V = -\frac{D}{2 s}.

    At its maximum the scale moves no derivative.

    Parameters
    ----------
    system : ProjectedSystem
    best_scale : bool, default=False
        Whether prior and noise are multiplied by the best factor for every output, and not by 1.
    """
    score, scale = collapsed_bound(system)
    if not best_scale:
        scale = np.ones_like(scale)
        score = bound_at_scale(system, scale)
    sums, noise, n_outputs = system.sums, system.noise, len(scale)
    solution = system.solve(sums.by_target) / np.sqrt(scale)
    inverse = inverse_of(system)
    by_gram = -0.5 / noise * (solution @ solution.T) - 0.5 * n_outputs * inverse
    diagonal = diagonal_view(by_gram)
    diagonal += 0.5 * n_outputs / noise
    fitted = float(np.square(solution).sum() - (system.misfit() / scale).sum())
    unexplained = system.residual_variance() / noise
    remaining = sums.n_observations - len(inverse) - unexplained
    return SparseGradient.of(
        system,
        score,
        scale,
        by_gram=by_gram,
        by_target=solution / (noise * np.sqrt(scale)),
        by_noise=-0.5 * (n_outputs * (np.trace(inverse) + remaining / noise) + fitted / noise),
        by_variance=-0.5 * n_outputs / noise,
    )
