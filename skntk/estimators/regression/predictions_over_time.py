"""Methods of both regressors that follow one training run over time; their class assigns them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from skntk.estimators.data.noise import Noise
from skntk.estimators.data.target_scaling import TargetScaling
from skntk.estimators.data.validation import require_one_spread, validate_test_targets
from skntk.estimators.kernel_machines.process import FittedProcess
from skntk.estimators.regression.observation_noise import add_noise


class FittedRegressor(Protocol):
    """A regressor after `fit`."""

    y_train_: np.ndarray
    _process: FittedProcess
    _scaling: TargetScaling
    _noise: Noise

    def _noise_std(self, observation_noise: bool) -> np.ndarray | float:
        """Return the standard deviation that is asked for beside that of the function, maybe 0."""


def staged_predict(
    self: FittedRegressor,
    X: ArrayLike,
    training_times: ArrayLike,
    return_std: bool = False,
    return_cov: bool = False,
    observation_noise: bool = False,
) -> Iterator[np.ndarray | tuple[np.ndarray, np.ndarray]]:
    """Predict at many times of one training run, from one eigendecomposition.

    The times have nothing to do with ``training_time``, up to which the model was fitted.
    Where that is None, the eigendecomposition is found anew with each call, at about ten times
    the cost of `fit` without its kernels.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Inputs.
    training_times : array-like of shape (n_times,)
        Times of at least 0, finite, ascending; with
        ``training_method="gradient_descent"`` whole numbers of steps.
    return_std : bool, default=False
        Whether to yield the standard deviations as well. With many times they cost some
        thirty times those of one, beside the eigendecomposition.
    return_cov : bool, default=False
        Whether to yield the covariance of the predictions as well, each of which costs as much
        as that of one time. At most one of the two can be requested.
    observation_noise : bool, default=False
        As for `predict`. The noise is that of this fitted model at all times, because noise
        of observations does not change with training.

    Yields
    ------
    prediction : ndarray or tuple of ndarray
        What `predict` returns for a model fitted with ``training_time`` equal to the next of
        the times, up to the noise of observations.

    Raises
    ------
    NotFittedError
        Before `fit`.
    RuntimeError, TypeError, ValueError, MemoryError
        As `predict`, and if the times are not as described.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk import NTKRegressor
    >>> X = np.linspace(-2, 2, 9)[:, np.newaxis]
    >>> model = NTKRegressor(alpha=1e-3).fit(X, np.sin(X[:, 0]))
    >>> for mean, std in model.staged_predict([[1.0]], [0.0, 1.0, 100.0], return_std=True):
    ...     print(mean.shape, std.shape)
    (1,) (1,)
    (1,) (1,)
    (1,) (1,)
    """
    require_one_spread(return_std, return_cov)
    check_is_fitted(self, "_process")
    inputs = self._process.validated(self, X)
    trajectory, scaling = self._process.over(training_times), self._scaling
    noise = self._noise_std(observation_noise) if return_std or return_cov else 0.0
    # Computed at the call, and not when the first prediction is asked for.
    if return_cov:
        means, covariances = trajectory.means_and_covariances(inputs)
        return (
            (scaling.restore(mean), add_noise(scaling.restore_covariance(covariance), noise))
            for mean, covariance in zip(means, covariances, strict=True)
        )
    if return_std:
        means, variances = trajectory.means_and_variances(inputs)
        return (
            (scaling.restore(mean), np.hypot(scaling.restore_std(np.sqrt(variance)), noise))
            for mean, variance in zip(means, variances, strict=True)
        )
    return (scaling.restore(mean) for mean in trajectory.means(inputs))


def training_history(
    self: FittedRegressor, X_test: ArrayLike, y_test: ArrayLike, training_times: ArrayLike
) -> Bunch:
    r"""Return training and test loss over the time of training, in closed form.

    The loss of a network f is :math:`\frac{1}{2n} \sum_i |f(x_i) - y_i|^2`, on the training
    rows with their weights and n the sum of them. It is a quadratic form in the normal outputs
    of the ensemble, whose mean and variance are exact.

    Parameters
    ----------
    X_test : array-like of shape (n_samples, n_features)
        Test inputs.
    y_test : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Their targets.
    training_times : array-like of shape (n_times,)
        As for `staged_predict`.

    Returns
    -------
    Bunch
        With the attributes

        training_times : ndarray of shape (n_times,)
            The times.
        train_loss, test_loss : ndarray of shape (n_times,)
            Expected loss of a network of the ensemble, in squared units of y.
        train_loss_std, test_loss_std : ndarray of shape (n_times,)
            Standard deviation of the loss from network to network, 0 with an
            ``initial_function``.

    Raises
    ------
    NotFittedError
        Before `fit`.
    ValueError
        If the data or the times are not valid.

    Notes
    -----
    Forms the matrix between the test rows. Values of ``alpha`` that differ from row to row cost
    a few products of matrices for each time; one value costs little.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk import NTKRegressor
    >>> X = np.linspace(-2, 2, 9)[:, np.newaxis]
    >>> y = np.sin(X[:, 0])
    >>> model = NTKRegressor(alpha=1e-3).fit(X[::2], y[::2])
    >>> history = model.training_history(X[1::2], y[1::2], [0.0, 1.0, 1000.0])
    >>> history.train_loss.shape, bool(history.test_loss[-1] < history.test_loss[0])
    ((3,), True)
    """
    check_is_fitted(self, "_process")
    inputs = self._process.validated(self, X_test)
    targets = validate_test_targets(y_test, len(inputs), self.y_train_.shape[1:])
    trajectory, scaling = self._process.over(training_times), self._scaling
    train, test = trajectory.errors(inputs, scaling.normalize(targets))
    total_weight = self._process.total_weight
    units = scaling.scale, scaling.output_scale
    losses = *train.loss(total_weight, *units), *test.loss(len(inputs), *units)
    names = ("train_loss", "train_loss_std", "test_loss", "test_loss_std")
    return Bunch(training_times=trajectory.training_times, **dict(zip(names, losses, strict=True)))
