"""Predictions of ensembles whose mean is linear in the targets."""

from __future__ import annotations

import numpy.typing as npt

from skntk.inference.linalg.arrays import FloatArray, as_kernel
from skntk.inference.linalg.solver import KernelOperator
from skntk.inference.training.initialization_noise import ensemble_covariance, ensemble_variance


class EnsemblePredictions:
    """Mean, variance and covariance over initializations.

    Subclasses hold the coefficients of the mean and the NNGP kernel between training samples, and
    say how targets become predictions (``_prediction``).
    """

    nngp: FloatArray
    dual_coef: FloatArray

    def _prediction(self, ntk_cross: npt.ArrayLike) -> FloatArray:
        """Return P, shape (m, n)."""
        raise NotImplementedError

    def _nngp_of_products(self) -> FloatArray | KernelOperator:
        """Return K for products, which need no array."""
        return self.nngp

    def mean(self, ntk_cross: npt.ArrayLike) -> FloatArray:
        """Return the ensemble's mean at test points.

        Parameters
        ----------
        ntk_cross : array-like of shape (m, n)
            NTK between test and training samples.

        Returns
        -------
        ndarray of shape (m,) or (m, outputs)
            P y, with P the map from the targets to the mean.

        Raises
        ------
        ValueError
            If an entry of `ntk_cross` is not finite.
        """
        return as_kernel(ntk_cross) @ self.dual_coef

    def variance(
        self, ntk_cross: npt.ArrayLike, nngp_cross: npt.ArrayLike, nngp_diagonal: npt.ArrayLike
    ) -> FloatArray:
        """Return the ensemble's variance at test points, without their covariances.

        Parameters
        ----------
        ntk_cross : array-like of shape (m, n)
            NTK between test and training samples.
        nngp_cross : array-like of shape (m, n)
            NNGP kernel between test and training samples.
        nngp_diagonal : array-like of shape (m,)
            NNGP kernel of each test sample with itself.

        Returns
        -------
        ndarray of shape (m,)
            The diagonal of :meth:`covariance`. Negative values left by rounding become 0.

        Raises
        ------
        ValueError
            If an entry is not finite.
        """
        return ensemble_variance(
            self._prediction(ntk_cross),
            self._nngp_of_products(),
            as_kernel(nngp_cross),
            as_kernel(nngp_diagonal),
        )

    def covariance(
        self, ntk_cross: npt.ArrayLike, nngp_cross: npt.ArrayLike, nngp_test: npt.ArrayLike
    ) -> FloatArray:
        """Return the ensemble's covariance between test points.

        Parameters
        ----------
        ntk_cross, nngp_cross
            As for :meth:`variance`.
        nngp_test : array-like of shape (m, m)
            NNGP kernel between test samples.

        Returns
        -------
        ndarray of shape (m, m)
            Symmetric. Negative variances left by rounding become 0.

        Raises
        ------
        ValueError
            If an entry is not finite.
        """
        return ensemble_covariance(
            self._prediction(ntk_cross),
            self._nngp_of_products(),
            as_kernel(nngp_cross),
            as_kernel(nngp_test),
        )
