r"""Training on squared error, diagonalized once and evaluated at any time.

Trained on :math:`\frac{1}{2N} \sum_i w_i (f(x_i) - y_i)^2` with kernel T, noise A on the diagonal
and N the sum of the weights, an infinitely wide network moves by the linear map

.. math::

    B(t) = W^{1/2} S^{-1} (I - r_t(S / N)) W^{1/2}, \qquad S = W^{1/2} T W^{1/2} + A,

from targets to coefficients of the kernel functions, where the residual :math:`r_t` is that of the
method of training, :math:`r_t(h) = e^{-\eta t h}` for gradient flow at rate :math:`\eta`.
A weight of k acts as the sample repeated k times: with E the matrix that repeats the rows, the
repeated problem has :math:`S' = E T E^T + A'`, :math:`S' E = E (T W + A)`, hence
:math:`E^T g(S') E = W g(T W + A) = W^{1/2} g(S) W^{1/2}` for every function g.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh

from skntk.inference.linalg.arrays import FloatArray, as_fortran, diagonal_view, per_sample
from skntk.inference.linalg.errors import SingularKernelError
from skntk.inference.linalg.solver import LinearSystem
from skntk.inference.training.training_methods import TrainingMethod

# Share of a prediction that directions below the resolution of the spectrum may decide.
_UNRESOLVED_LIMIT = 1e-3


@dataclass(frozen=True, eq=False)
class KernelSpectrum:
    """The eigendecomposition of S, and the functions of S that training needs.

    Attributes
    ----------
    eigenvalues : ndarray of shape (n,)
        Eigenvalues of S, ascending, with those made negative by rounding set to 0.
    eigenvectors : ndarray of shape (n, n)
        Eigenvectors of S in columns.
    root_weight : ndarray of shape (n,)
        Square roots of the sample weights.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.inference import GradientFlow, KernelSpectrum
    >>> kernel, noise = np.diag([1.0, 3.0]), np.ones(2)
    >>> spectrum = KernelSpectrum.decompose(kernel, noise, None, overwrite=False)
    >>> spectrum.eigenvalues
    array([2., 4.])
    >>> spectrum.filter_function(GradientFlow(1.0), np.array([0.0, 1e3]))  # ends at 1 / eigenvalues
    array([[0.  , 0.5 ],
           [0.  , 0.25]])
    """

    eigenvalues: FloatArray
    eigenvectors: FloatArray
    root_weight: FloatArray

    @classmethod
    def decompose(
        cls,
        kernel: FloatArray,
        noise: FloatArray,
        sample_weight: npt.ArrayLike | None,
        *,
        overwrite: bool,
    ) -> KernelSpectrum:
        """Diagonalize S.

        Parameters
        ----------
        kernel : ndarray of shape (n, n)
            Symmetric positive semidefinite training kernel T.
        noise : ndarray of shape (n,)
            Nonnegative diagonal of A.
        sample_weight : float, array-like of shape (n,) or None
            Nonnegative weights. None means 1 for every sample.
        overwrite : bool
            Whether the kernel's memory may be used. At most one more n x n matrix, that of the
            eigenvectors, is then held.

        Returns
        -------
        KernelSpectrum
            The spectrum of S.

        Raises
        ------
        ValueError
            If a weight is negative or not finite, or all of them are 0.
        """
        root_weight = _root_weight(sample_weight, len(kernel))
        matrix = as_fortran(kernel, overwrite=overwrite)
        matrix *= root_weight
        matrix *= root_weight[:, np.newaxis]
        diagonal_view(matrix)[...] += noise
        return cls._diagonalize(matrix, root_weight)

    @classmethod
    def decompose_system(
        cls, system: LinearSystem, sample_weight: npt.ArrayLike | None
    ) -> KernelSpectrum:
        """Diagonalize S, given the system T + W^-1 A by which training to convergence was solved.

        The weights are positive; None means 1 for every sample.
        """
        root_weight = _root_weight(sample_weight, system.shape[0])
        matrix = system.to_dense()
        matrix *= root_weight
        matrix *= root_weight[:, np.newaxis]
        return cls._diagonalize(as_fortran(matrix, overwrite=True), root_weight)

    @classmethod
    def _diagonalize(cls, matrix: FloatArray, root_weight: FloatArray) -> KernelSpectrum:
        # Divide and conquer (driver "evd") is no faster here and needs twice the memory.
        eigenvalues, eigenvectors = eigh(matrix, overwrite_a=True, check_finite=False, driver="evr")
        return cls(np.maximum(eigenvalues, 0.0), eigenvectors, root_weight)

    def kernel(self) -> FloatArray:
        """Return T + W^-1 A, which is S without the weights; these are positive."""
        root = (self.eigenvectors.T / self.root_weight).T * np.sqrt(self.eigenvalues)
        return root @ root.T

    def rotate(self, values: FloatArray) -> FloatArray:
        """Return U^T W^1/2 values, of shape (n,) or (n, k), with U the eigenvectors of S."""
        return self.eigenvectors.T @ (values.T * self.root_weight).T

    def unrotate(self, components: FloatArray) -> FloatArray:
        """Return W^1/2 U components: the transpose of :meth:`rotate`."""
        return ((self.eigenvectors @ components).T * self.root_weight).T

    @property
    def total_weight(self) -> float:
        """N, the sum of the weights."""
        return float(np.square(self.root_weight).sum())

    @property
    def curvature(self) -> FloatArray:
        """Eigenvalues of S / N, shape (n,): those of the Hessian of the loss."""
        return self.eigenvalues / self.total_weight

    @property
    def is_singular(self) -> bool:
        """Whether the smallest eigenvalue is within the rounding error of the largest."""
        return float(self.eigenvalues[0]) <= self._resolution

    @property
    def _resolution(self) -> float:
        largest = float(self.eigenvalues[-1])
        return len(self.eigenvalues) * float(np.finfo(np.float64).eps) * largest

    def filter_function(self, training_method: TrainingMethod, times: FloatArray) -> FloatArray:
        r"""Return :math:`(1 - r_t(\lambda / N)) / \lambda` for each eigenvalue and time.

        It begins with 0 at t = 0 and ends, where training converges, with :math:`1 / \lambda`.
        Directions that the kernel does not see, :math:`\lambda = 0`, have a finite value.

        Parameters
        ----------
        training_method : TrainingMethod
            The method of training.
        times : ndarray of shape (n_times,)
            Training times.

        Returns
        -------
        ndarray of shape (n, n_times)
            One column for each time.

        Raises
        ------
        SingularKernelError
            If training takes so long that directions below the rounding error of the kernel
            matrix would decide the predictions.
        ValueError
            If the learning rate is above that at which discrete steps diverge.
        """
        training_method.require_stability(float(self.curvature[-1]), converged=False)
        self._require_resolved(training_method, times)
        return training_method.filter_function(self.curvature, times) / self.total_weight

    def residual_function(self, training_method: TrainingMethod, times: FloatArray) -> FloatArray:
        r"""Return :math:`r_t(\lambda / N)` for each eigenvalue and time.

        The shape is (n, n_times).
        """
        return training_method.residual_function(self.curvature, times)

    def coefficients(self, filter_values: FloatArray, rotated_targets: FloatArray) -> FloatArray:
        """Return B(t) y, given a column of :meth:`filter_function` and the rotated targets."""
        return self.unrotate((rotated_targets.T * filter_values).T)

    def prediction(self, filter_values: FloatArray, cross: FloatArray) -> FloatArray:
        """Return T_* B(t), shape (m, n): the map from targets to predictions at test points."""
        return self.coefficients(filter_values, self.rotate(cross.T)).T

    def _require_resolved(self, training_method: TrainingMethod, times: FloatArray) -> None:
        if not self.is_singular:
            return
        longest = (
            float(training_method.filter_function(np.zeros(1), times).max()) / self.total_weight
        )
        if longest * self._resolution > _UNRESOLVED_LIMIT:
            raise SingularKernelError(
                "The training kernel is singular to working precision and training takes long "
                "enough to fit its rounding errors (its eigenvalues range from "
                f"{self.eigenvalues[0]:.3g} to {self.eigenvalues[-1]:.3g}). Increase `alpha`, "
                "reduce `training_time`, or remove duplicate rows."
            )


def _root_weight(sample_weight: npt.ArrayLike | None, n_samples: int) -> FloatArray:
    root_weight = np.sqrt(per_sample(sample_weight, n_samples, "sample_weight", default=1.0))
    if not root_weight.any():
        raise ValueError(
            "All weights are zero, no sample is left to train on: give at least one sample "
            "a positive `sample_weight`."
        )
    return root_weight
