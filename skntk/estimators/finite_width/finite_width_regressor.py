"""Regression with an ensemble of networks of finite width."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import Bunch

from skntk._sample_weight import as_sample_weight
from skntk._sklearn import MultiOutputMixin, RegressorMixin, fit_context
from skntk.architecture.core.layer import Layer
from skntk.estimators.data.defaults import NORMALIZE_Y
from skntk.estimators.data.target_scaling import TargetScaling
from skntk.estimators.data.validation import (
    as_regression_targets,
    require_one_spread,
    validate_test_targets,
    validate_training_data,
)
from skntk.estimators.finite_width.finite_width import (
    FiniteWidthEnsemble,
    covariance_over_networks,
    std_over_networks,
)


class FiniteWidthRegressor(MultiOutputMixin, RegressorMixin, FiniteWidthEnsemble):
    r"""Regression with an ensemble of networks of finite width trained by gradient descent.

    What `NTKRegressor` describes in the limit of infinite width, as networks that exist. Each
    starts from standard normal parameters :math:`\theta_0` in the NTK parameterization and makes
    ``training_time`` steps of full-batch gradient descent with heavy-ball momentum m,

    .. math::

        \theta_{k+1} = \theta_k - \eta \nabla L(\theta_k) + m (\theta_k - \theta_{k-1}), \qquad
        L(\theta) = \frac{1}{2 N} \sum_i w_i |f_\theta(x_i) - y_i|^2
            + \frac{\alpha}{2 N} |\theta - \theta_0|^2,

    with N the sum of the weights. As the width grows, mean and standard deviation over the networks
    approach those of ``NTKRegressor(alpha=..., alpha_scale="absolute", training_time=...,
    learning_rate=...)``: the penalty is what adds ``alpha`` to the diagonal of the NTK [1]_. The
    kernel of one network differs from the infinite one by 1 / sqrt(width), the mean kernel by
    1 / width, and changes in training as much [2]_.

    Parameters
    ----------
    architecture : layer or None, default=None
        The network, as for `NTKRegressor`. None is ``FullyConnected()``.
    width : int, default=512
        Number of channels of hidden layers.
    n_networks : int, default=10
        Number of networks, with independent initializations.
    alpha : float, default=0.0
        Regularization, at least 0: what is added to the diagonal of the training NTK as it is,
        without a scale.
    normalize_y : bool, default=True
        Whether to center the targets by their mean and to divide them by their standard deviation,
        output by output, before training. Predictions are in the units of the targets either way.
    training_time : int, default=1000
        Number of steps of gradient descent, at least 0. At 0 the networks are as they were drawn.
    learning_rate : float or None, default=None
        Length of a step, greater than 0 and at most ``max_learning_rate_``. None is the rate that
        learns the direction of the largest eigenvalue of the NTK in one step, half of the stability
        limit without momentum.
    momentum : float, default=0.0
        Momentum coefficient: fraction of the previous step that is added to the current one, at
        least 0 and less than 1.
    dtype : {"float64", "float32"}, default="float64"
        Precision of the networks. Single precision takes about half of the time.
    random_state : int, RandomState instance or None, default=None
        Decides all parameters. An int gives the same networks on every call of `fit`.

    Attributes
    ----------
    architecture_ : layer
        The architecture of the networks, a copy of ``architecture``.
    X_train_ : ndarray of shape (n_train, n_features)
        The training rows of positive weight.
    y_train_ : ndarray of shape (n_train,) or (n_train, n_outputs)
        Their targets, normalized if ``normalize_y`` is True.
    parameters_ : pytree of ndarray of shape (n_networks, ...)
        The trained parameters, as ``architecture_.apply`` takes them but for the leading axis.
    max_learning_rate_ : float
        The stability limit ``2 (1 + momentum) N / s``, with s the largest eigenvalue of the
        networks' NTK on the training samples before training, plus ``alpha``.
    learning_rate_ : float
        The length of a step.
    n_features_in_ : int
        Number of features seen in `fit`; of images and sequences ``X.shape[1]``, as in all of
        scikit-learn.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X had any that are all strings.

    See Also
    --------
    NTKRegressor : The limit of infinite width, in closed form.

    Notes
    -----
    All networks are trained by one program. It takes memory for five times their parameters, and
    networks whose activations would take more than scikit-learn's ``working_memory`` are trained in
    batches. Another number of steps, rate, standard deviation of weights or seed compiles nothing
    anew.

    The masks of `Dropout` are drawn once for every network and sample, as the infinite network has
    them: they stay the same in training, and predictions have masks of their own.

    References
    ----------
    .. [1] Hu, Li, Yu, "Simple and effective regularization methods for training on noisily labeled
       data with generalization guarantee", ICLR 2020.
    .. [2] Lee et al., "Wide neural networks of any depth evolve as linear models under gradient
       descent", NeurIPS 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk import FiniteWidthRegressor
    >>> from skntk.architecture import FullyConnected
    >>> X = np.linspace(-2, 2, 9)[:, np.newaxis]
    >>> network = FullyConnected(depth=1, activation="erf")
    >>> model = FiniteWidthRegressor(network, width=64, n_networks=5, random_state=0)
    >>> mean, std = model.fit(X, np.sin(X[:, 0])).predict([[0.5], [10.0]], return_std=True)
    >>> np.abs(mean[0] - np.sin(0.5)) < 0.1, std[0] < std[1]
    (np.True_, np.True_)
    """

    def __init__(
        self,
        architecture: Layer | None = None,
        *,
        width: int = 512,
        n_networks: int = 10,
        alpha: float = 0.0,
        normalize_y: bool = NORMALIZE_Y,
        training_time: int = 1000,
        learning_rate: float | None = None,
        momentum: float = 0.0,
        dtype: str = "float64",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.architecture = architecture
        self.width = width
        self.n_networks = n_networks
        self.alpha = alpha
        self.normalize_y = normalize_y
        self.training_time = training_time
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.dtype = dtype
        self.random_state = random_state

    @fit_context
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Draw the networks and train them on samples and their targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training inputs.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights of the samples, at least 0. A weight of k is the same as k repetitions, 0 the
            same as removal. None is 1 for every sample.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the data, the weights or a parameter are not valid, if the inputs do not fit the
            architecture or it has no counterpart of finite width, if ``learning_rate`` is past the
            stability limit, or if the training diverges.
        MemoryError
            If the parameters of so many networks do not fit the memory that is free.
        """
        X, y = validate_training_data(
            self, X, y, dtype=np.dtype(self.dtype), multi_output=True, y_numeric=True
        )
        targets = as_regression_targets(y)
        weight = as_sample_weight(sample_weight, len(X))
        kept = np.flatnonzero(weight)
        targets, weight = targets[kept], weight[kept]
        self._scaling = TargetScaling.of(targets, weight, normalize=self.normalize_y)
        self._train(X[kept], self._scaling.normalize(targets), weight)
        return self

    def predict(
        self, X: ArrayLike, return_std: bool = False, return_cov: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Predict the mean over the networks, and on request their spread.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.
        return_std : bool, default=False
            Whether to return the standard deviation over the networks as well.
        return_cov : bool, default=False
            Whether to return the covariance over the networks as well. At most one of the two can
            be requested.

        Returns
        -------
        mean : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Mean over the networks.
        std : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Square root of the unbiased variance (``ddof=1``): an estimate of the standard deviation
            over all networks of this width. Only with ``return_std=True``.
        cov : ndarray of shape (n_samples, n_samples) or (n_samples, n_samples, n_outputs)
            Unbiased covariance (``ddof=1``). Only with ``return_cov=True``.

        Raises
        ------
        NotFittedError
            Before `fit`.
        RuntimeError
            If both ``return_std`` and ``return_cov`` are True.
        ValueError
            If X is not valid or differs from the training inputs in its features, or if a spread is
            asked of one network.
        """
        require_one_spread(return_std, return_cov)
        outputs = self._outputs(self._validated_inputs(X))
        return self._summary(outputs, return_std, return_cov)

    def predict_networks(self, X: ArrayLike) -> np.ndarray:
        """Predict with every network by itself.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_networks, n_samples) or (n_networks, n_samples, n_outputs)
            The first network is the same whatever their number.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X is not valid or differs from the training inputs in its features.
        """
        return self._restored(self._outputs(self._validated_inputs(X)))

    def staged_predict(
        self,
        X: ArrayLike,
        training_times: ArrayLike,
        return_std: bool = False,
        return_cov: bool = False,
    ) -> Iterator[Any]:
        """Predict at several times of one training, whatever ``training_time`` is.

        The networks are trained once more from their initialization, and the training is continued
        from one time to the next.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.
        training_times : array-like of shape (n_times,)
            Whole numbers of steps, at least 0 and ascending.
        return_std, return_cov : bool, default=False
            As for `predict`.

        Yields
        ------
        ndarray or tuple of ndarray
            As `predict` returns, after training for that time.

        Raises
        ------
        NotFittedError, RuntimeError, ValueError
            As `predict`, if the times are not valid, or if the training diverges before the last.
        """
        require_one_spread(return_std, return_cov)
        inputs = self._validated_inputs(X)
        return (
            self._summary(outputs, return_std, return_cov)
            for (outputs,) in self._staged_outputs(training_times, inputs)
        )

    def training_history(
        self, X_test: ArrayLike, y_test: ArrayLike, training_times: ArrayLike
    ) -> Bunch:
        """Return the losses on training and test samples over the time of training.

        Parameters
        ----------
        X_test : array-like of shape (n_samples, n_features)
            Test inputs.
        y_test : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their targets.
        training_times : array-like of shape (n_times,)
            Whole numbers of steps, at least 0 and ascending.

        Returns
        -------
        Bunch
            With arrays of shape (n_times,): ``training_times``; ``train_loss`` and ``test_loss``,
            the means over the networks of half the mean squared error (summed over outputs, in
            squared units of y; that of the training samples with their weights);
            ``train_loss_std`` and ``test_loss_std``, their standard deviations over the networks
            (``ddof=1``).

        Raises
        ------
        NotFittedError, ValueError
            As `staged_predict`, or if ``y_test`` does not fit.
        """
        inputs = self._validated_inputs(X_test)
        targets = validate_test_targets(y_test, len(inputs), self.y_train_.shape[1:])
        normalized = self._scaling.normalize(targets)
        scale = np.atleast_1d(self._scaling.scale)
        return self._losses(inputs, normalized.reshape(len(inputs), -1), training_times, scale)

    def _restored(self, outputs: np.ndarray) -> np.ndarray:
        """Return outputs of shape (n_networks, n, n_outputs) in units and shape of the targets."""
        return self._scaling.restore(outputs[..., 0] if self.y_train_.ndim == 1 else outputs)

    def _summary(self, outputs: np.ndarray, return_std: bool, return_cov: bool) -> Any:
        restored = self._restored(outputs)
        mean = restored.mean(0)
        if return_std:
            return mean, std_over_networks(restored)
        if return_cov:
            covariance = covariance_over_networks(restored.reshape(outputs.shape))
            return mean, covariance[..., 0] if self.y_train_.ndim == 1 else covariance
        return mean
