"""Regression with features that are learned."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from skntk._sklearn import MultiOutputMixin, RegressorMixin, search_context
from skntk.estimators.data.validation import as_regression_targets, validate_training_data
from skntk.estimators.feature_learning.base import FeatureLearner
from skntk.estimators.feature_learning.held_out import HeldOut, HeldOutMeans
from skntk.estimators.kernel_machines.machine import KernelMachine
from skntk.estimators.regression.nngp_regressor import NNGPRegressor
from skntk.estimators.regression.regression import NetworkRegressor
from skntk.gram.kernel_function import dtypes_of_inputs


class FeatureLearningRegressor(MultiOutputMixin, RegressorMixin, FeatureLearner):
    r"""Regression with an infinitely wide network on inputs that are re-scaled by its gradients.

    A kernel of an infinitely wide network is fixed: it learns no features. A recursive feature
    machine [1]_ does. It fits the model, computes the average gradient outer product M of its
    predictions (`average_gradient_outer_product`), multiplies the inputs by a power of M, and fits
    anew:

    .. math::

        M_t = \frac1n \sum_i \nabla f_t(x_i) \nabla f_t(x_i)^T, \qquad
        f_{t+1}(x) = g_{t+1}\bigl(c_t M_t^p x\bigr),

    where g is the model of `estimator` and :math:`c_t` keeps the mean square of the training rows.
    Round 0 is the plain model.

    Everything is chosen by cross-fitting: the round, the factor of ``alpha``, the matrix, and its
    power if several are given. For every fold the matrices of all rounds and ``alpha`` are learned
    from the other rows alone, and what is held out is predicted. Closed-form leave-one-out does not
    serve here: the matrix has seen the row that is left out. By this score the result is never
    worse than the plain model. It is then fitted to all rows.

    Parameters
    ----------
    estimator : NNGPRegressor or NTKRegressor, default=None
        The model, with any solver. None is ``NNGPRegressor()``.
    matrix : {"full", "diagonal"} or sequence of these, default=("full", "diagonal")
        Whether inputs are multiplied by the power of the matrix or of its diagonal, which gives
        every feature a scale and rotates nothing. Of several the best is chosen. A full matrix
        mixes the columns that networks such as `AxisAlignedNet` cut along: use "diagonal" for them.
    power : float or sequence of float, default=0.5
        The power p. Of several the best is chosen.
    n_rounds : int, default=3
        The most rounds.
    alpha_factors : float or sequence of float, default=(1.0, 0.1, 0.01)
        What the ``alpha`` of round 0 is multiplied by in all rounds: that of the estimator, or what
        its ``alpha="auto"`` finds with the inputs as they are. With learned features less is
        needed. Of several the best is chosen. Relative to the kernel it does not fall below 1e-6,
        in single precision 1e-4, unless that of the estimator does.
    cv : int, splitter or iterable, default=5
        Number of folds, or what gives them. With a number, folds hold out observations: rows that
        are equal, or of large weight, may be on both sides, as new rows may equal those of
        training.
    random_state : int, RandomState instance or None, default=None
        Decides the folds.

    Attributes
    ----------
    estimator_ : NNGPRegressor or NTKRegressor
        Fitted to the re-scaled inputs.
    best_params_ : dict
        What was chosen: "matrix", "power", "alpha_factor" and "n_rounds".
    n_rounds_ : int
        The round that was chosen; 0 is the plain model.
    cv_results_ : dict of str to ndarray
        As that of a search, one entry for each candidate: "params", "mean_test_score",
        "std_test_score" and "rank_test_score", the score of every fold, and "param_n_rounds" and
        its like. Scores are the mean squared error in units of the variance of the targets, times
        -1. Empty with fewer than four samples, where the plain model is chosen.
    feature_matrix_ : ndarray of shape (d, d)
        The average gradient outer product of the fitted model by its inputs, flattened.
    feature_importances_ : ndarray of shape (n_features,), of images the shape of a sample
        The diagonal of ``feature_matrix_``, divided by its sum.
    transformation_ : ndarray of shape (d, d)
        What inputs, flattened, are multiplied by.
    std_scale_ : ndarray of shape () or (n_outputs,)
        What standard deviations of ``estimator_`` are multiplied by: the root of the mean squared
        error of held-out observations in units of the variance predicted for them.
    n_features_in_ : int
        Number of features seen in `fit`; of images and sequences ``X.shape[1]``, as in all of
        scikit-learn.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X had any that are all strings.

    See Also
    --------
    FeatureLearningClassifier : The same of classes.
    LearnedFeatures : A transformer, with any estimator behind it.
    average_gradient_outer_product : The matrix of any fitted model.
    skntk.architecture.InputScale : Scales of features that an ``optimizer`` learns.

    Notes
    -----
    With k folds `fit` takes about k ``n_rounds`` fits of the estimator with a given ``alpha`` for
    each combination of matrix, power and factor, and k + 1 with its own. Each matrix takes a few
    kernel matrices more. With ``InducingPoints`` all of this is linear in the number of rows.

    Standardize the features first: round 0 depends on their scale.

    References
    ----------
    .. [1] Radhakrishnan, Beaglehole, Pandit, Belkin, "Mechanism for feature learning in neural
       networks and backpropagation-free machine learning models", Science, 2024.
    .. [2] Beaglehole, Holzmueller, Radhakrishnan, Belkin, "xRFM: accurate, scalable, and
       interpretable feature learning models for tabular data", 2025, arXiv 2508.10053.

    Examples
    --------
    The targets depend on one direction of ten features:

    >>> import numpy as np
    >>> from skntk import FeatureLearningRegressor, NNGPRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 10))
    >>> y = np.sin(X[:, 0] + X[:, 1])
    >>> model = FeatureLearningRegressor(cv=2, random_state=0).fit(X[:200], y[:200])
    >>> model.score(X[200:], y[200:]) > 0.97
    True
    >>> NNGPRegressor().fit(X[:200], y[:200]).score(X[200:], y[200:]) < 0.9
    True
    >>> model.feature_importances_[:2].sum() > 0.95
    np.True_
    """

    _base: ClassVar[type[KernelMachine]] = NetworkRegressor
    _examples: ClassVar[str] = "NNGPRegressor or NTKRegressor"

    estimator_: NetworkRegressor

    @search_context
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Learn features, and fit the regressor to them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ..., channels)
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
        TypeError
            If the estimator has no kernel of an infinitely wide network.
        ValueError
            If the data, the weights or a parameter are not valid, or the estimator has one
            ``alpha`` for each row or an ``initial_function``.
        """
        dtype = dtypes_of_inputs(self._checked_estimator().dtype)
        X, y = validate_training_data(self, X, y, dtype=dtype, multi_output=True, y_numeric=True)
        self._learn(X, as_regression_targets(y), sample_weight)
        return self

    def predict(
        self,
        X: ArrayLike,
        return_std: bool = False,
        return_cov: bool = False,
        observation_noise: bool = False,
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Predict the mean, and on request its standard deviation or covariance.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.
        return_std : bool, default=False
            Whether to return the standard deviation of each prediction as well.
        return_cov : bool, default=False
            Whether to return the covariance of the predictions as well. At most one of the two can
            be requested.
        observation_noise : bool, default=False
            Whether the standard deviation or the covariance is that of new observations, noise
            included.

        Returns
        -------
        mean : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Mean of the predictive distribution.
        std : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Standard deviation, times ``std_scale_``. Only with ``return_std=True``.
        cov : ndarray of shape (n_samples, n_samples) or (n_samples, n_samples, n_outputs)
            Covariance, times the square of ``std_scale_``. Only with ``return_cov=True``.

        Raises
        ------
        RuntimeError
            If both ``return_std`` and ``return_cov`` are True.
        NotFittedError, TypeError, ValueError
            As `NNGPRegressor.predict`, and before `fit`.
        """
        inputs = self._mapped(X)
        options = {"observation_noise": observation_noise}
        if not (return_std or return_cov):
            return self.estimator_.predict(inputs, **options)
        mean, spread = self.estimator_.predict(inputs, return_std, return_cov, **options)
        return mean, spread * (np.square(self.std_scale_) if return_cov else self.std_scale_)

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
        NotFittedError, ValueError
            As `predict`.
        """
        return self.predict(X, return_std=True)[1]

    def predict_observation(self, X: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Predict new observations: their mean, and their standard deviation with noise.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        mean, std : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            As ``predict(X, return_std=True, observation_noise=True)`` returns them.

        Raises
        ------
        NotFittedError, ValueError
            As `predict`.
        """
        mean, std = self.predict(X, return_std=True, observation_noise=True)
        return mean, std

    def sample_y(
        self,
        X: ArrayLike,
        n_samples: int = 1,
        random_state: int | np.random.RandomState | None = 0,
    ) -> np.ndarray:
        """Draw functions from the predictive distribution.

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
        NotFittedError, ValueError, MemoryError
            As `NNGPRegressor.sample_y`, and before `fit`.
        """
        inputs = self._mapped(X)
        mean = np.asarray(self.estimator_.predict(inputs))[..., np.newaxis]
        drawn = self.estimator_.sample_y(inputs, n_samples, random_state)
        return mean + np.asarray(self.std_scale_)[..., np.newaxis] * (drawn - mean)

    @property
    def std_scale_(self) -> np.ndarray:
        """What standard deviations of the regressor within are multiplied by."""
        if not hasattr(self, "_calibration"):
            raise AttributeError("std_scale_ is found by fit.")
        return np.asarray(self._calibration)

    def _default(self) -> KernelMachine:
        return NNGPRegressor()

    def _labels(self, y: np.ndarray) -> np.ndarray:
        return np.zeros(len(y), dtype=np.intp)

    def _counted(self, y: np.ndarray, y_train: np.ndarray) -> np.ndarray:
        return np.full(len(y), len(y_train) > 1)

    def _held_out(self, y: np.ndarray, weight: np.ndarray) -> HeldOut:
        return HeldOutMeans(y, weight)
