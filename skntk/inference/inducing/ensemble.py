"""An ensemble of trained networks through inducing points."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.linalg import blas, lapack

from skntk.inference.inducing.gaussian_process import mean_coefficients
from skntk.inference.inducing.left_out_rows import LeftOutRows
from skntk.inference.inducing.network_spread import NetworkSpread, rows_that_are_points
from skntk.inference.inducing.projected_system import ProjectedSystem
from skntk.inference.inducing.shifted_cholesky import shifted_cholesky
from skntk.inference.inducing.training_run import SparseRun
from skntk.inference.inducing.whitening import AnyFloat
from skntk.inference.linalg.arrays import FloatArray, as_kernel
from skntk.inference.training.initialization_noise import ensemble_covariance
from skntk.inference.training.training_methods import TrainingMethod

__all__ = ["SparseEnsemble"]


@dataclass(frozen=True, eq=False)
class SparseEnsemble:
    r"""Networks trained to convergence, their NTK projected on m inducing points Z.

    With features :math:`\phi` of the NTK T and F, s as in `ProjectedSystem`, the map from values of
    a function at Z to the prediction is

    .. math::

        P = T_{*Z} L^{-T} F (F + s I)^{-1} L^{-1},

    because the initial function of a network enters at the training rows by its interpolation from
    Z, :math:`f_0(X) \approx T_{XZ} T_{ZZ}^{-1} f_0(Z)`. The prediction of a network is then
    :math:`f_0(x) - P f_0(Z)` plus the mean, so that the covariance over initial functions

    .. math::

        K_{**} - P K_{*Z}^T - K_{*Z} P^T + P K_{ZZ} P^T

    takes no sum over rows beside that of the mean. Variances are larger than those of all rows, by
    what the inducing points do not say about initial functions. With all rows as inducing points
    both are equal.

    Attributes
    ----------
    system : ProjectedSystem
        Of the NTK.
    nngp : ndarray of shape (m, m)
        K_ZZ, the NNGP kernel between the inducing points.
    dual_coef : ndarray of shape (m,) or (m, outputs)
        Coefficients of the NTK with the inducing points in the mean.
    prior_variance : float
        The sum of the weighted NNGP variances of all rows.
    """

    system: ProjectedSystem
    nngp: FloatArray
    dual_coef: FloatArray
    prior_variance: float

    @classmethod
    def of(
        cls,
        system: ProjectedSystem,
        nngp: FloatArray,
        outputs: tuple[int, ...],
        prior_variance: float,
    ) -> Self:
        """Return the ensemble given the sums over rows, whose targets have this shape."""
        return cls(system, nngp, mean_coefficients(system, outputs), prior_variance)

    def mean(self, ntk_cross: npt.ArrayLike) -> FloatArray:
        """Return the mean at test points from their NTK with the inducing points, (t, m)."""
        return as_kernel(ntk_cross) @ self.dual_coef

    def variance(
        self, ntk_cross: AnyFloat, nngp_cross: AnyFloat, nngp_diagonal: npt.ArrayLike
    ) -> FloatArray:
        """Return the variance at test points, from both kernels with the inducing points.

        It takes 3 m^2 products for every point, in the precision of the kernels.
        """
        gemm, trmm = blas.get_blas_funcs(("gemm", "trmm"), dtype=self.system.whitening.dtype)
        prediction_map, prior = self._in_precision
        # Columns are points: the transposes of C-ordered kernels are in the order of BLAS.
        prediction = gemm(1.0, prediction_map, ntk_cross.T)
        change = -2.0 * np.einsum("ij,ji->j", prediction, nngp_cross, dtype=np.float64)
        spread = trmm(1.0, prior, prediction, lower=1, trans_a=1, overwrite_b=1)
        change += np.einsum("ij,ij->j", spread, spread, dtype=np.float64)
        return np.maximum(as_kernel(nngp_diagonal) + change, 0.0)

    def covariance(
        self, ntk_cross: npt.ArrayLike, nngp_cross: npt.ArrayLike, nngp_test: npt.ArrayLike
    ) -> FloatArray:
        """Return the covariance between test points."""
        prediction = as_kernel(ntk_cross) @ self.prediction_map
        return ensemble_covariance(
            prediction, self.nngp, as_kernel(nngp_cross), as_kernel(nngp_test)
        )

    def left_out_variance(
        self,
        left_out: LeftOutRows,
        ntk_cross: AnyFloat,
        nngp_cross: AnyFloat,
        nngp_diagonal: npt.ArrayLike,
    ) -> FloatArray:
        """Return the variance at rows by the ensembles that leave them out."""
        variance = self.variance(ntk_cross, nngp_cross, nngp_diagonal)
        diagonal = as_kernel(nngp_diagonal)
        points = rows_that_are_points(self.nngp, nngp_cross, diagonal)
        if points.any():
            features = as_kernel(self.system.whitening.features(ntk_cross[points]))
            cross = as_kernel(nngp_cross[points])
            spread = NetworkSpread.of(self.system, self.nngp, features, cross, diagonal[points])
            variance[points] = spread.variance
        return np.square(left_out.factor / left_out.noise) * variance

    def require_convergence(self) -> None:
        """Do nothing: training has converged."""

    def training_run(
        self, system: ProjectedSystem, method: TrainingMethod, outputs: tuple[int, ...]
    ) -> SparseRun:
        """Return the training that leads to this ensemble."""
        return SparseRun.of(system, method, outputs, self.nngp, self.prior_variance)

    @cached_property
    def prediction_map(self) -> FloatArray:
        """L^-T F (F + s I)^-1 L^-1, symmetric, found when a spread is first asked for."""
        factor, whitening = self.system.factor, self.system.whitening.factor
        # L^-1 and R^-1 L^-1: the map is L^-T (I - s R^-T R^-1) L^-1.
        inverse, _ = lapack.dtrtri(whitening, lower=1)
        shrunk = blas.dtrsm(np.sqrt(self.system.noise), factor, inverse, lower=1)
        product = blas.dsyrk(1.0, inverse, trans=1, lower=1)
        product = blas.dsyrk(-1.0, shrunk, beta=1.0, c=product, trans=1, lower=1, overwrite_c=1)
        return product + np.tril(product, -1).T

    @cached_property
    def _in_precision(self) -> tuple[AnyFloat, AnyFloat]:
        """The map, and the Cholesky factor of K_ZZ, as products with kernels take them."""
        dtype = self.system.whitening.dtype
        prior = shifted_cholesky(self.nngp).factor
        return (
            np.asfortranarray(self.prediction_map, dtype=dtype),
            np.asfortranarray(prior, dtype=dtype),
        )
