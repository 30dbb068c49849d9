"""Grid search over networks and `alpha` from kernel matrices that are computed once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone, is_classifier
from sklearn.model_selection import check_cv
from sklearn.utils import get_tags, indexable
from sklearn.utils.metadata_routing import MethodMapping

from skntk._sklearn import (
    best_index,
    check_refit_of_many_scores,
    results_of_search,
    routed_metadata,
    scorers_by_name,
    scorers_of_search,
    search_context,
)
from skntk._validation import require_dense
from skntk.estimators.classification.classification import NetworkClassifier
from skntk.estimators.classification.nngp_classifier import NNGPClassifier
from skntk.estimators.data.alpha_of_rows import as_alpha_per_sample
from skntk.estimators.kernel_machines.machine import KernelMachine
from skntk.estimators.regression.nngp_regressor import NNGPRegressor
from skntk.estimators.regression.regression import NetworkRegressor
from skntk.estimators.search.best_estimator import handed_on
from skntk.estimators.search.candidates import Candidates, Parameters
from skntk.estimators.search.closed_form import require_closed_form, require_fit_parameters
from skntk.estimators.search.kernels import SamplesOfSearch, decomposition_pays
from skntk.estimators.search.leave_one_out_fit import LeaveOneOutFit
from skntk.estimators.search.scoring import Fit, Fold, HeldOutScoring
from skntk.estimators.search.subset_fit import SubsetFit
from skntk.inference.linalg.threads import small_problem_threads

if TYPE_CHECKING:
    from skntk._sklearn import GridSearchCV
else:
    from sklearn.model_selection import GridSearchCV


class ClosedFormSearchCV(GridSearchCV):
    r"""Grid search over networks, ``alpha`` and what belongs to them, without refits.

    Each network's kernel matrix between all samples is computed once. With A its noise,
    :math:`M = (K + A)^{-1}` and J the samples that are held out, the model trained on the others
    predicts :math:`y_J - (M_{JJ})^{-1} (M y)_J` [1]_, and one eigendecomposition of K serves every
    value of ``alpha``. Where it is faster, with few large folds and few values of ``alpha``, the
    rows of each fold are factorized instead; the result is the same.

    Scores, ranks and ``best_params_`` are those that `GridSearchCV` finds by refits, up to
    rounding. This holds for all that a fit does on its part of the samples: weights, classes that
    are balanced anew, targets centered and scaled by their own mean and deviation, ``alpha``
    relative to its own mean diagonal, repeated rows, and the temperature of a classifier. It does
    not hold for what is done to the samples before: put the search at the end of a pipeline, whose
    other steps then see all samples, or a pipeline into `GridSearchCV`.

    With ``solver="inducing_points"`` no matrix of all samples is formed. The sums over the samples
    that a fold trains on are those over all samples without those over the samples that it holds
    out, so that all folds take one pass. One eigendecomposition of them, of the number of points,
    serves every value of ``alpha``. The points are chosen once, from all samples: scores are those
    that `GridSearchCV` finds with these points, which it would draw anew in each fold.

    After `fit` the search has all methods that its best estimator predicts with, with their
    parameters: ``predict(X, return_std=True)``, ``predict_observation``, ``sample_y``,
    ``loo_predict`` and so on. With ``refit=False`` it has none.

    Parameters
    ----------
    estimator : NNGPRegressor, NTKRegressor, NNGPClassifier or NTKClassifier
        What is searched, with its other parameters set. Trained to convergence.
    param_grid : dict of str to sequence, or list of such dicts
        Values to try, by parameter: ``architecture`` and ``architecture__depth`` and so on,
        ``alpha``, ``alpha_scale``, ``normalize_y``, ``class_weight``, ``dtype`` and ``solver``,
        exact or with inducing points. Values of ``alpha`` may be numbers and "auto"; one for each
        sample is an array of shape (n_samples,).
    cv : int, splitter, iterable or None, default=None
        How samples are held out. None leaves out one at a time, and scores the predictions of all
        samples together, as one split: the coefficient of determination of one sample is not
        defined. Everything else is as in `GridSearchCV`: an int is a number of folds, stratified
        for classifiers. With inducing points None is an error.
    scoring : str, callable, list, tuple, dict or None, default=None
        As in `GridSearchCV`. None is the estimator's `score`. A callable
        ``scorer(estimator, X, y)`` may ask for all that the estimator predicts for the X that it
        is given, standard deviations and probabilities as well, and for no other X.
    refit : bool, str or callable, default=True
        As in `GridSearchCV`: whether to fit the best candidate on all samples, by which of several
        scores, or a function from ``cv_results_`` to its index.
    n_jobs : int or None, default=None
        Number of threads that score folds at the same time, as joblib counts them. None is 1.
        Kernels and factorizations use every core in any case.
    error_score : "raise" or float, default=nan
        As in `GridSearchCV`: the score of a fold whose training fails, as with a singular kernel.

    Attributes
    ----------
    cv_results_ : dict of str to ndarray
        With the keys and shapes of `GridSearchCV`; the times are those of the scoring of one fold,
        to which the kernel and its decomposition count where they come first.
    best_estimator_ : estimator
        Fitted on all samples. Only with ``refit``.
    best_score_ : float
        Mean score of the best candidate.
    best_params_ : dict
        Its parameters.
    best_index_ : int
        Its place in ``cv_results_``.
    scorer_ : callable, or dict of str to callable
        What scored.
    n_splits_ : int
        Number of splits, 1 where one sample at a time is left out.
    multimetric_ : bool
        Whether there are several scores.
    classes_ : ndarray of shape (n_classes,)
        The classes. Only of a classifier, with ``refit``.
    n_features_in_ : int
        Number of features seen in `fit`. Only with ``refit``.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X had any that are all strings. Only with ``refit``.

    See Also
    --------
    sklearn.model_selection.GridSearchCV : For any estimator, by refits.
    sklearn.linear_model.RidgeCV : The same idea for linear models.

    Notes
    -----
    Per network the time is that of its kernel matrix and of an eigendecomposition, about 20
    Cholesky factorizations; `fit` needs memory for 6 matrices of the number of samples squared.
    Scores of means and classes need neither the NNGP kernel of an ensemble nor the temperature of a
    classifier, which are found where a score asks for them.

    Through m inducing points `fit` takes the kernels between samples and points twice, in blocks,
    :math:`2 n m^2` operations for n samples, and in each fold an eigendecomposition of
    m x m numbers; it needs memory for three such matrices of each fold.
    ``class_weight="balanced"`` and repeated samples take the sums of a fold by themselves.

    With ``alpha="auto"``, the default of the estimators, each fold finds a value in its own
    training samples, from the same kernel matrix. Numbers share one decomposition, and take less
    time. With ``cv=None`` "auto" takes one decomposition for each sample.

    Values of ``alpha`` below :math:`10^{-8}` of the largest eigenvalue are beneath the rounding of
    a decomposition, and 0 for a single sample is not in it: their folds are factorized one by one.
    So are folds that hold out one of several equal samples, and those of
    ``class_weight="balanced"``. With ``cv=None`` that is one factorization for each sample.
    Probabilities of a classifier that leaves out one sample at a time take one temperature for each
    sample: prefer folds for them.

    References
    ----------
    .. [1] Rasmussen and Williams, "Gaussian processes for machine learning", MIT Press 2006,
       equation 5.12.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skntk import ClosedFormSearchCV, NNGPClassifier
    >>> from skntk.architecture import FullyConnected
    >>> X, y = load_wine(return_X_y=True)
    >>> grid = {"architecture__depth": [1, 2], "alpha": [0.01, 0.1, 1.0]}
    >>> search = ClosedFormSearchCV(NNGPClassifier(FullyConnected()), grid, cv=5)
    >>> search.fit(StandardScaler().fit_transform(X), y).best_score_ > 0.95
    np.True_
    >>> len(search.cv_results_["params"])
    6
    """

    # What `GridSearchCV` reads of itself, and this search has no choice of.
    verbose = 0
    pre_dispatch = "2*n_jobs"
    return_train_score = False

    def __init__(
        self,
        estimator: KernelMachine,
        param_grid: dict[str, Sequence[Any]] | list[dict[str, Sequence[Any]]],
        *,
        cv: Any = None,
        scoring: Any = None,
        refit: bool | str | Callable[[dict[str, Any]], int] = True,
        n_jobs: int | None = None,
        error_score: Any = np.nan,
    ) -> None:
        self.estimator = estimator
        self.param_grid = param_grid
        self.cv = cv
        self.scoring = scoring
        self.refit = refit
        self.n_jobs = n_jobs
        self.error_score = error_score

    @search_context
    def fit(self, X: ArrayLike, y: ArrayLike | None = None, **params: Any) -> Self:
        """Score all candidates, and fit the best on all samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        **params : dict of str to array-like of shape (n_samples,)
            As for `GridSearchCV`: ``groups`` for the splitter, and for ``fit`` of the estimator
            ``alpha``, in place of the parameter, and ``sample_weight``, which weights the scores as
            well as far as the installed `GridSearchCV` weights them. With metadata routing, what
            the estimator, the scorers and the splitter request.

        Returns
        -------
        self

        Raises
        ------
        TypeError
            If the estimator is not a network of infinite width, or its ``fit`` does not take what
            is passed.
        ValueError
            If a candidate has no closed form, as one that is trained for a finite time, or the
            data or a parameter are not valid. With metadata routing if metadata are passed that an
            estimator or a scorer says nothing about.
        MemoryError
            If the matrices of so many samples do not fit the memory that is free.
        """
        require_closed_form(self.estimator)
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        require_dense("y", y)
        X, y = indexable(X, y)
        scorer, chosen = scorers_of_search(self)
        metadata = routed_metadata(self, X, params)
        to_fit = metadata.estimator.fit
        require_fit_parameters(self.estimator, to_fit)
        samples = SamplesOfSearch(X, np.asarray(y), to_fit.get("sample_weight"))
        alpha = _checked_alpha(to_fit.get("alpha"), len(samples.y))
        candidates = Candidates.of(self.estimator, self.param_grid, alpha)
        # What no candidate could be trained on is an error, and not the score of a fold.
        samples.inputs_of(self.estimator)
        splits, fit_type = self._splits(samples, candidates, metadata.splitter.split)
        folds = [Fold.of(X, y, metadata, *split) for split in splits]
        self.scorer_ = scorers_by_name(scorer)
        scoring = HeldOutScoring(type(self.estimator), samples, fit_type, scorer, self.error_score)
        with small_problem_threads(len(samples.y)):
            outcomes = scoring.outcomes(candidates, folds, self.n_jobs)
        self.cv_results_ = results_of_search(candidates.parameters, outcomes, self.error_score)
        self.n_splits_ = len(folds)
        scores = outcomes[0][0]["test_scores"]
        self.multimetric_ = isinstance(scores, dict)
        if callable(self.scoring) and self.multimetric_:
            check_refit_of_many_scores(self, scores)
            chosen = self.refit
        self._select(X, y, chosen, to_fit)
        return self

    # What the best estimator predicts; `predict_proba` and `decision_function` are inherited.
    predict = handed_on(NetworkRegressor.predict)
    predict_std = handed_on(NetworkRegressor.predict_std)
    predict_observation = handed_on(NetworkRegressor.predict_observation)
    predict_logits = handed_on(NNGPClassifier.predict_logits)
    sample_y = handed_on(NetworkRegressor.sample_y)
    loo_predict = handed_on(NetworkRegressor.loo_predict)
    loo_decision_function = handed_on(NetworkClassifier.loo_decision_function)
    log_marginal_likelihood = handed_on(NNGPRegressor.log_marginal_likelihood)
    staged_predict = handed_on(NetworkRegressor.staged_predict)
    staged_predict_proba = handed_on(NetworkClassifier.staged_predict_proba)
    staged_decision_function = handed_on(NetworkClassifier.staged_decision_function)
    training_history = handed_on(NetworkRegressor.training_history)

    @property
    def n_features_in_(self) -> int:
        """Number of features seen in `fit`. Only with ``refit``."""
        n_features: int = super().n_features_in_
        return n_features

    def get_metadata_routing(self) -> Any:
        """Return how metadata reach the estimator, the scorers and the splitter.

        Returns
        -------
        MetadataRouter
            That of `GridSearchCV`, and what ``predict`` of the estimator requests.
        """
        to_predict = MethodMapping().add(caller="predict", callee="predict")
        return (
            super()
            .get_metadata_routing()
            .add(best_estimator=self.estimator, method_mapping=to_predict)
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags = get_tags(self.estimator).target_tags
        return tags

    def _splits(
        self, samples: SamplesOfSearch, candidates: Candidates, metadata: Parameters
    ) -> tuple[list[tuple[np.ndarray, np.ndarray]], type[Fit]]:
        """Return the splits, and what fits the samples of one."""
        n_samples, classifies = len(samples.y), is_classifier(self.estimator)
        if self.cv is None:
            if candidates.take_points():
                raise ValueError(
                    "Through inducing points a search takes the sums over folds, and leaving out "
                    "one sample at a time would take as many folds as there are samples: pass cv, "
                    "for example cv=5, or use solver='cholesky'."
                )
            _require_others(samples.y, classifies)
            samples.decomposes = True
            everything = np.arange(n_samples)
            return [(everything, everything)], LeaveOneOutFit
        cv = check_cv(self.cv, samples.y, classifier=classifies)
        divided = cv.split(samples.X, samples.y, **metadata)
        splits = [(_positions(train), _positions(test)) for train, test in divided]
        if not splits:
            raise ValueError("`cv` has no splits: pass one that holds out samples.")
        samples.training = [train for train, _ in splits]
        samples.decomposes = decomposition_pays(
            n_samples,
            [len(train) for train, _ in splits],
            candidates.largest_group(),
            with_leave_one_out=classifies,
        )
        return splits, SubsetFit

    def _select(self, X: Any, y: Any, chosen: Any, metadata: Parameters) -> None:
        """Find the best candidate by a score, and fit it on all samples if asked to."""
        if self.multimetric_ and not self.refit:
            return
        results = self.cv_results_
        self.best_index_ = best_index(self.refit, chosen, results)
        if not callable(self.refit):
            self.best_score_ = results[f"mean_test_{chosen}"][self.best_index_]
        self.best_params_ = results["params"][self.best_index_]
        if self.refit:
            self.best_estimator_ = clone(self.estimator)
            self.best_estimator_.set_params(**clone(self.best_params_, safe=False))
            self.best_estimator_.fit(X, y, **metadata)
            if hasattr(self.best_estimator_, "feature_names_in_"):
                self.feature_names_in_ = self.best_estimator_.feature_names_in_


def _checked_alpha(alpha: Any, n_samples: int) -> float | np.ndarray | None:
    """Return what was given in place of the parameter, one number or one for each sample."""
    if alpha is None:
        return None
    per_sample = as_alpha_per_sample(alpha, n_samples)
    return per_sample if np.ndim(alpha) else float(alpha)


def _positions(indices: ArrayLike) -> np.ndarray:
    """Return the samples of a fold as positions, of which it may be a list or a mask."""
    array = np.asarray(indices)
    return np.flatnonzero(array) if array.dtype == bool else array


def _require_others(y: np.ndarray, classifies: bool) -> None:
    """Raise a ValueError if a sample that is left out leaves too few others."""
    if len(y) < 2:
        raise ValueError("Leaving one sample out needs at least 2 samples, got 1: add samples.")
    if classifies:
        classes, counts = np.unique(y, return_counts=True)
        if counts.min() == 1:
            rare = classes.tolist()[counts.argmin()]
            raise ValueError(
                f"The class {rare!r} has one sample, and models that leave it out would "
                "not know of the class: add samples of it, remove it, or pass `cv`."
            )
