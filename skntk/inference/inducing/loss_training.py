r"""Training on any convex loss through inducing points.

With features :math:`\Phi` of n rows and weights W, the kernel of the rows is that of the r
eigenvectors V of :math:`\Phi W \Phi^T = V \Lambda V^T` with nonzero eigenvalues: the eigenvectors
:math:`U = W^{1/2} \Phi^T V \Lambda^{-1/2}` of :math:`W^{1/2} \Phi^T \Phi W^{1/2}` have these
eigenvalues, and all others are 0. Training moves along these r alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from scipy.linalg import blas, eigh

from skntk.inference.inducing.row_features import HeldFeatures
from skntk.inference.inducing.softmax_curvature import FullCurvature
from skntk.inference.inducing.whitening import Whitening
from skntk.inference.linalg.arrays import FloatArray
from skntk.inference.losses.implicit import NewtonMatrices
from skntk.inference.losses.loss_dynamics import LossDynamics
from skntk.inference.losses.losses import SoftmaxCrossEntropy
from skntk.inference.training.kernel_spectrum import KernelSpectrum

__all__ = ["SparseLossDynamics"]


@dataclass(frozen=True, eq=False)
class SparseLossDynamics(LossDynamics):
    r"""Training on the cross-entropy with the kernel that m inducing points span.

    The noise of all rows is the same.

    Attributes
    ----------
    to_points : ndarray of shape (m, r)
        :math:`L^{-T} V \Lambda^{1/2}`, from a state to coefficients of the inducing points.
    from_points : ndarray of shape (r, m)
        Its left inverse.
    """

    to_points: FloatArray
    from_points: FloatArray

    @classmethod
    def of(
        cls,
        whitening: Whitening,
        features: FloatArray,
        loss: SoftmaxCrossEntropy,
        noise: float,
        sample_weight: FloatArray,
        mean_variance: float,
    ) -> Self:
        """Prepare training, given features of shape (m, n), which are overwritten."""
        root_weight = np.sqrt(sample_weight)
        features *= root_weight
        gram = blas.dsyrk(1.0, features, lower=1)
        eigenvalues, vectors = eigh(gram, lower=True, overwrite_a=True)
        resolved = eigenvalues > len(gram) * np.finfo(np.float64).eps * eigenvalues[-1]
        eigenvalues, vectors = eigenvalues[resolved], vectors[:, resolved]
        root = np.sqrt(eigenvalues)
        return cls(
            KernelSpectrum(eigenvalues, features.T @ (vectors / root), root_weight),
            np.full(len(sample_weight), noise),
            loss,
            np.zeros(loss.targets.shape),
            mean_variance,
            whitening.to_kernel_coefficients(vectors * root),
            (whitening.factor @ (vectors / root)).T,
        )

    def coefficients(self, state: FloatArray) -> FloatArray:
        """Return the coefficients of the kernels with the inducing points."""
        return self.to_points @ state

    def state_of(self, coefficients: FloatArray) -> FloatArray:
        """Return the state of coefficients of the inducing points."""
        return self.from_points @ coefficients

    def newton_matrices(self, state: FloatArray, learning_rate: float) -> NewtonMatrices:
        """Return the map from a step c to 1 + c learning_rate (Jacobian of the slope) at z."""
        probabilities = self.loss.curvature(self.outputs(state))

        def newton_matrix(step: float) -> _NewtonMatrix:
            share = step * learning_rate / self.spectrum.total_weight
            shrinkage = 1.0 + share * float(self.noise[0])
            curvature = FullCurvature.of(self._directions, share / shrinkage * probabilities)
            return _NewtonMatrix(curvature, np.sqrt(self.spectrum.eigenvalues), shrinkage)

        return newton_matrix

    @cached_property
    def _directions(self) -> HeldFeatures:
        """The features of rows in the eigenvectors, that is U times the roots of eigenvalues."""
        scaled = self.spectrum.eigenvectors * np.sqrt(self.spectrum.eigenvalues)
        return HeldFeatures(np.ascontiguousarray(scaled).T)


@dataclass(frozen=True, eq=False)
class _NewtonMatrix:
    r"""The matrix :math:`s \Lambda^{-1/2} H \Lambda^{1/2}` of flat states."""

    curvature: FullCurvature
    # The diagonal of the root of Lambda.
    root: FloatArray
    shrinkage: float

    def solve(self, right: FloatArray) -> FloatArray:
        """Return the solution for a flat right-hand side."""
        root = self.root[:, np.newaxis]
        solution = self.curvature.solve(root * right.reshape(len(root), -1))
        return (solution / root / self.shrinkage).ravel()
