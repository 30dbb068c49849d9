r"""Training of infinitely wide networks on any convex loss, in the coefficients of the kernel.

Outputs at any input are :math:`f = f_0 + T_* c` with one coefficient for each training sample and
output. Gradient descent on

.. math::

    \frac{1}{N} \sum_i w_i\, \ell_i(f(x_i)) + \frac{\alpha}{2 N} \|\theta - \theta_0\|^2,

N the sum of the weights, moves the parameters of a linearized network within the span of its
gradients at the training samples, :math:`\theta = \theta_0 + J^T c`, and hence the coefficients by

.. math::

    \dot c = -\frac{\eta}{N} \bigl(W \nabla \ell(f_0 + T c) + A c\bigr), \qquad c(0) = 0,

with A = alpha times the identity, or any other nonnegative diagonal matrix, in the time that counts
steps of descent at the rate :math:`\eta`. For squared error this is `KernelSpectrum`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from skntk.inference.linalg.arrays import FloatArray, as_finite, as_training_kernel, per_sample
from skntk.inference.linalg.errors import SingularKernelError
from skntk.inference.losses.implicit import KernelNewtonMatrix, NewtonMatrices
from skntk.inference.losses.losses import Loss
from skntk.inference.training.kernel_spectrum import KernelSpectrum

# Directions with eigenvalues below this share of the largest are not resolved by float64.
_UNRESOLVED = 1e-14

# Share of a prediction that they may decide.
_UNRESOLVED_LIMIT = 1e-3


@dataclass(frozen=True, eq=False)
class LossDynamics:
    r"""The right-hand side of training, in the eigenvectors U of :math:`W^{1/2} T W^{1/2}`.

    The state z, of shape (n, n_outputs), stands for the coefficients :math:`c = W^{1/2} U z`. Its
    components move in step with the outputs along one eigenvector each, so that the fast ones can
    be told from the slow ones. Make one with :meth:`decompose`.

    Attributes
    ----------
    spectrum : KernelSpectrum
        The eigendecomposition, without noise.
    noise : ndarray of shape (n,)
        The diagonal of A.
    loss : Loss
        The loss with its targets.
    initial_outputs : ndarray of shape (n, n_outputs)
        f_0 at the training samples.
    mean_variance : float
        Mean of the diagonal of T: the unit in which outputs at new inputs move.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.inference import LossDynamics, SoftmaxCrossEntropy
    >>> loss = SoftmaxCrossEntropy(np.eye(2))
    >>> dynamics = LossDynamics.decompose(np.eye(2), 0.0, loss)
    >>> dynamics.coefficients(dynamics.slope(np.zeros((2, 2)))).round(3)
    array([[-0.25,  0.25],
           [ 0.25, -0.25]])
    >>> dynamics.largest_curvature
    0.25
    """

    spectrum: KernelSpectrum
    noise: FloatArray
    loss: Loss
    initial_outputs: FloatArray
    mean_variance: float

    @classmethod
    def decompose(
        cls,
        kernel: npt.ArrayLike,
        noise: npt.ArrayLike,
        loss: Loss,
        *,
        sample_weight: npt.ArrayLike | None = None,
        initial_outputs: npt.ArrayLike | None = None,
        overwrite_kernel: bool = False,
    ) -> LossDynamics:
        """Prepare training by one symmetric eigendecomposition.

        Parameters
        ----------
        kernel : array-like of shape (n, n)
            Symmetric positive semidefinite kernel T of the training samples: the NTK, or the NNGP
            kernel if the last layer alone is trained.
        noise : float or array-like of shape (n,)
            Nonnegative diagonal of A.
        loss : Loss
            For example `SoftmaxCrossEntropy`, with targets for n samples.
        sample_weight : float or array-like of shape (n,), default=None
            Nonnegative weights in the loss. A weight of k is the same as the sample, its noise
            included, k times. None means 1 for every sample.
        initial_outputs : array-like of shape (n, n_outputs), default=None
            f_0 at the training samples. None is 0.
        overwrite_kernel : bool, default=False
            Whether the memory of `kernel` may be used for the eigendecomposition.

        Returns
        -------
        LossDynamics
            Ready to train.

        Raises
        ------
        ValueError
            If shapes do not fit, an entry is not finite, a noise or a weight is negative, or all
            weights are 0.
        """
        matrix = as_training_kernel(kernel)
        n_samples = len(matrix)
        if len(loss.targets) != n_samples:
            raise ValueError(
                f"The loss has targets for {len(loss.targets)} samples, the kernel matrix is of "
                f"{n_samples}: pass one row of targets for each training sample."
            )
        weight = per_sample(sample_weight, n_samples, "sample_weight", default=1.0)
        diagonal = per_sample(noise, n_samples, "noise")
        mean_variance = float(np.trace(matrix)) / n_samples
        return cls(
            spectrum=KernelSpectrum.decompose(
                matrix, np.zeros(n_samples), weight, overwrite=overwrite_kernel
            ),
            noise=diagonal,
            loss=loss,
            initial_outputs=_as_initial_outputs(initial_outputs, loss.targets.shape),
            mean_variance=mean_variance,
        )

    def outputs(self, state: FloatArray) -> FloatArray:
        """Return f_0 + T c at the training samples, f_0 where the weight is 0."""
        moved = self.spectrum.eigenvectors @ (self.spectrum.eigenvalues[:, np.newaxis] * state)
        return self.initial_outputs + self._inverse_root_weight()[:, np.newaxis] * moved

    def slope(self, state: FloatArray) -> FloatArray:
        r"""Return :math:`\frac{1}{N} U^T (W^{1/2} \nabla \ell + A U z)`: minus dz/dt at rate 1."""
        gradient = self.spectrum.rotate(self.loss.gradient(self.outputs(state)))
        return (gradient + self._shrinkage(state)) / self.spectrum.total_weight

    @property
    def state_shape(self) -> tuple[int, int]:
        """The shape of z: a number for every eigenvector and output."""
        return len(self.spectrum.eigenvalues), self.initial_outputs.shape[1]

    def coefficients(self, state: FloatArray) -> FloatArray:
        """Return the coefficients c = W^1/2 U z of the kernel functions."""
        return self.spectrum.unrotate(state)

    def state_of(self, coefficients: FloatArray) -> FloatArray:
        """Return the state z of coefficients, which are 0 where the weight is."""
        scaled = self._inverse_root_weight()[:, np.newaxis] * coefficients
        state: FloatArray = self.spectrum.eigenvectors.T @ scaled
        return state

    def resolution(self, tolerance: float) -> FloatArray:
        r"""Return the errors of the state that outputs of a given accuracy allow, shape of z.

        Moving along an eigenvector of eigenvalue :math:`\lambda` by z moves the parameters of the
        network by :math:`\sqrt\lambda z`, and its output at x by at most
        :math:`\sqrt{\lambda T(x, x)} z`.
        """
        eigenvalues = self.spectrum.eigenvalues
        # A kernel of zeros moves no output: any resolution does.
        largest = float(eigenvalues[-1]) or 1.0
        resolved = np.maximum(eigenvalues, _UNRESOLVED * largest)
        share = tolerance / np.sqrt(resolved * (self.mean_variance or 1.0))
        return np.array(np.broadcast_to(share[:, np.newaxis], self.state_shape))

    @property
    def largest_curvature(self) -> float:
        r"""A bound on the curvature of the regularized loss along any direction.

        :math:`(h \lambda + \max A) / N` with :math:`\lambda` the largest eigenvalue of
        :math:`W^{1/2} T W^{1/2}` and h the largest curvature of the loss, 1/2 for the softmax.
        """
        steepest = self.loss.largest_curvature * float(self.spectrum.eigenvalues[-1])
        return (steepest + float(self.noise.max())) / self.spectrum.total_weight

    def require_resolved(self, longest_gain: float) -> None:
        """Refuse training that is decided by directions below the rounding error of the kernel.

        Along such a direction the coefficients move steadily, or until the noise stops them.
        ``longest_gain`` is the distance without noise, for a steady gradient of N.
        """
        if not self.spectrum.is_singular:
            return
        smallest_noise = float(self.noise.min())
        gain = longest_gain / self.spectrum.total_weight
        if smallest_noise > 0:
            gain = min(gain, 1.0 / smallest_noise)
        rounding = len(self.noise) * np.finfo(np.float64).eps * self.spectrum.eigenvalues[-1]
        if gain * rounding > _UNRESOLVED_LIMIT:
            raise SingularKernelError(
                "The training kernel is singular to working precision and training takes long "
                "enough to fit its rounding errors. Increase `alpha`, reduce `training_time`, or "
                "remove duplicate rows."
            )

    def newton_matrices(self, state: FloatArray, learning_rate: float) -> NewtonMatrices:
        """Return the map from a step c to 1 + c learning_rate (Jacobian of the slope) at z."""
        vectors = self.spectrum.eigenvectors
        kernel = (vectors * self.spectrum.eigenvalues) @ vectors.T
        curvature = self.loss.curvature(self.outputs(state))

        def newton_matrix(step: float) -> RotatedNewtonMatrix:
            share = step * learning_rate / self.spectrum.total_weight
            matrix = KernelNewtonMatrix(
                kernel, 1.0 + share * self.noise, share * curvature, self.loss.ignores_shifts
            )
            return RotatedNewtonMatrix(matrix, vectors)

        return newton_matrix

    def _inverse_root_weight(self) -> FloatArray:
        root = self.spectrum.root_weight
        return np.divide(1.0, root, out=np.zeros_like(root), where=root > 0)

    def _shrinkage(self, state: FloatArray) -> FloatArray:
        if (self.noise == self.noise[0]).all():
            return self.noise[0] * state
        vectors = self.spectrum.eigenvectors
        return vectors.T @ (self.noise[:, np.newaxis] * (vectors @ state))


@dataclass(frozen=True, eq=False)
class RotatedNewtonMatrix:
    """A `KernelNewtonMatrix` in the eigenvectors (columns) of the kernel, on flat states."""

    matrix: KernelNewtonMatrix
    eigenvectors: FloatArray

    def solve(self, right: FloatArray) -> FloatArray:
        """Return the solution for a flat right-hand side."""
        rows = right.reshape(len(self.eigenvectors), -1)
        solution = self.matrix.solve(self.eigenvectors @ rows)
        return (self.eigenvectors.T @ solution).ravel()


def _as_initial_outputs(values: npt.ArrayLike | None, shape: tuple[int, ...]) -> FloatArray:
    if values is None:
        return np.zeros(shape)
    outputs = as_finite(values, "`initial_outputs`", "check the function that computes them")
    if outputs.shape != shape:
        raise ValueError(
            f"`initial_outputs` must have the shape {shape} of the targets, got {outputs.shape}."
        )
    return outputs
