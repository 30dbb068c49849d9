"""The losses that a network can be trained on, by their gradients and curvatures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import numpy as np
from scipy.special import log_softmax, softmax

from skntk.inference.linalg.arrays import FloatArray, as_finite

__all__ = ["HalfSquaredError", "Loss", "SoftmaxCrossEntropy"]

LossName = Literal["squared_error", "log_loss"]

# How far the targets of a sample may be from summing to 1.
_SUM_TOLERANCE = 1e-8


class Loss(Protocol):
    """A convex loss of the outputs for each sample, with the targets of the samples.

    Its Hessian in the outputs of one sample is diag(d) for losses that treat outputs one by one,
    and diag(d) - d d^T / sum(d) for losses that do not change when a constant is added to all
    outputs of a sample; d is the ``curvature``.

    Attributes
    ----------
    ignores_shifts : bool
        Which of the two forms the Hessian has.
    largest_curvature : float
        The largest eigenvalue that the Hessian has for any outputs.
    """

    ignores_shifts: ClassVar[bool]
    largest_curvature: ClassVar[float]

    @property
    def targets(self) -> FloatArray:
        """Targets, ndarray of shape (n, n_outputs)."""

    def value(self, outputs: FloatArray) -> FloatArray:
        """Return the loss of each sample, shape (n,), given outputs of shape (n, n_outputs)."""

    def gradient(self, outputs: FloatArray) -> FloatArray:
        """Return the derivatives of the losses by the outputs, shape (n, n_outputs)."""

    def curvature(self, outputs: FloatArray) -> FloatArray:
        """Return d, shape (n, n_outputs).

        It is nonnegative, and not 0 for all outputs of a sample where ``ignores_shifts``.
        """


@dataclass(frozen=True, eq=False)
class SoftmaxCrossEntropy:
    r"""The cross-entropy :math:`-\sum_c y_c \log \text{softmax}(f)_c`.

    Parameters
    ----------
    targets : array-like of shape (n, n_classes)
        Probabilities of the classes, one-hot for samples of known class. Rows sum to 1.

    Raises
    ------
    ValueError
        If the targets are not probabilities of two or more classes.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.inference import SoftmaxCrossEntropy
    >>> loss = SoftmaxCrossEntropy([[1.0, 0.0]])
    >>> loss.value(np.zeros((1, 2))), loss.gradient(np.zeros((1, 2)))
    (array([0.6931]), array([[-0.5,  0.5]]))
    """

    targets: FloatArray
    ignores_shifts: ClassVar[bool] = True
    largest_curvature: ClassVar[float] = 0.5

    def __post_init__(self) -> None:
        targets = _as_rows(self.targets)
        off = np.abs(targets.sum(axis=1) - 1.0)
        if targets.shape[1] < 2 or (targets < 0).any() or (off > _SUM_TOLERANCE).any():
            raise ValueError(
                "The targets of a cross-entropy must be probabilities of 2 or more classes: "
                "nonnegative numbers that sum to 1 in each row, as `np.eye(n_classes)[labels]`."
            )
        object.__setattr__(self, "targets", targets)

    def value(self, outputs: FloatArray) -> FloatArray:
        """Return the cross-entropy of each sample, in nats."""
        losses: FloatArray = -(self.targets * log_softmax(outputs, axis=-1)).sum(axis=-1)
        return losses

    def gradient(self, outputs: FloatArray) -> FloatArray:
        """Return softmax(outputs) - targets."""
        slopes: FloatArray = softmax(outputs, axis=1) - self.targets
        return slopes

    def curvature(self, outputs: FloatArray) -> FloatArray:
        """Return softmax(outputs): the Hessian is diag(p) - p p^T."""
        probabilities: FloatArray = softmax(outputs, axis=1)
        return probabilities


@dataclass(frozen=True, eq=False)
class HalfSquaredError:
    r"""Half the squared error, :math:`\frac{1}{2} \sum_c (f_c - y_c)^2`.

    Parameters
    ----------
    targets : array-like of shape (n, n_outputs)
        The observations.

    Raises
    ------
    ValueError
        If the targets are not a finite matrix.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.inference import HalfSquaredError
    >>> loss = HalfSquaredError([[1.0, -2.0]])
    >>> loss.value(np.zeros((1, 2))), loss.gradient(np.zeros((1, 2)))
    (array([2.5]), array([[-1.,  2.]]))
    """

    targets: FloatArray
    ignores_shifts: ClassVar[bool] = False
    largest_curvature: ClassVar[float] = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "targets", _as_rows(self.targets))

    def value(self, outputs: FloatArray) -> FloatArray:
        """Return half the squared error of each sample."""
        losses: FloatArray = 0.5 * np.square(outputs - self.targets).sum(axis=-1)
        return losses

    def gradient(self, outputs: FloatArray) -> FloatArray:
        """Return outputs - targets."""
        return outputs - self.targets

    def curvature(self, outputs: FloatArray) -> FloatArray:
        """Return ones: the Hessian is the identity."""
        return np.ones_like(outputs)


def _as_rows(targets: FloatArray) -> FloatArray:
    values = as_finite(targets, "The targets", "remove these samples or impute their targets")
    if values.ndim != 2:
        raise ValueError(
            "The targets of a loss must have shape (n_samples, n_outputs), got "
            f"{values.shape}: make them columns."
        )
    return values
