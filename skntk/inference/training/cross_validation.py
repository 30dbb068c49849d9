"""Out-of-fold predictions of early-stopped networks, from kernel matrices computed once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from skntk.inference.linalg.arrays import (
    FloatArray,
    as_targets,
    as_training_kernel,
    per_sample,
)
from skntk.inference.training.kernel_spectrum import KernelSpectrum
from skntk.inference.training.momentum import make_training_method
from skntk.inference.training.training_methods import TrainingMethod, as_training_times

__all__ = ["Fold", "centered_held_out_gradient_flow", "held_out_gradient_flow"]

Folds = Iterable[tuple[npt.ArrayLike, npt.ArrayLike]]
Rows = npt.NDArray[np.intp]


class Fold(NamedTuple):
    """Samples to train on, and samples to predict.

    A sample that stands for several observations may be among both, if some of them are held out.

    Attributes
    ----------
    train : ndarray of shape (n_train,)
        Indices of samples.
    sample_weight : ndarray of shape (n_train,)
        Positive weights of the samples that are trained on.
    test : ndarray of shape (n_test,)
        Indices of samples.
    """

    train: Rows
    sample_weight: FloatArray
    test: Rows


def held_out_gradient_flow(
    ntk: npt.ArrayLike,
    noise: npt.ArrayLike,
    targets: npt.ArrayLike,
    folds: Folds,
    *,
    training_times: npt.ArrayLike,
    learning_rate: float = 1.0,
    training_method: str = "gradient_flow",
    momentum: float = 0.0,
    sample_weight: npt.ArrayLike | None = None,
) -> FloatArray:
    """Cross-validated means of networks trained for finite times.

    Early stopping has no exact leave-one-out formula: with one sample fewer, the spectrum of the
    training kernel changes. Each fold is therefore trained on its own part of the kernel matrix,
    as :class:`GradientFlowPosterior` would be, with one eigendecomposition for all times.

    Parameters
    ----------
    ntk : array-like of shape (n, n)
        Symmetric NTK matrix of all samples.
    noise : float or array-like of shape (n,)
        Nonnegative values added to the diagonal.
    targets : array-like of shape (n,) or (n, outputs)
        The observations.
    folds : iterable of (train_index, test_index)
        Index arrays. Each sample must be in exactly one `test_index`.
    training_times : array-like of shape (n_times,)
        Times t >= 0, finite, ascending; whole numbers of steps for gradient descent.
    learning_rate, training_method, momentum, sample_weight
        As for :meth:`GradientFlowPosterior.condition`.

    Returns
    -------
    ndarray of shape (n_times, n) or (n_times, n, outputs)
        For each time and sample, the mean prediction of the networks trained on the fold that
        holds it out.

    Raises
    ------
    SingularKernelError
        As :meth:`GradientFlowPosterior.condition`.
    ValueError
        If the folds do not hold out each sample exactly once, and as
        :meth:`GradientFlowPosterior.condition`.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.inference import held_out_gradient_flow
    >>> kernel = np.array([[2.0, 1.0], [1.0, 2.0]])
    >>> folds = [([1], [0]), ([0], [1])]
    >>> held_out_gradient_flow(kernel, 0.0, [4.0, 2.0], folds, training_times=[0.0, 50.0])
    array([[0., 0.],
           [1., 2.]])
    """
    method = make_training_method(training_method, learning_rate, momentum)
    times = as_training_times(training_times, method)
    return _means_of_samples(
        ntk, noise, targets, folds, times, method, sample_weight, centered=False
    )


def centered_held_out_gradient_flow(
    ntk: npt.ArrayLike,
    noise: npt.ArrayLike,
    targets: npt.ArrayLike,
    folds: Folds,
    *,
    training_times: npt.ArrayLike,
    learning_rate: float = 1.0,
    training_method: str = "gradient_flow",
    momentum: float = 0.0,
    sample_weight: npt.ArrayLike | None = None,
) -> FloatArray:
    """Cross-validated means of networks trained on targets centered by their training mean.

    In each fold the (weighted) mean of the training targets is subtracted before training and
    added to the predictions.

    Parameters
    ----------
    ntk, noise, folds, training_times, learning_rate, training_method, momentum
        As for :func:`held_out_gradient_flow`.
    targets : array-like of shape (n,) or (n, outputs)
        The observations before centering.
    sample_weight : float or array-like of shape (n,), default=None
        Nonnegative weights in the loss and in the mean. None means 1 for every sample.

    Returns
    -------
    ndarray of shape (n_times, n) or (n_times, n, outputs)
        Predictions on the scale of `targets`.

    Raises
    ------
    SingularKernelError, ValueError
        As :func:`held_out_gradient_flow`.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk.inference import centered_held_out_gradient_flow
    >>> folds = [([1, 2], [0]), ([0, 2], [1]), ([0, 1], [2])]
    >>> targets = [1.0, 2.0, 6.0]
    >>> centered_held_out_gradient_flow(np.eye(3), 0.1, targets, folds, training_times=[1.0])
    array([[4. , 3.5, 1.5]])
    """
    method = make_training_method(training_method, learning_rate, momentum)
    times = as_training_times(training_times, method)
    return _means_of_samples(
        ntk, noise, targets, folds, times, method, sample_weight, centered=True
    )


def held_out_means(
    ntk: npt.ArrayLike,
    noise: npt.ArrayLike,
    targets: npt.ArrayLike,
    folds: Sequence[Fold],
    times: FloatArray,
    method: TrainingMethod,
    *,
    centered: bool,
) -> FloatArray:
    """Return the means of what folds hold out, one fold after the other, at checked times.

    Noise is that of one observation, which the weights do not divide. The shape is
    (n_times, n_held_out) or (n_times, n_held_out, outputs).
    """
    matrix = as_training_kernel(ntk, "The training NTK")
    n_samples = len(matrix)
    y = as_targets(targets, n_samples)
    diagonal = per_sample(noise, n_samples, "noise")
    # Predictions are linear in the targets: a column of ones tells what centering changes.
    columns = np.column_stack([y, np.ones(n_samples)]) if centered else y
    means = []
    for train, weight, test in folds:
        spectrum = KernelSpectrum.decompose(
            matrix[np.ix_(train, train)], diagonal[train], weight, overwrite=True
        )
        rotated, filters = spectrum.rotate(columns[train]), spectrum.filter_function(method, times)
        dual_coefs = [spectrum.coefficients(values, rotated) for values in filters.T]
        # The next fold's matrices come before this name is bound again.
        del spectrum
        cross = matrix[np.ix_(test, train)]
        held_out = np.array([cross @ dual_coef for dual_coef in dual_coefs])
        if centered:
            center = np.average(columns[train, :-1], axis=0, weights=weight)
            held_out = held_out[..., :-1] + center * (1.0 - held_out[..., -1:])
        means.append(held_out.reshape(len(times), len(test), *y.shape[1:]))
    return np.concatenate(means, axis=1)


def _means_of_samples(
    ntk: npt.ArrayLike,
    noise: npt.ArrayLike,
    targets: npt.ArrayLike,
    folds: Folds,
    times: FloatArray,
    method: TrainingMethod,
    sample_weight: npt.ArrayLike | None,
    *,
    centered: bool,
) -> FloatArray:
    """Return the means of samples that are in one fold each, in the order of the samples."""
    n_samples = len(np.asarray(ntk))
    weight = per_sample(sample_weight, n_samples, "sample_weight", default=1.0)
    parts = [Fold(train, weight[train], test) for train, test in _partition(folds, n_samples)]
    means = held_out_means(ntk, noise, targets, parts, times, method, centered=centered)
    return means[:, np.argsort(np.concatenate([fold.test for fold in parts]))]


def _partition(folds: Folds, n_samples: int) -> list[tuple[Rows, Rows]]:
    parts = [(np.asarray(train, np.intp), np.asarray(test, np.intp)) for train, test in folds]
    times_held_out = np.zeros(n_samples, dtype=np.intp)
    for train, test in parts:
        np.add.at(times_held_out, test, 1)
        if np.intersect1d(train, test).size:
            raise ValueError("A fold trains on samples that it holds out: make them disjoint.")
    if not (times_held_out == 1).all():
        sample = int(np.argmax(times_held_out != 1))
        raise ValueError(
            "The folds must hold out each sample exactly once, as those of `KFold` do: sample "
            f"{sample} is held out {times_held_out[sample]} times."
        )
    return parts
