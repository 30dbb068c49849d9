"""Features that are learned, as a transformer."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from skntk._sklearn import (
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    search_context,
)
from skntk.estimators.feature_learning.base import FeatureLearningParameters
from skntk.estimators.feature_learning.classifier import FeatureLearningClassifier
from skntk.estimators.feature_learning.regressor import FeatureLearningRegressor


class LearnedFeatures(ClassNamePrefixFeaturesOutMixin, TransformerMixin, FeatureLearningParameters):
    r"""Inputs times the matrix that `FeatureLearningRegressor` or its like has learned.

    `fit` learns which directions of the inputs the targets depend on, and `transform` multiplies
    rows by a power of the average gradient outer product. Any estimator can stand behind it:
    nearest neighbors, kernel machines, forests.

    Parameters
    ----------
    estimator : estimator, default=None
        The model whose gradients are learned from: `NNGPRegressor` or `NTKRegressor`, or for
        classes `NNGPClassifier` or `NTKClassifier`. None is ``NNGPRegressor()``.
    matrix, power, n_rounds, alpha_factors, cv, random_state
        As for `FeatureLearningRegressor`.

    Attributes
    ----------
    learner_ : FeatureLearningRegressor or FeatureLearningClassifier
        What was fitted.
    n_rounds_ : int
        The number of rounds that was chosen; 0 leaves rows as they are.
    transformation_ : ndarray of shape (d, d)
        What rows, flattened, are multiplied by.
    feature_matrix_ : ndarray of shape (d, d)
        The average gradient outer product of the model by the inputs.
    feature_importances_ : ndarray of shape (n_features,)
        Its diagonal, divided by its sum.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X had any that are all strings.

    See Also
    --------
    FeatureLearningRegressor : The model itself, with predictions.

    Notes
    -----
    Cross-validate the pipeline as a whole. The closed-form leave-one-out of an estimator behind
    learned features is optimistic: the matrix has seen the row that is left out.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.neighbors import KNeighborsRegressor
    >>> from sklearn.pipeline import make_pipeline
    >>> from skntk import LearnedFeatures
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 10))
    >>> y = np.sin(2 * X[:, 0])
    >>> neighbors = KNeighborsRegressor(5)
    >>> model = make_pipeline(LearnedFeatures(n_rounds=2, cv=2, random_state=0), neighbors)
    >>> scores = [m.fit(X[:200], y[:200]).score(X[200:], y[200:]) for m in (neighbors, model)]
    >>> scores[1] > 0.9 > 0.5 > scores[0]
    True
    """

    learner_: FeatureLearningRegressor | FeatureLearningClassifier
    n_features_in_: int

    @search_context
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Learn the matrix.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ..., channels)
            Training inputs.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets or classes, as the estimator takes them.
        sample_weight : float or array-like of shape (n_samples,), default=None
            Weight of each sample. None is 1 for every sample.

        Returns
        -------
        self

        Raises
        ------
        TypeError, ValueError
            As `FeatureLearningRegressor.fit`.
        """
        classifies = self.estimator is not None and is_classifier(self.estimator)
        learner = FeatureLearningClassifier if classifies else FeatureLearningRegressor
        self.learner_ = learner(**self.get_params(deep=False)).fit(X, y, sample_weight)
        self.n_features_in_ = self.learner_.n_features_in_
        if hasattr(self.learner_, "feature_names_in_"):
            self.feature_names_in_ = self.learner_.feature_names_in_
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        self.n_rounds_ = self.learner_.n_rounds_
        self.transformation_ = self.learner_.transformation_
        self.feature_matrix_ = self.learner_.feature_matrix_
        self.feature_importances_ = self.learner_.feature_importances_
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Multiply rows by the matrix.

        Parameters
        ----------
        X : array-like of the shape of the training samples
            Inputs.

        Returns
        -------
        ndarray of the shape of X

        Raises
        ------
        NotFittedError, ValueError
            Before `fit`, or if X is not valid.
        """
        check_is_fitted(self, "learner_")
        return self.learner_._mapped(X)

    @property
    def _n_features_out(self) -> int:
        return len(self.transformation_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
