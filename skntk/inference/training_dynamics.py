r"""Gradient flow on squared error, diagonalized once and evaluated at any time.

Trained on :math:`\frac{1}{2N} \sum_i w_i (f(x_i) - y_i)^2` with kernel T, noise A on the diagonal
and N the sum of the weights, an infinitely wide network moves by the linear map

.. math::

    B(s) = W^{1/2} S^{-1} (I - e^{-s S / N}) W^{1/2}, \qquad S = W^{1/2} T W^{1/2} + A,

from targets to coefficients of the kernel functions, where s is learning rate times training time.
A weight of k acts as the sample repeated k times: with E the matrix that repeats the rows, the
repeated problem has :math:`S' = E T E^T + A'`, :math:`S' E = E (T W + A)`, hence
:math:`E^T g(S') E = W g(T W + A) = W^{1/2} g(S) W^{1/2}` for every function g.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh

from .arrays import FloatArray, as_fortran, diagonal_view, per_sample
from .errors import SingularKernelError

# Share of a prediction that directions below the resolution of the spectrum may decide.
_UNRESOLVED_LIMIT = 1e-3


@dataclass(frozen=True, eq=False)
class TrainingDynamics:
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
    >>> from skntk.inference import TrainingDynamics
    >>> kernel, noise = np.diag([1.0, 3.0]), np.ones(2)
    >>> dynamics = TrainingDynamics.decompose(kernel, noise, None, overwrite=False)
    >>> dynamics.eigenvalues
    array([2., 4.])
    >>> dynamics.gain(1e3)  # after a long time, the inverse of the eigenvalues
    array([0.5 , 0.25])
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
    ) -> TrainingDynamics:
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
        TrainingDynamics
            The spectrum of S.

        Raises
        ------
        ValueError
            If a weight is negative or not finite, or all of them are 0.
        """
        root_weight = np.sqrt(per_sample(sample_weight, len(kernel), "sample_weight", default=1.0))
        if not root_weight.any():
            raise ValueError(
                "All weights are zero, no sample is left to train on: give at least one sample "
                "a positive `sample_weight`."
            )
        matrix = as_fortran(kernel, overwrite=overwrite)
        matrix *= root_weight
        matrix *= root_weight[:, np.newaxis]
        diagonal_view(matrix)[...] += noise
        # Divide and conquer (driver "evd") is no faster here and needs twice the memory.
        eigenvalues, eigenvectors = eigh(matrix, overwrite_a=True, check_finite=False, driver="evr")
        return cls(np.maximum(eigenvalues, 0.0), eigenvectors, root_weight)

    def rotate(self, values: FloatArray) -> FloatArray:
        """Express values at the training samples in the eigenvectors of S.

        Parameters
        ----------
        values : ndarray of shape (n,) or (n, k)
            One value, or one row of values, for each sample.

        Returns
        -------
        ndarray of the shape of `values`
            U^T W^1/2 values, with U the eigenvectors.
        """
        return self.eigenvectors.T @ (values.T * self.root_weight).T

    def unrotate(self, components: FloatArray) -> FloatArray:
        """Apply the transpose of :meth:`rotate`.

        Parameters
        ----------
        components : ndarray of shape (n,) or (n, k)
            Components along the eigenvectors.

        Returns
        -------
        ndarray of the shape of `components`
            W^1/2 U components.
        """
        return ((self.eigenvectors @ components).T * self.root_weight).T

    def gain(self, duration: float) -> FloatArray:
        r"""Return :math:`(1 - e^{-s \lambda / N}) / \lambda` for each eigenvalue.

        It grows from 0 at s = 0 to :math:`1 / \lambda` at infinity. Directions that the kernel
        does not see, :math:`\lambda = 0`, have the finite gain s / N.

        Parameters
        ----------
        duration : float
            Learning rate times training time, s.

        Returns
        -------
        ndarray of shape (n,)
            Nonnegative.

        Raises
        ------
        SingularKernelError
            If training takes so long that directions below the rounding error of the kernel
            matrix would decide the predictions.
        """
        scale = duration / float(np.square(self.root_weight).sum())
        self._require_resolved(scale)
        gain = np.full_like(self.eigenvalues, scale)
        with np.errstate(over="ignore"):
            learned = -np.expm1(-scale * self.eigenvalues)
        return np.divide(learned, self.eigenvalues, out=gain, where=self.eigenvalues > 0)

    def coefficients(self, duration: float, rotated_targets: FloatArray) -> FloatArray:
        """Return the coefficients of the kernel functions after training.

        Parameters
        ----------
        duration : float
            Learning rate times training time, s.
        rotated_targets : ndarray of shape (n,) or (n, outputs)
            The targets, through :meth:`rotate`.

        Returns
        -------
        ndarray of the shape of `rotated_targets`
            B(s) y.

        Raises
        ------
        SingularKernelError
            As :meth:`gain`.
        """
        return self.unrotate((rotated_targets.T * self.gain(duration)).T)

    def prediction(self, duration: float, cross: FloatArray) -> FloatArray:
        """Return the linear map from training targets to predictions at test points.

        Parameters
        ----------
        duration : float
            Learning rate times training time, s.
        cross : ndarray of shape (m, n)
            Kernel between test and training samples.

        Returns
        -------
        ndarray of shape (m, n)
            T_* B(s).

        Raises
        ------
        SingularKernelError
            As :meth:`gain`.
        """
        return self.coefficients(duration, self.rotate(cross.T)).T

    def _require_resolved(self, scale: float) -> None:
        largest = float(self.eigenvalues[-1])
        resolution = len(self.eigenvalues) * np.finfo(np.float64).eps * largest
        if self.eigenvalues[0] <= resolution and scale * resolution > _UNRESOLVED_LIMIT:
            raise SingularKernelError(
                "The training kernel is singular to working precision and training takes long "
                "enough to fit its rounding errors (its eigenvalues range from "
                f"{self.eigenvalues[0]:.3g} to {largest:.3g}). Increase `alpha`, reduce "
                "`training_time`, or remove duplicate rows."
            )


def training_duration(training_time: float, learning_rate: float) -> float:
    """Return learning rate times training time.

    Parameters
    ----------
    training_time : float
        Time t >= 0 of gradient flow, finite.
    learning_rate : float
        Speed of the flow, positive and finite.

    Returns
    -------
    float
        Their product, finite.

    Raises
    ------
    ValueError
        If one of them is out of range.
    """
    if not (np.isfinite(training_time) and training_time >= 0):
        raise ValueError(
            f"`training_time` must be finite and nonnegative, got {training_time}. For training "
            "to convergence, use `training_time=None`."
        )
    if not (np.isfinite(learning_rate) and learning_rate > 0):
        raise ValueError(f"`learning_rate` must be positive and finite, got {learning_rate}.")
    duration = float(learning_rate) * float(training_time)
    if not np.isfinite(duration):
        raise ValueError(
            f"`learning_rate` * `training_time` overflows ({learning_rate} * {training_time}): "
            "reduce one of them, or use `training_time=None` for training to convergence."
        )
    return duration
