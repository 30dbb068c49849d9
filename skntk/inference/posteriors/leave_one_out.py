"""Leave-one-out predictions in closed form, from one factorization of all samples.

With A = K + diag(noise) over all n samples, the prediction at sample i of the model trained on
the other n - 1 is y_i - [A^-1 y]_i / [A^-1]_ii (C. E. Rasmussen and C. K. I. Williams, Gaussian
Processes for Machine Learning, equation 5.12). The mean of the NTK ensemble is that of a ridge
regression, so the same formula serves it.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from skntk.inference.linalg.arrays import FloatArray, as_targets, per_sample
from skntk.inference.linalg.solver import LinearSystem

__all__ = ["centered_leave_one_out"]


class _LeavesOneOut(Protocol):
    def leave_one_out_mean(
        self, targets: npt.ArrayLike, repetitions: npt.ArrayLike | None = None
    ) -> FloatArray: ...


def leave_one_out_residuals(
    system: LinearSystem,
    precision: FloatArray,
    targets: FloatArray,
    noise: FloatArray | None = None,
    repetitions: npt.ArrayLike | None = None,
) -> FloatArray:
    """Return the leave-one-out residuals [A^-1 y]_i / [A^-1]_ii, given the diagonal of A^-1.

    Or those of single observations, given how many a sample stands for, and its noise.
    """
    factor = 1 / precision
    if noise is not None and repetitions is not None:
        factor = left_out_factor(np.asarray(repetitions, dtype=float), noise, precision)
    return (system.solve(targets).T * factor).T


def left_out_factor(weight: FloatArray, noise: FloatArray, precision: FloatArray) -> FloatArray:
    r"""Return what the residual of an observation that is left out is in dual coefficients.

    Of a sample of weight w, w observations of one value, one is left out; of a weight below 1 all
    of it. With the noise a of the sample, that of one observation over w, and its precision p, the
    diagonal of A^-1,

    .. math::

        \varphi = \frac{w a}{w - 1 + a p} \quad (w \ge 1), \qquad
        \varphi = \frac1p \quad (w \le 1).

    For w = 1 both are the equation above; for w > 1 it follows from it, as removing an observation
    changes one entry of the noise.
    """
    others = np.where(weight > 1, weight - 1 + noise * precision, 1)
    factor: FloatArray = np.where(weight > 1, weight * noise / others, 1 / precision)
    return factor


def centered_leave_one_out(
    posterior: _LeavesOneOut,
    targets: npt.ArrayLike,
    sample_weight: npt.ArrayLike | None = None,
    repetitions: npt.ArrayLike | None = None,
) -> FloatArray:
    r"""Leave-one-out means of a model that centers the targets by their training mean.

    Refitting without sample i would center by the mean c_i of the other targets and predict
    :math:`c_i + L(y - c_i)_i`, with L the linear map from targets to leave-one-out means of
    the model that does not center. As :math:`L(y)_i` does not depend on :math:`y_i`, that is
    :math:`L(y)_i + c_i (1 - L(1)_i)`: no refits are needed.

    Parameters
    ----------
    posterior : GaussianProcessPosterior or EnsemblePosterior
        Conditioned on all samples, on any targets.
    targets : array-like of shape (n,) or (n, outputs)
        The targets before centering.
    sample_weight : float or array-like of shape (n,), default=None
        Weights in the mean of the targets. None means equal weights.
    repetitions : float or array-like of shape (n,), default=None
        How many observations of one value every sample stands for, of which one is left out. None
        leaves out all of them.

    Returns
    -------
    ndarray of the shape of `targets`
        Predictions on the scale of `targets`.

    Raises
    ------
    ValueError
        If fewer than two samples have a positive weight: some sample leaves none to train on.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.inference import GaussianProcessPosterior, centered_leave_one_out
    >>> targets = np.array([1.0, 2.0, 6.0])
    >>> posterior = GaussianProcessPosterior.condition(np.eye(3), 0.1, targets - targets.mean())
    >>> centered_leave_one_out(posterior, targets)  # unrelated samples: the others' mean
    array([4. , 3.5, 1.5])
    """
    y = as_targets(targets, len(np.asarray(targets)))
    weight = per_sample(sample_weight, len(y), "sample_weight", default=1.0)
    number = per_sample(repetitions, len(y), "repetitions", default=1.0)
    left_out_weight = weight / np.maximum(number, 1.0)
    if not (weight.sum() > left_out_weight).all():
        raise ValueError(
            "Leave-one-out predictions need at least two samples of positive weight: add "
            "samples or raise `sample_weight`."
        )
    columns = np.column_stack([y, np.ones(len(y))])
    left_out = posterior.leave_one_out_mean(columns, repetitions)
    others_mean = _others_mean(columns[:, :-1], weight, left_out_weight)
    centered = left_out[:, :-1] + others_mean * (1.0 - left_out[:, -1:])
    return centered.reshape(y.shape)


def shift_of_center(
    targets: FloatArray, left_out_weight: FloatArray, total_weight: float
) -> FloatArray:
    """Return by how much the mean 0 of targets (n, outputs) moves where a part is left out."""
    others = total_weight - left_out_weight
    shift: FloatArray = -targets * (left_out_weight / others)[:, np.newaxis]
    return shift


def _others_mean(
    targets: FloatArray, weight: FloatArray, left_out_weight: FloatArray
) -> FloatArray:
    total = weight @ targets
    left_out = targets * left_out_weight[:, np.newaxis]
    return (total - left_out) / (weight.sum() - left_out_weight)[:, np.newaxis]
