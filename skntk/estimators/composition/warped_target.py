"""Regression on transformed targets that keeps distributions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn import get_config
from sklearn.base import clone
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.validation import check_is_fitted

from skntk._final_estimator import FinalEstimator
from skntk._sklearn import (
    CheckedParameters,
    HasMethods,
    RegressorMixin,
    StrOptions,
    search_context,
)
from skntk.estimators.composition.target_transformation import (
    TargetTransformation,
    make_transformer,
    validate_targets,
)
from skntk.estimators.composition.transformed_normal import TransformedNormal, as_levels
from skntk.estimators.data.validation import validate_test_targets
from skntk.estimators.regression.nngp_regressor import NNGPRegressor

PointEstimate = Literal["median", "mean"]


class WarpedTargetRegressor(RegressorMixin, CheckedParameters):
    r"""Regression on transformed targets, with standard deviations, quantiles and samples.

    What `sklearn.compose.TransformedTargetRegressor` does for point predictions. The regressor is
    fitted to :math:`z = f(y)`. Its prediction is a normal distribution of z, with mean m and
    standard deviation s, so that :math:`y = f^{-1}(z)` has the distribution of a warped Gaussian
    process [1]_:

    - quantiles are :math:`f^{-1}(m + s \, \Phi^{-1}(q))`, exactly, and with :math:`1 - q` in the
      place of q if f is decreasing;
    - the median is :math:`f^{-1}(m)`, the same for the function and for new observations;
    - mean and standard deviation are integrals of :math:`f^{-1}(m + s x)` over the normal density
      of x, by Gauss-Hermite quadrature with 20 nodes, which reach 7.6 standard deviations;
    - the density is :math:`N(f(y); m, s^2) \, |f'(y)|`.

    Parameters
    ----------
    regressor : estimator, default=None
        A regressor with ``predict(X, return_std=True)``, or a pipeline or a search that ends in
        one. None is ``NNGPRegressor()``.
    transformer : transformer, default=None
        Of the targets, with ``inverse_transform``, such as
        `sklearn.preprocessing.PowerTransformer`. It treats each output by itself, by an increasing
        or decreasing function. Not together with ``func`` and ``inverse_func``.
    func : callable, default=None
        The function f of targets of shape (n_samples, n_outputs), such as ``np.log``. With
        ``inverse_func``. None, without a transformer, leaves the targets as they are.
    inverse_func : callable, default=None
        The inverse of f, such as ``np.exp``.
    check_inverse : bool, default=True
        Whether to warn if the inverse does not lead back to the training targets.
    point_estimate : {"median", "mean"}, default="median"
        What `predict` returns, alone and beside standard deviations. The median minimizes the
        absolute error, is what `sklearn.compose.TransformedTargetRegressor` returns, and exists
        always. The mean minimizes the squared error; of observations take it with
        ``observation_noise=True``. It needs standard deviations, and depends on the tails of the
        distribution.

    Attributes
    ----------
    regressor_ : estimator
        Fitted to the transformed targets. What it predicts is in their units.
    transformer_ : transformer
        Fitted to the targets.
    n_features_in_ : int
        Number of features seen in `fit`, if the regressor knows it.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X had any that are all strings.

    See Also
    --------
    sklearn.compose.TransformedTargetRegressor : For regressors without standard deviations.
    sklearn.preprocessing.PowerTransformer : Box-Cox and Yeo-Johnson transformations.

    Notes
    -----
    Values of y at different inputs are correlated: `sample_y` draws them together.

    Box-Cox transformations, and some of Yeo and Johnson, have an inverse on one side of a bound
    alone, so that the distribution of z is cut off there: nodes of the quadrature beyond it count
    for nothing. This is done where they have less than a thousandth of the probability, and the
    last node before the bound less than a hundredth of the variance. Elsewhere it is an error:
    with a negative exponent of Box-Cox the tail may be too heavy for a standard deviation.

    Where the inverse has kinks, as that of `sklearn.preprocessing.QuantileTransformer`, means and
    standard deviations are approximate.

    References
    ----------
    .. [1] Snelson, Rasmussen, Ghahramani, "Warped Gaussian processes", NeurIPS 2003.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skntk import NNGPRegressor, WarpedTargetRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(1, 9, size=(100, 1))
    >>> y = np.exp(X[:, 0] / 3 + 0.2 * rng.normal(size=100))
    >>> pipeline = make_pipeline(StandardScaler(), NNGPRegressor())
    >>> model = WarpedTargetRegressor(pipeline, func=np.log, inverse_func=np.exp).fit(X, y)
    >>> lower, upper = model.predict_quantiles(X, [0.025, 0.975], observation_noise=True).T
    >>> bool(np.mean((lower < y) & (y < upper)) > 0.9), bool((lower > 0).all())
    (True, True)
    """

    _constraints: ClassVar[dict[str, list[Any]]] = {
        "regressor": [HasMethods(["fit", "predict"]), None],
        "transformer": [HasMethods(["fit", "transform", "inverse_transform"]), None],
        "func": [callable, None],
        "inverse_func": [callable, None],
        "check_inverse": ["boolean"],
        "point_estimate": [StrOptions({"median", "mean"})],
    }

    def __init__(
        self,
        regressor: Any = None,
        *,
        transformer: Any = None,
        func: Callable[[np.ndarray], np.ndarray] | None = None,
        inverse_func: Callable[[np.ndarray], np.ndarray] | None = None,
        check_inverse: bool = True,
        point_estimate: PointEstimate = "median",
    ) -> None:
        self.regressor = regressor
        self.transformer = transformer
        self.func = func
        self.inverse_func = inverse_func
        self.check_inverse = check_inverse
        self.point_estimate = point_estimate

    @search_context
    def fit(self, X: ArrayLike, y: ArrayLike, **fit_params: Any) -> Self:
        """Fit the transformation, and the regressor to the transformed targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        **fit_params : dict
            For ``fit`` of the regressor, such as ``sample_weight``, or of a pipeline
            ``nngpregressor__sample_weight``. With metadata routing, what the regressor requests.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the data are not valid, ``func`` or ``inverse_func`` lacks the other, or the
            transformation mixes outputs, is not finite at a target, or is neither increasing nor
            decreasing.
        """
        targets = validate_targets(self, y)
        transformer = make_transformer(self.transformer, self.func, self.inverse_func)
        self.transformer_ = transformer.fit(targets.reshape(len(targets), -1))
        self._transformation = TargetTransformation(self.transformer_, targets)
        self._outputs = targets.shape[1:]
        if self.check_inverse:
            self._transformation.warn_unless_inverse(targets)
        if get_config()["enable_metadata_routing"]:
            fit_params = process_routing(self, "fit", **fit_params).regressor.fit
        self.regressor_ = clone(self._regressor())
        self.regressor_.fit(X, self._transformation.transformed, **fit_params)
        if hasattr(self.regressor_, "feature_names_in_"):
            self.feature_names_in_ = self.regressor_.feature_names_in_
        return self

    def predict(
        self, X: ArrayLike, return_std: bool = False, observation_noise: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Predict targets, and on request their standard deviations.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.
        return_std : bool, default=False
            Whether to return standard deviations as well.
        observation_noise : bool, default=False
            Whether the distribution is that of new observations, noise included. It changes
            standard deviations and, with ``point_estimate="mean"``, the predictions.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Medians or means, as ``point_estimate`` says, whether or not ``return_std`` is set.
        y_std : ndarray of the same shape
            Standard deviations in the units of the targets. Only with ``return_std=True``.

        Raises
        ------
        NotFittedError
            Before `fit`.
        TypeError
            If the regressor predicts no standard deviation, or none of new observations, where
            these are asked for.
        ValueError
            If X is not valid, the noise of new observations is not known, or the inverse of the
            transformation is not finite where a median is, or too much of a distribution.
        """
        check_is_fitted(self)
        if self.point_estimate == "median" and not return_std:
            return self._transformation.inverse(self._shaped(self._call("predict", X)))
        distribution = self._distribution(X, observation_noise)
        mean, std = distribution.moments()
        point = mean if self.point_estimate == "mean" else distribution.median()
        return (point, std) if return_std else point

    def predict_observation(
        self, X: ArrayLike, alpha: float | ArrayLike | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Predict new observations, with their standard deviation.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.
        alpha : float or array-like of shape (n_samples,), default=None
            Variance of the noise of the transformed targets, as
            `skntk.NNGPRegressor.predict_observation` takes it. None is what the regressor takes
            the noise to be.

        Returns
        -------
        y_pred, y_std : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            As `predict` returns them with ``return_std=True`` and ``observation_noise=True``.

        Raises
        ------
        AttributeError
            If the regressor has no ``predict_observation``.
        NotFittedError, ValueError
            As `predict`.
        """
        check_is_fitted(self)
        mean, std = self._call("predict_observation", X, alpha)
        distribution = self._normal(mean, std)
        y_mean, y_std = distribution.moments()
        return y_mean if self.point_estimate == "mean" else distribution.median(), y_std

    def predict_quantiles(
        self, X: ArrayLike, quantiles: ArrayLike = 0.5, observation_noise: bool = False
    ) -> np.ndarray:
        """Predict quantiles, exactly.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.
        quantiles : float or array-like of shape (n_quantiles,), default=0.5
            Probabilities greater than 0 and less than 1. 0.025 and 0.975 bound a 95 % interval.
        observation_noise : bool, default=False
            Whether the quantiles are those of new observations, noise included.

        Returns
        -------
        ndarray of shape (n_samples, n_quantiles) or (n_samples, n_outputs, n_quantiles)
            In the units of the targets. For one number as ``quantiles`` without the last axis.

        Raises
        ------
        ValueError
            If a quantile is not between 0 and 1, and as `predict`.
        NotFittedError, TypeError
            As `predict`.
        """
        check_is_fitted(self)
        levels = as_levels(quantiles)
        values = self._distribution(X, observation_noise).quantiles(np.atleast_1d(levels))
        return values if levels.ndim else values[..., 0]

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
            Number of functions.
        random_state : int, RandomState instance or None, default=0
            An int gives the same functions on every call.

        Returns
        -------
        ndarray of shape (n_samples_X, n_samples) or (n_samples_X, n_outputs, n_samples)
            The functions' values, in the units of the targets and without noise.

        Raises
        ------
        AttributeError
            If the regressor has no ``sample_y``.
        NotFittedError, ValueError
            As `predict`.
        """
        check_is_fitted(self)
        draws = self._call("sample_y", X, n_samples, random_state)
        return self._transformation.inverse(draws.reshape(len(draws), *self._outputs, -1))

    def log_predictive_density(self, X: ArrayLike, y: ArrayLike) -> np.ndarray:
        """Return the log density of new observations, noise included.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Observations.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            In nats per unit of the targets: densities of models with different transformations can
            be compared.

        Raises
        ------
        ValueError
            If the transformation is not finite or has no slope at an observation, and as `predict`.
        NotFittedError, TypeError
            As `predict`.
        """
        check_is_fitted(self)
        distribution = self._distribution(X, observation_noise=True)
        targets = validate_test_targets(y, len(distribution.mean), self._outputs)
        return distribution.log_density(targets)

    @property
    def n_features_in_(self) -> int:
        """Number of features seen in `fit`, if the regressor knows it."""
        if not hasattr(self, "regressor_"):
            raise AttributeError(f"{type(self).__name__} has no n_features_in_ before fit.")
        n_features: int = self.regressor_.n_features_in_
        return n_features

    def get_metadata_routing(self) -> Any:
        """Return how metadata reach the regressor, as scikit-learn's meta-estimators do.

        Returns
        -------
        MetadataRouter
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        # Its own `predict` and `score` take metadata as well.
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(regressor=self._regressor(), method_mapping=mapping)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(self._regressor())
        tags.input_tags = inner.input_tags
        tags.target_tags.multi_output = inner.target_tags.multi_output
        return tags

    def _regressor(self) -> Any:
        return NNGPRegressor() if self.regressor is None else self.regressor

    def _call(self, method: str, X: ArrayLike, *args: Any) -> Any:
        """Return what a method of the regressor, within pipelines and searches, returns."""
        return FinalEstimator(self.regressor_).call(method, X, *args)

    def _distribution(self, X: ArrayLike, observation_noise: bool) -> TransformedNormal:
        """Return the distribution of the targets, each by itself."""
        model = FinalEstimator(self.regressor_)
        return self._normal(*model.mean_and_std(X, observation_noise, type(self).__name__))

    def _normal(self, mean: np.ndarray, std: np.ndarray) -> TransformedNormal:
        return TransformedNormal(self._transformation, self._shaped(mean), self._shaped(std))

    def _shaped(self, values: np.ndarray) -> np.ndarray:
        """Return predictions in the shape of the targets: a single output has no axis."""
        return np.asarray(values, dtype=np.float64).reshape(len(values), *self._outputs)
