"""What `NNGPRegressor` and `NTKRegressor` share: everything but how they are trained."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import Bunch, check_random_state
from sklearn.utils.validation import check_is_fitted

from skntk._sklearn import MultiOutputMixin, RegressorMixin, fit_context, fit_tasks
from skntk.estimators.data.sample_weights import as_alpha_per_sample, as_sample_weight
from skntk.estimators.data.target_scaling import TargetScaling
from skntk.estimators.data.validation import (
    as_regression_targets,
    require_one_spread,
    validate_test_targets,
    validate_training_data,
)
from skntk.estimators.regression.initial_function import initial_values
from skntk.estimators.regression.learned_hyperparameters import LearnedNetwork
from skntk.gram import gram_diagonal, gram_matrix
from skntk.inference import sample_gaussian


class NetworkRegressor(MultiOutputMixin, RegressorMixin, LearnedNetwork):
    """Regression with an infinitely wide network, and the prior of its outputs before `fit`."""

    @fit_context
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train on samples and their targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training inputs.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Weight of each sample, at least 0. A weight of k is the same as k repetitions, 0 the
            same as removal. None is 1 for every sample.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the data, the weights or a parameter are not valid, if the inputs do not fit the
            architecture, or if the kernel with ``alpha`` on its diagonal is singular.
        MemoryError
            If the kernel matrices of so many samples do not fit the memory that is free.
        """
        X, y = validate_training_data(
            self, X, y, dtype=self.dtype, multi_output=True, y_numeric=True
        )
        tasks = fit_tasks(self, X, y)
        targets = as_regression_targets(y)
        weight = as_sample_weight(sample_weight, len(X))
        alpha = as_alpha_per_sample(self.alpha, len(X))
        kept = np.flatnonzero(weight)
        kernels = self._prepare(X[kept], targets[kept], alpha[kept], weight[kept], tasks)
        with tasks.training():
            self._train(kernels)
        return self

    def predict(
        self, X: ArrayLike, return_std: bool = False, return_cov: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Predict the mean, and on request its standard deviation or covariance.

        Before `fit`, the prediction is that of the prior: the outputs of networks at random
        initialization.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.
        return_std : bool, default=False
            Whether to return the standard deviation of each prediction as well. No matrix between
            the inputs is formed, and large inputs are worked off in blocks.
        return_cov : bool, default=False
            Whether to return the covariance of the predictions as well. At most one of the two can
            be requested.

        Returns
        -------
        mean : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Mean of the predictive distribution.
        std : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Standard deviation of the function's value, in the units of the targets. Noise of a new
            observation is not part of it. Only with ``return_std=True``.
        cov : ndarray of shape (n_samples, n_samples) or (n_samples, n_samples, n_outputs)
            Covariance of the function's values. Only with ``return_cov=True``.

        Raises
        ------
        RuntimeError
            If both ``return_std`` and ``return_cov`` are True.
        ValueError
            If X is not valid or differs from the training inputs in its features.
        MemoryError
            If the covariance, and what is held beside it, do not fit the memory that is free.
        """
        require_one_spread(return_std, return_cov)
        inputs = self._validated_inputs(X)
        if not self._is_fitted():
            return self._predict_prior(inputs, return_std, return_cov)
        if return_cov:
            mean, covariance = self._mean_and_covariance(inputs)
            return self._scaling.restore(mean), self._scaling.restore_covariance(covariance)
        if return_std:
            mean, variance = self._mean_and_variance(inputs)
            return self._scaling.restore(mean), self._scaling.restore_std(np.sqrt(variance))
        return self._scaling.restore(self._mean(inputs))

    def staged_predict(
        self,
        X: ArrayLike,
        training_times: ArrayLike,
        return_std: bool = False,
        return_cov: bool = False,
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
            Times of at least 0, finite, ascending; with ``solver="gradient_descent"`` whole numbers
            of steps.
        return_std : bool, default=False
            Whether to yield the standard deviations as well. With many times they cost some
            thirty times those of one, beside the eigendecomposition.
        return_cov : bool, default=False
            Whether to yield the covariance of the predictions as well, each of which costs as much
            as that of one time. At most one of the two can be requested.

        Yields
        ------
        prediction : ndarray or tuple of ndarray
            What `predict` returns for a model fitted with ``training_time`` equal to the next of
            the times.

        Raises
        ------
        NotFittedError
            Before `fit`.
        RuntimeError, ValueError, MemoryError
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
        check_is_fitted(self, "dual_coef_")
        inputs = self._validated_inputs(X)
        times = self._checked_times(training_times)
        # Checked at the call, not when the first prediction is asked for.
        if return_cov:
            return self._stages_with_covariance(inputs, times)
        if return_std:
            return self._stages_with_std(inputs, times)
        return self._stages_of_mean(inputs, times)

    def training_history(
        self, X_test: ArrayLike, y_test: ArrayLike, training_times: ArrayLike
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
        check_is_fitted(self, "dual_coef_")
        inputs = self._validated_inputs(X_test)
        targets = validate_test_targets(y_test, len(inputs), self.y_train_.shape[1:])
        times = self._checked_times(training_times)
        ensemble = self.initial_function is None
        to_learn = self._scaling.normalize(targets)
        if not ensemble:
            to_learn = to_learn - self._initial(inputs)
        history = self._loss_history(inputs, to_learn, times, ensemble=ensemble)
        names = ["train_loss", "train_loss_std", "test_loss", "test_loss_std"]
        return Bunch(training_times=times, **dict(zip(names, history, strict=True)))

    def _stages_of_mean(self, X: np.ndarray, times: np.ndarray) -> Iterator[np.ndarray]:
        for mean in self._staged_means(X, times):
            yield self._scaling.restore(mean)

    def _stages_with_std(
        self, X: np.ndarray, times: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for mean, variance in zip(*self._staged_means_and_variances(X, times), strict=True):
            yield self._scaling.restore(mean), self._scaling.restore_std(np.sqrt(variance))

    def _stages_with_covariance(
        self, X: np.ndarray, times: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for mean, covariance in zip(*self._staged_means_and_covariances(X, times), strict=True):
            yield self._scaling.restore(mean), self._scaling.restore_covariance(covariance)

    def predict_std(self, X: ArrayLike) -> np.ndarray:
        """Predict the standard deviation alone.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            As ``predict(X, return_std=True)`` returns it.

        Raises
        ------
        ValueError
            As `predict`.
        """
        return self.predict(X, return_std=True)[1]

    def sample_y(
        self,
        X: ArrayLike,
        n_samples: int = 1,
        random_state: int | np.random.RandomState | None = 0,
    ) -> np.ndarray:
        """Draw functions from the predictive distribution, before `fit` from the prior.

        Parameters
        ----------
        X : array-like of shape (n_samples_X, n_features)
            Where to evaluate the functions.
        n_samples : int, default=1
            Number of functions, at least 0.
        random_state : int, RandomState instance or None, default=0
            An int gives the same functions on every call.

        Returns
        -------
        ndarray of shape (n_samples_X, n_samples) or (n_samples_X, n_outputs, n_samples)
            The functions' values.

        Raises
        ------
        ValueError, MemoryError
            As `predict` with ``return_cov=True``, or if ``n_samples`` is not a whole number of at
            least 0.
        """
        inputs = self._validated_inputs(X)
        if self._is_fitted():
            scaling = self._scaling
            mean, covariance = self._mean_and_covariance(inputs)
        else:
            mean, covariance = self._predict_prior(inputs, False, True)
            scaling = TargetScaling.identity(mean)
            covariance = covariance.reshape(*covariance.shape[:2], -1)[..., 0]
        draws = sample_gaussian(mean, covariance, n_samples, check_random_state(random_state))
        return scaling.restore_draws(draws)

    def loo_predict(self, return_std: bool = False) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Predict each training sample by the model trained on all others, in closed form.

        Equal to as many refits as there are samples with ``alpha_`` held fixed, whatever
        ``alpha_scale`` is. With ``normalize_y`` each of them centers by the mean of its own
        targets; the unit of the targets, in which ``alpha_`` and the standard deviation are
        measured, is held fixed as well.

        Parameters
        ----------
        return_std : bool, default=False
            Whether to return the standard deviations as well.

        Returns
        -------
        mean : ndarray of shape (n_train,) or (n_train, n_outputs)
            Predictions for the rows of ``X_train_``: those of positive weight passed to `fit`, in
            their order.
        std : ndarray of shape (n_train,) or (n_train, n_outputs)
            Their standard deviations. Only with ``return_std=True``.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If the model centers its targets and has one training sample, or if it was trained for
            a finite time.
        """
        mean = self._leave_one_out_mean()
        if not return_std:
            return mean
        return mean, self._scaling.restore_std(np.sqrt(self._leave_one_out_variance()))

    def _predict_prior(self, X: np.ndarray, return_std: bool, return_cov: bool) -> Any:
        architecture = self._prior_architecture(X)
        if self.initial_function is not None:
            mean = initial_values(self, X, None)
            scaling = TargetScaling.identity(mean)
            if return_cov:
                return mean, scaling.restore_covariance(np.zeros((len(X), len(X))))
            return (mean, np.zeros(mean.shape)) if return_std else mean
        mean = np.zeros(len(X))
        if return_cov:
            kernel = gram_matrix(architecture, X, kind="nngp", dtype=self.dtype, n_jobs=self.n_jobs)
            return mean, kernel.astype(np.float64, copy=False)
        if return_std:
            variance = gram_diagonal(
                architecture, X, kind="nngp", dtype=self.dtype, n_jobs=self.n_jobs
            )
            return mean, np.sqrt(variance.astype(np.float64))
        return mean

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags
