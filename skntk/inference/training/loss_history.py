r"""Mean and spread of the loss of an ensemble over the time of its training, in closed form.

The errors of a network at n points, times the roots of their weights, are Gaussian over the
ensemble: mean b and covariance C for each output, which are independent. Of
:math:`L = \frac{1}{2N} \sum_o s_o^2 |e_o|^2`, with :math:`s_o` the unit of an output,

.. math::

    E[L] = \frac{1}{2N} \sum_o s_o^2 (|b_o|^2 + \operatorname{tr} C), \qquad
    \operatorname{Var}[L] = \frac{1}{4N^2} \sum_o s_o^4 (2 \operatorname{tr} C^2 + 4 b_o^T C b_o)

(the moments of a quadratic form in normal variables: A. M. Mathai and S. B. Provost, Quadratic
forms in random variables, 1992, section 3.2b). At the training points, with the residual r and the
filter function g of the training, functions of S, and the noise A,

.. math::

    b = (r + A g) W^{1/2} y, \qquad C = (r + A g) W^{1/2} K W^{1/2} (r + A g)^T

for ensembles with NNGP kernel K. All is computed in the eigenvectors of S.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from skntk.inference.linalg.arrays import FloatArray, as_targets

__all__ = ["ErrorMoments", "errors_at_test_points"]


@dataclass(frozen=True, eq=False)
class ErrorMoments:
    """Moments of errors with mean b and covariance C at many times, which the loss depends on.

    Attributes
    ----------
    misfit : ndarray of shape (n_times, outputs)
        b^T b for each output.
    trace : ndarray of shape (n_times,)
        tr C, that of one output.
    trace_of_square : ndarray of shape (n_times,)
        tr C^2.
    along_mean : ndarray of shape (n_times, outputs)
        b^T C b for each output.
    """

    misfit: FloatArray
    trace: FloatArray
    trace_of_square: FloatArray
    along_mean: FloatArray

    @classmethod
    def without_spread(cls, means: FloatArray) -> ErrorMoments:
        """Return the moments of errors b, shape (n_times, n, outputs), that are not random."""
        misfit = np.square(means).sum(axis=1)
        nothing = np.zeros(len(means))
        return cls(misfit, nothing, nothing, np.zeros_like(misfit))

    @classmethod
    def of(cls, means: FloatArray, covariances: Iterable[FloatArray]) -> ErrorMoments:
        """Return the moments of normal errors with means (n_times, n, outputs) and covariances."""
        traces, squares, along = [], [], []
        for mean, covariance in zip(means, covariances, strict=True):
            traces.append(np.trace(covariance))
            squares.append(np.vdot(covariance, covariance))
            along.append(np.einsum("io,io->o", mean, covariance @ mean))
        misfit = np.square(means).sum(axis=1)
        return cls(misfit, np.array(traces), np.array(squares), np.array(along))

    @classmethod
    def of_scaled(cls, means: FloatArray, scales: FloatArray, prior: FloatArray) -> ErrorMoments:
        """Return the moments of normal errors with covariances C = diag(d) K diag(d).

        ``scales``, shape (n, n_times), has d at each time; ``prior`` is K.
        """
        squared = np.square(scales)
        pulls = np.einsum("it,tio->ito", scales, means)
        moved = (prior @ pulls.reshape(len(prior), -1)).reshape(pulls.shape)
        return cls(
            misfit=np.square(means).sum(axis=1),
            trace=np.diagonal(prior) @ squared,
            trace_of_square=np.einsum("it,it->t", squared, np.square(prior) @ squared),
            along_mean=np.einsum("ito,ito->to", pulls, moved),
        )

    @classmethod
    def of_diagonal(cls, means: FloatArray, variances: FloatArray) -> ErrorMoments:
        """Return the moments of independent errors with the diagonals of C, shape (n, n_times)."""
        squared = np.square(means)
        return cls(
            misfit=squared.sum(axis=1),
            trace=variances.sum(axis=0),
            trace_of_square=np.square(variances).sum(axis=0),
            along_mean=np.einsum("it,tio->to", variances, squared),
        )

    def loss(
        self, total_weight: float, unit: npt.ArrayLike = 1.0, output_scale: npt.ArrayLike = 1.0
    ) -> tuple[FloatArray, FloatArray]:
        """Return mean and standard deviation of the loss over time, both of shape (n_times,).

        Given N, the sum of the weights, the units of the outputs, and what C is multiplied by, both
        one number or one for each output.
        """
        squared_unit = np.broadcast_to(np.square(unit), self.misfit.shape[1:])
        scale = np.broadcast_to(np.asarray(output_scale, dtype=float), self.misfit.shape[1:])
        mean = (self.misfit + self.trace[:, np.newaxis] * scale) @ squared_unit
        spread = 2.0 * self.trace_of_square[:, np.newaxis] * scale**2
        spread = spread + 4.0 * self.along_mean * scale
        variance = np.maximum(spread @ np.square(squared_unit), 0.0)
        return mean / (2.0 * total_weight), np.sqrt(variance) / (2.0 * total_weight)


def errors_at_test_points(
    means: FloatArray, targets: npt.ArrayLike, covariances: Iterable[FloatArray] | None = None
) -> ErrorMoments:
    """Return the moments of the errors at test points of weight 1.

    Parameters
    ----------
    means : ndarray of shape (n_times, m) or (n_times, m, outputs)
        Mean predictions.
    targets : array-like of shape (m,) or (m, outputs)
        True values.
    covariances : iterable of ndarray of shape (m, m), default=None
        Covariance of the predictions of one output, at one time after the other. None for
        predictions that are not random.

    Returns
    -------
    ErrorMoments
        Of the test points.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.inference import errors_at_test_points
    >>> mean, std = errors_at_test_points(np.zeros((1, 2)), [0.0, 0.0], [np.eye(2)]).loss(2)
    >>> mean, std.round(3)
    (array([0.5]), array([0.5]))
    """
    y = as_targets(targets, means.shape[1])
    errors = (means - y).reshape(*means.shape[:2], -1)
    if covariances is None:
        return ErrorMoments.without_spread(errors)
    return ErrorMoments.of(errors, covariances)
