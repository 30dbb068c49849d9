"""Classification with an ensemble of networks of finite width."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import log_softmax, logsumexp, softmax
from sklearn.utils import Bunch
from sklearn.utils.multiclass import check_classification_targets

from skntk._sample_weight import as_sample_weight
from skntk._sklearn import ClassifierMixin, fit_context
from skntk.architecture.core.layer import Layer
from skntk.estimators.data import class_predictions
from skntk.estimators.data.classes import (
    ClassWeight,
    as_decision,
    classes_and_labels,
    one_hot_of_known,
    with_class_weight,
)
from skntk.estimators.data.validation import validate_training_data
from skntk.estimators.finite_width.available_methods import available_where
from skntk.estimators.finite_width.finite_width import FiniteWidthEnsemble, std_over_networks
from skntk.inference.losses.losses import LossName


def _require_probabilities(estimator: FiniteWidthClassifier) -> None:
    if estimator.loss != "log_loss":
        raise AttributeError(
            f"FiniteWidthClassifier(loss={estimator.loss!r}) has no predict_proba: scores of "
            "networks trained on squared error are no probabilities. Set loss='log_loss', or use "
            "CalibratedClassifierCV."
        )


class FiniteWidthClassifier(ClassifierMixin, FiniteWidthEnsemble):
    r"""Classification with an ensemble of networks of finite width trained by gradient descent.

    What `NTKClassifier` describes in the limit of infinite width, as networks that exist: one
    output for each class, trained as those of `FiniteWidthRegressor` on

    .. math::

        L(\theta) = \frac{1}{N} \sum_i w_i \, \ell(f_\theta(x_i), y_i)
            + \frac{\alpha}{2 N} |\theta - \theta_0|^2,

    with N the sum of the weights and :math:`\ell` half of the squared distance from the one-hot
    class, or the cross-entropy of the softmax of the outputs.

    Parameters
    ----------
    architecture : layer or None, default=None
        The network, as for `NTKClassifier`. None is ``FullyConnected()``.
    loss : {"squared_error", "log_loss"}, default="squared_error"
        What is minimized. Probabilities come with the log-loss alone: those of squared error need
        the scores of held-out samples, which networks of finite width have in no closed form. For
        them use `sklearn.calibration.CalibratedClassifierCV`, or `NTKClassifier`.
    width : int, default=512
        Number of channels of hidden layers.
    n_networks : int, default=10
        Number of networks, with independent initializations.
    alpha : float, default=0.0
        Regularization, at least 0: what is added to the diagonal of the training NTK as it is,
        without a scale.
    training_time : int, default=1000
        Number of steps of gradient descent, at least 0. At 0 the networks are as they were drawn.
    learning_rate : float or None, default=None
        Length of a step, greater than 0 and at most ``max_learning_rate_``. None is half of the
        stability limit without momentum.
    momentum : float, default=0.0
        Momentum coefficient: fraction of the previous step that is added to the current one, at
        least 0 and less than 1.
    class_weight : "balanced", dict or None, default=None
        Factor on the weights of the samples of each class: a dict from classes to factors (1 where
        missing), or "balanced" for factors inverse to the frequencies of the classes. None is 1.
    dtype : {"float64", "float32"}, default="float64"
        Precision of the networks. Single precision takes about half of the time.
    random_state : int, RandomState instance or None, default=None
        Decides all parameters. An int gives the same networks on every call of `fit`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    architecture_ : layer
        The architecture of the networks, a copy of ``architecture``.
    X_train_ : ndarray of shape (n_train, n_features)
        The training rows of positive weight.
    y_train_ : ndarray of shape (n_train, n_classes)
        Their classes, one-hot.
    parameters_ : pytree of ndarray of shape (n_networks, ...)
        The trained parameters, as ``architecture_.apply`` takes them but for the leading axis.
    max_learning_rate_ : float
        The stability limit before training, as for `FiniteWidthRegressor`. For the log-loss a rate
        below it is stable, as its second derivative by the outputs is at most 1/2.
    learning_rate_ : float
        The length of a step.
    n_features_in_ : int
        Number of features seen in `fit`; of images and sequences ``X.shape[1]``, as in all of
        scikit-learn.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X had any that are all strings.

    See Also
    --------
    NTKClassifier : The limit of infinite width.
    FiniteWidthRegressor : For regression; its notes apply here too.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk import FiniteWidthClassifier
    >>> from skntk.architecture import FullyConnected
    >>> X = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    >>> network = FullyConnected(depth=1, activation="erf")
    >>> model = FiniteWidthClassifier(
    ...     network, loss="log_loss", width=64, n_networks=3, training_time=100, random_state=0
    ... )
    >>> model.fit(X, ["left", "left", "right", "right"]).predict([[-3.0], [3.0]]).tolist()
    ['left', 'right']
    """

    def __init__(
        self,
        architecture: Layer | None = None,
        *,
        loss: LossName = "squared_error",
        width: int = 512,
        n_networks: int = 10,
        alpha: float = 0.0,
        training_time: int = 1000,
        learning_rate: float | None = None,
        momentum: float = 0.0,
        class_weight: ClassWeight = None,
        dtype: str = "float64",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.architecture = architecture
        self.loss = loss
        self.width = width
        self.n_networks = n_networks
        self.alpha = alpha
        self.training_time = training_time
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.class_weight = class_weight
        self.dtype = dtype
        self.random_state = random_state

    @property
    def _loss(self) -> LossName:
        return self.loss

    @fit_context
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Draw the networks and train them on samples and their classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training inputs.
        y : array-like of shape (n_samples,)
            Classes, of any type that can be sorted.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Weights of the samples, at least 0. A weight of k is the same as k repetitions, 0 the
            same as removal. None is 1 for every sample.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the data, the weights or a parameter are not valid, if fewer than two classes have a
            positive weight, if the inputs do not fit the architecture or it has no counterpart of
            finite width, if ``learning_rate`` is past the stability limit, or if the training
            diverges.
        MemoryError
            If the parameters of so many networks do not fit the memory that is free.
        """
        X, y = validate_training_data(self, X, y, dtype=np.dtype(self.dtype))
        check_classification_targets(y)
        weight = as_sample_weight(sample_weight, len(X))
        weight = with_class_weight(self.class_weight, y, weight)
        kept = np.flatnonzero(weight)
        self.classes_, labels = classes_and_labels(self, y[kept])
        self._train(X[kept], np.eye(len(self.classes_))[labels], weight[kept])
        return self

    predict = class_predictions.predict
    staged_predict = class_predictions.staged_predict

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return the score of each class.

        With squared error the mean over the networks of its output, with the log-loss the logarithm
        of its probability.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples,) for two classes, (n_samples, n_classes) for more
            Of two classes, the second's minus the first's.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If X is not valid or differs from the training inputs in its features.
        """
        return as_decision(self._scores_at(X))

    @available_where(_require_probabilities)
    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the probability of each class, the mean over the networks of their softmax.

        Only with ``loss="log_loss"``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Rows sum to 1; columns in the order of ``classes_``.

        Raises
        ------
        NotFittedError, ValueError
            As `decision_function`.
        """
        return _as_probabilities(self._outputs(self._validated_inputs(X)))

    def predict_std(self, X: ArrayLike) -> np.ndarray:
        """Return the standard deviation of each class's score over the networks.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Square root of the unbiased variance (``ddof=1``).

        Raises
        ------
        NotFittedError, ValueError
            As `decision_function`, or if there is one network.
        """
        return std_over_networks(self._outputs(self._validated_inputs(X)))

    def staged_decision_function(
        self, X: ArrayLike, training_times: ArrayLike
    ) -> Iterator[np.ndarray]:
        """Return the scores at several times of one training, whatever ``training_time`` is.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.
        training_times : array-like of shape (n_times,)
            Whole numbers of steps, at least 0 and ascending.

        Yields
        ------
        ndarray
            As `decision_function` returns, after training for that time.

        Raises
        ------
        NotFittedError, ValueError
            As `decision_function`, if the times are not valid, or if the training diverges before
            the last.
        """
        staged = self._staged_scores(X, training_times)
        return (as_decision(scores) for scores in staged)

    @available_where(_require_probabilities)
    def staged_predict_proba(self, X: ArrayLike, training_times: ArrayLike) -> Iterator[np.ndarray]:
        """Return probabilities at several times of one training; only with the log-loss.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.
        training_times : array-like of shape (n_times,)
            Whole numbers of steps, at least 0 and ascending.

        Yields
        ------
        ndarray of shape (n_samples, n_classes)
            As `predict_proba` returns, after training for that time.

        Raises
        ------
        NotFittedError, ValueError
            As `staged_decision_function`.
        """
        return self._staged(X, training_times, _as_probabilities)

    def training_history(
        self, X_test: ArrayLike, y_test: ArrayLike, training_times: ArrayLike
    ) -> Bunch:
        """Return the losses on training and test samples over the time of training.

        Parameters
        ----------
        X_test : array-like of shape (n_samples, n_features)
            Test inputs.
        y_test : array-like of shape (n_samples,)
            Their classes, among ``classes_``.
        training_times : array-like of shape (n_times,)
            Whole numbers of steps, at least 0 and ascending.

        Returns
        -------
        Bunch
            With arrays of shape (n_times,): ``training_times``; ``train_loss`` and ``test_loss``,
            the means over the networks of ``loss`` (half the squared distance, or the
            cross-entropy, of a sample on average); ``train_loss_std`` and ``test_loss_std``,
            their standard deviations over the networks (``ddof=1``).

        Raises
        ------
        NotFittedError, ValueError
            As `staged_decision_function`, or if ``y_test`` does not fit.
        """
        inputs = self._validated_inputs(X_test)
        targets = one_hot_of_known(self.classes_, y_test, len(inputs))
        return self._losses(inputs, targets, training_times, np.ones(1))

    def _staged(
        self, X: ArrayLike, training_times: ArrayLike, result: Callable[[np.ndarray], np.ndarray]
    ) -> Iterator[Any]:
        inputs = self._validated_inputs(X)
        return (result(outputs) for (outputs,) in self._staged_outputs(training_times, inputs))

    def _scores_at(self, X: ArrayLike) -> np.ndarray:
        return self._as_scores(self._outputs(self._validated_inputs(X)))

    def _staged_scores(self, X: ArrayLike, training_times: ArrayLike) -> Iterator[np.ndarray]:
        return self._staged(X, training_times, self._as_scores)

    def _as_scores(self, outputs: np.ndarray) -> np.ndarray:
        if self.loss == "squared_error":
            mean: np.ndarray = outputs.mean(0)
            return mean
        log_probabilities: np.ndarray = logsumexp(log_softmax(outputs, axis=-1), axis=0)
        return log_probabilities - np.log(len(outputs))


def _as_probabilities(outputs: np.ndarray) -> np.ndarray:
    probabilities: np.ndarray = softmax(outputs, axis=-1).mean(0)
    return probabilities
