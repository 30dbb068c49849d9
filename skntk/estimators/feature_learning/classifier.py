"""Classification with features that are learned."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import softmax
from sklearn.utils.multiclass import check_classification_targets

from skntk._sample_weight import as_sample_weight
from skntk._sklearn import ClassifierMixin, search_context
from skntk.estimators.classification.classification import NetworkClassifier
from skntk.estimators.classification.nngp_classifier import NNGPClassifier
from skntk.estimators.data.classes import classes_and_labels
from skntk.estimators.data.validation import validate_training_data
from skntk.estimators.feature_learning.base import FeatureLearner
from skntk.estimators.feature_learning.held_out import (
    HeldOut,
    HeldOutProbabilities,
    log_probabilities,
)
from skntk.estimators.kernel_machines.machine import KernelMachine
from skntk.gram.kernel_function import dtypes_of_inputs


class FeatureLearningClassifier(ClassifierMixin, FeatureLearner):
    r"""Classification with an infinitely wide network on inputs re-scaled by its gradients.

    As `FeatureLearningRegressor`, with the gradients of all scores. Cross-fitting compares the
    log-loss of held-out rows, each candidate with the temperature that suits it best.

    Parameters
    ----------
    estimator : NNGPClassifier or NTKClassifier, default=None
        The model, with any solver. None is ``NNGPClassifier()``.
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
        its ``alpha="auto"`` finds with the inputs as they are. Of several the best is chosen.
    cv : int, splitter or iterable, default=5
        Number of folds, or what gives them. With a number, folds have equal shares of every
        class, and hold out observations: rows that are equal, or of large weight, may be on both
        sides, as new rows may equal those of training.
    random_state : int, RandomState instance or None, default=None
        Decides the folds.

    Attributes
    ----------
    estimator_ : NNGPClassifier or NTKClassifier
        Fitted to the re-scaled inputs.
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    best_params_ : dict
        What was chosen: "matrix", "power", "alpha_factor" and "n_rounds".
    n_rounds_ : int
        The round that was chosen; 0 is the plain model.
    cv_results_ : dict of str to ndarray
        As that of a search, one entry for each candidate; see `FeatureLearningRegressor`. Scores
        are log-losses, times -1. Empty where too few rows leave nothing to hold out.
    feature_matrix_ : ndarray of shape (d, d)
        The average gradient outer product of the scores of the fitted model by its inputs,
        flattened.
    feature_importances_ : ndarray of shape (n_features,), of images the shape of a sample
        The diagonal of ``feature_matrix_``, divided by its sum.
    transformation_ : ndarray of shape (d, d)
        What inputs, flattened, are multiplied by.
    temperature_ : float
        What logarithms of the probabilities of ``estimator_`` are divided by, found from held-out
        rows.
    n_features_in_ : int
        Number of features seen in `fit`; of images and sequences ``X.shape[1]``, as in all of
        scikit-learn.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X had any that are all strings.

    See Also
    --------
    FeatureLearningRegressor : The same of numbers, with the formulas and the references.
    LearnedFeatures : A transformer, with any estimator behind it.

    Notes
    -----
    A held-out row of a class that its fold does not train on counts for nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk import FeatureLearningClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 10))
    >>> y = np.where(X[:, 0] * X[:, 1] > 0, "same", "different")
    >>> model = FeatureLearningClassifier(cv=2, random_state=0).fit(X[:200], y[:200])
    >>> model.score(X[200:], y[200:]) > 0.9
    True
    >>> np.argsort(model.feature_importances_)[-2:]
    array([0, 1])
    """

    _base: ClassVar[type[KernelMachine]] = NetworkClassifier
    _examples: ClassVar[str] = "NNGPClassifier or NTKClassifier"

    estimator_: NetworkClassifier
    classes_: np.ndarray

    @search_context
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Learn features, and fit the classifier to them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, ..., channels)
            Training inputs.
        y : array-like of shape (n_samples,)
            Classes, of any type that can be sorted.
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
            If the data, the weights or a parameter are not valid, if fewer than two classes have a
            positive weight, or the estimator has one ``alpha`` for each row.
        """
        dtype = dtypes_of_inputs(self._checked_estimator().dtype)
        X, y = validate_training_data(self, X, y, dtype=dtype)
        check_classification_targets(y)
        weight = as_sample_weight(sample_weight, len(X))
        self.classes_, _ = classes_and_labels(self, y[weight > 0])
        self._learn(X, y, weight)
        return self

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return the score of each class; of two classes, the second's minus the first's.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples,) for two classes, (n_samples, n_classes) for more
            Scores of the classifier within.

        Raises
        ------
        NotFittedError, ValueError
            Before `fit`, or if X is not valid.
        """
        inputs = self._mapped(X)
        return self.estimator_.decision_function(inputs)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the class of the largest score.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples,)
            Values of ``classes_``.

        Raises
        ------
        NotFittedError, ValueError
            As `decision_function`.
        """
        inputs = self._mapped(X)
        return self.estimator_.predict(inputs)

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the probability of each class.

        Those of the classifier within, to the power 1 / ``temperature_``, which makes them as sure
        as they were right about held-out rows.

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
        inputs = self._mapped(X)
        logits = log_probabilities(self.estimator_, inputs)
        probabilities: np.ndarray = softmax(logits / self.temperature_, axis=1)
        return probabilities

    def predict_std(self, X: ArrayLike) -> np.ndarray:
        """Return the standard deviation of each class's score over the networks of the ensemble.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            As the classifier within has it.

        Raises
        ------
        NotFittedError, ValueError
            As `decision_function`, and as ``predict_std`` of the classifier within.
        """
        inputs = self._mapped(X)
        return self.estimator_.predict_std(inputs)

    @property
    def temperature_(self) -> float:
        """What logarithms of the probabilities of the classifier within are divided by."""
        if not hasattr(self, "_calibration"):
            raise AttributeError("temperature_ is found by fit.")
        return float(self._calibration)

    def _default(self) -> KernelMachine:
        return NNGPClassifier()

    def _labels(self, y: np.ndarray) -> np.ndarray:
        return np.searchsorted(self.classes_, y)

    def _counted(self, y: np.ndarray, y_train: np.ndarray) -> np.ndarray:
        known = np.unique(y_train)
        return np.isin(y, known) & (len(known) > 1)

    def _held_out(self, y: np.ndarray, weight: np.ndarray) -> HeldOut:
        return HeldOutProbabilities(y, weight, self.classes_)
