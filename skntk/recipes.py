"""What is recommended for a kind of data, ready to fit."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from joblib import Memory
from numpy.typing import ArrayLike
from sklearn import get_config
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import check_X_y
from sklearn.utils.multiclass import check_classification_targets

from skntk._metadata import RoutedScorer, takes_weights
from skntk._processes import refuse_to_fork
from skntk.architecture import FullyConnected
from skntk.kernels import NNGPKernel, NTKKernel
from skntk.metrics.normal import average

if TYPE_CHECKING:
    from skntk._sklearn import GridSearchCV, Nystroem
else:
    from sklearn.kernel_approximation import Nystroem
    from sklearn.model_selection import GridSearchCV

__all__ = ["make_tabular_classifier"]

_SMALLEST_PROBABILITY = 1e-15
_MOST_FOLDS = 5


class TabularFolds:
    """Five stratified folds, or as many as the largest class has rows.

    A fold without which one class would be left holds nothing out. Classes that folds lack are not
    warned of, because the score allows for them.
    """

    def split(self, X: Any, y: Any, groups: Any = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the rows to train on and the rows that are held out."""
        yield from self._splits(X, np.asarray(y))

    def get_n_splits(self, X: Any, y: Any, groups: Any = None) -> int:
        """Return the number of folds."""
        return len(self._splits(X, np.asarray(y)))

    def _splits(self, X: Any, y: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        n_folds = min(_MOST_FOLDS, np.unique(y, return_counts=True)[1].max())
        splits = []
        if n_folds > 1:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "The least populated class", UserWarning)
                splits = list(StratifiedKFold(n_folds).split(X, y))
        splits = [(train, test) for train, test in splits if len(np.unique(y[train])) > 1]
        if not splits:
            raise ValueError(
                f"The classes of {len(y)} rows are too small to hold any row out: add rows, or use "
                "an estimator that needs no search, such as NNGPClassifier."
            )
        return splits


class TabularSearch(GridSearchCV):
    """A grid search that checks its data before its first fit, and not in all of them."""

    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Check the data, search, and fit the best candidate."""
        refuse_to_fork(self.n_jobs)
        check_X_y(X, y, dtype="numeric", estimator="make_tabular_classifier")
        check_classification_targets(y)
        classes = np.unique(y)
        if len(classes) < 2:
            raise ValueError(
                "make_tabular_classifier needs rows of at least 2 classes, got one class: "
                f"{classes.tolist()[0]!r}. Add rows of another class."
            )
        searched: Self = super().fit(X, y, **params)
        return searched


class NetworkFeatures(Nystroem):
    """Nystroem's features of at most so many rows: of all where there are fewer.

    scikit-learn warns of that, in every fold of every search. Here it is what is wanted.
    """

    def fit(self, X: Any, y: Any = None) -> Self:
        """Draw the rows and decompose their kernel."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "n_components > n_samples", UserWarning)
            super().fit(X, y)
        return self


def make_tabular_classifier(
    *,
    n_components: int = 500,
    cv: Any = None,
    memory: str | Memory | None = None,
    n_jobs: int | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> GridSearchCV:
    r"""Make the classifier that is recommended for tables of numbers, the same for every table.

    Logistic regression on the features of infinitely wide networks, which are exact where there are
    not more rows than components (Nystroem's method [1]_ otherwise). The search chooses by log-loss
    among the NNGP kernel and the NTK of relu networks with one and three hidden layers, seven
    strengths of the penalty, and whether to add indicators of the values that at least a twentieth
    of the rows have: in columns of measurements there are none, in columns of categories that are
    coded as numbers they matter.

    Parameters
    ----------
    n_components : int, default=500
        Rows, drawn at random, whose kernels are the features.
    cv : int, splitter or iterable, default=None
        As in `sklearn.model_selection.GridSearchCV`: None is five stratified folds, or as many as
        the largest class has rows, if that is fewer.
    memory : str or joblib.Memory, default=None
        As in `sklearn.pipeline.make_pipeline`: where features are kept for all penalties. None
        computes them again for every penalty.
    n_jobs : int, default=None
        As in `sklearn.model_selection.GridSearchCV`.
    random_state : int or RandomState, default=None
        Draws the rows.

    Returns
    -------
    sklearn.model_selection.GridSearchCV
        Not fitted. Its ``estimator`` and ``param_grid`` may be changed like those of any other. Its
        ``fit`` checks the data before it trains anything.

    See Also
    --------
    skntk.NNGPClassifier : One-hot regression, or a softmax of Gaussian processes.
    skntk.ClosedFormSearchCV : Chooses networks without refits.

    Notes
    -----
    Benchmarked against forests, support vector machines and xRFM on 30 sets of the UCI repository;
    the choice is explained with the results. A class that some training folds lack counts there
    with the probability :math:`10^{-15}`.

    Weights go to the regression: ``fit(X, y, logisticregression__sample_weight=weight)``. Made with
    ``enable_metadata_routing=True``, the search takes ``fit(X, y, sample_weight=weight)``, and
    weights the scores as well.

    References
    ----------
    .. [1] Williams and Seeger, "Using the Nystroem method to speed up kernel machines", NeurIPS
       2000.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skntk import make_tabular_classifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = make_tabular_classifier(n_components=20, cv=2, random_state=0).fit(X, y)
    >>> classifier.predict_proba(X).shape
    (150, 3)
    >>> classifier.best_score_ > -0.2
    np.True_
    """
    indicators = OneHotEncoder(
        min_frequency=0.05, handle_unknown="infrequent_if_exist", sparse_output=False
    )
    kernels = [
        kernel(FullyConnected(depth)) for kernel in (NNGPKernel, NTKKernel) for depth in (1, 3)
    ]
    regression, score, scalers = _with_requests(
        LogisticRegression(max_iter=1000), log_likelihood, [StandardScaler(), StandardScaler()]
    )
    pipeline = make_pipeline(
        make_union(scalers[0], indicators),
        scalers[1],
        NetworkFeatures(kernels[0], n_components=n_components, random_state=random_state),
        regression,
        memory=memory,
    )
    grid = {
        "featureunion__onehotencoder": ["drop", indicators],
        "networkfeatures__kernel": kernels,
        "logisticregression__C": np.logspace(-2, 4, 7),
    }
    folds = TabularFolds() if cv is None else cv
    return TabularSearch(pipeline, grid, scoring=score, cv=folds, n_jobs=n_jobs)


def _with_requests(
    regression: LogisticRegression, score: Any, scalers: list[StandardScaler]
) -> tuple[LogisticRegression, Any, list[StandardScaler]]:
    """Return the parts of the pipeline, which with metadata routing say who takes weights."""
    if not get_config()["enable_metadata_routing"]:
        return regression, score, scalers
    for scaler in scalers:
        scaler.set_fit_request(sample_weight=False)
    weighted: RoutedScorer = score.set_score_request(sample_weight=True)
    return regression.set_fit_request(sample_weight=True), weighted, scalers


@takes_weights
def log_likelihood(
    classifier: Any, X: Any, y: Any, sample_weight: ArrayLike | None = None
) -> float:
    """Return minus the log-loss, also where the rows lack some classes or have others."""
    proba, classes = classifier.predict_proba(X), classifier.classes_
    columns = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
    true_proba = np.where(classes[columns] == y, proba[np.arange(len(proba)), columns], 0)
    return average(np.log(np.maximum(true_proba, _SMALLEST_PROBABILITY)), sample_weight)
