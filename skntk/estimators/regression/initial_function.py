"""Training that starts from one given function instead of an ensemble of random ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skntk.estimators.kernel_machines.training import TrainedNetwork

InitialFunction = Callable[[np.ndarray], ArrayLike]


class InitializedNetwork(TrainedNetwork):
    """The ensemble, or with ``initial_function`` the one network that starts from it.

    A network of infinite width moves by a linear map of its errors. One that starts from f_0 learns
    what an ensemble would learn of the targets y - f_0(X), and adds it to f_0. Nothing about it is
    random: its variance is 0.
    """

    initial_function: InitialFunction | None

    def _initial(self, X: np.ndarray) -> np.ndarray:
        """Return the initial function at rows X in the units of training."""
        return self._scaling.normalize(initial_values(self, X, self.y_train_.shape[1:]))

    def _targets_to_learn(self) -> np.ndarray:
        if self.initial_function is None:
            return super()._targets_to_learn()
        return self.y_train_ - self._initial(self.X_train_)

    def _leave_one_out_mean(self) -> np.ndarray:
        if self.initial_function is None:
            return super()._leave_one_out_mean()
        self._require_closed_form_leave_one_out()
        # The center of the targets cancels: nothing is to be centered anew.
        posterior: Any = self._posterior
        left_out = posterior.leave_one_out_mean(self._targets_to_learn())
        return self._scaling.restore(left_out + self._initial(self.X_train_))

    def _leave_one_out_variance(self) -> np.ndarray:
        """Return the variances of one normalized output of the models that leave out one row."""
        if self.initial_function is not None:
            return np.zeros(len(self.X_train_))
        posterior: Any = self._posterior
        variance: np.ndarray = posterior.leave_one_out(self.y_train_)[1]
        return variance

    def _mean(self, X: np.ndarray) -> np.ndarray:
        mean = super()._mean(X)
        return mean if self.initial_function is None else mean + self._initial(X)

    def _mean_and_variance(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.initial_function is None:
            return super()._mean_and_variance(X)
        return self._mean(X), np.zeros(len(X))

    def _mean_and_covariance(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.initial_function is None:
            return super()._mean_and_covariance(X)
        return self._mean(X), np.zeros((len(X), len(X)))

    def _staged_means(self, X: np.ndarray, training_times: ArrayLike) -> np.ndarray:
        """Return normalized means at many times, the initial function included."""
        means = self._means_over(X, training_times)
        return means if self.initial_function is None else means + self._initial(X)

    def _staged_means_and_variances(
        self, X: np.ndarray, training_times: ArrayLike
    ) -> tuple[np.ndarray, np.ndarray]:
        if self.initial_function is None:
            return self._means_and_variances_over(X, training_times)
        means = self._staged_means(X, training_times)
        return means, np.zeros(means.shape[:2])

    def _staged_means_and_covariances(
        self, X: np.ndarray, training_times: ArrayLike
    ) -> tuple[np.ndarray, Iterator[np.ndarray]]:
        if self.initial_function is None:
            return self._means_and_covariances_over(X, training_times)
        means = self._staged_means(X, training_times)
        return means, (np.zeros((len(X), len(X))) for _ in means)


def initial_values(
    estimator: InitializedNetwork, X: np.ndarray, outputs: tuple[int, ...] | None
) -> np.ndarray:
    """Return the values of an estimator's ``initial_function``, checked.

    Parameters
    ----------
    estimator : InitializedNetwork
        With an ``initial_function``.
    X : ndarray of shape (m, ...)
        Inputs.
    outputs : tuple of int or None
        Shape of the targets of one sample, () or (n_outputs,). None where it is not known yet.

    Returns
    -------
    ndarray of shape (m, *outputs)
        In the units of the targets.

    Raises
    ------
    ValueError
        If the shape does not fit or a value is not finite.
    """
    assert estimator.initial_function is not None
    values = np.asarray(estimator.initial_function(X), dtype=np.float64)
    if values.ndim == 2 and values.shape[1] == 1 and outputs in ((), None):
        values = values[:, 0]
    if values.ndim == 1 and outputs == (1,):
        values = values[:, np.newaxis]
    wrong_outputs = outputs is not None and values.shape[1:] != outputs
    if values.ndim not in (1, 2) or len(values) != len(X) or wrong_outputs:
        expected = (len(X), "n_outputs") if outputs is None else (len(X), *outputs)
        shape = str(expected).replace("'", "")
        raise ValueError(
            f"initial_function returned an array of shape {values.shape} for {len(X)} rows: it "
            f"must return one value for each row and output, an array of shape {shape}."
        )
    if not np.isfinite(values).all():
        raise ValueError("initial_function returned NaN or infinity: its values must be finite.")
    return values
