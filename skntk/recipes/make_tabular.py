"""The recipes for tables: one call."""

from __future__ import annotations

import numpy as np

from skntk.recipes.tabular_classifier import TabularClassifier
from skntk.recipes.tabular_regressor import TabularRegressor

__all__ = ["make_tabular_classifier", "make_tabular_regressor"]


def make_tabular_regressor(
    time_limit: float | None = None,
    n_jobs: int | None = None,
    random_state: int | np.random.RandomState | None = None,
    *,
    verbose: bool = False,
) -> TabularRegressor:
    r"""Make the regressor that is recommended for tables as they come.

    It takes a pandas or polars frame with strings, categories, booleans, dates and missing values,
    or an array, of three rows to a million, and needs no choices. Its members are Gaussian
    processes of wide networks, which differ in how they read the table:

    - products over columns (`skntk.architecture.FeatureProduct`), whose interactions and length
      scales are learned by the evidence, and default ones; the learned ones with two relu layers
      behind them, as an NTK;
    - decision stumps with three relu layers behind them (`skntk.architecture.AxisAlignedNet`, NTK),
      with learned frequencies of the columns, and with default ones;
    - two relu layers (NTK), and a linear model, on standardized numbers and indicators.

    All are regressions on the features that the kernel has at up to 2,000 inducing points, which
    are exact for fewer rows. Candidates predict every row from folds without it, in which whatever
    is learned from targets is learned again, for a path of ``alpha``; a greedy ensemble [1]_ of
    these predictions decides who takes part. Those members are fitted again to all rows. More
    than 20,000 rows are compared on 20,000 of them.

    Parameters
    ----------
    time_limit : float or None, default=None
        Seconds that `fit` may take, about: candidates that would take longer are left out. The
        first one, which is linear, always takes part. None is no limit.
    n_jobs : int or None, default=None
        Workers for kernel matrices, and threads that learn scales. None is all cores.
    random_state : int, RandomState instance or None, default=None
        Draws folds and inducing points. An int makes `fit` reproducible.
    verbose : bool, default=False
        Whether to show a bar of the candidates, which takes tqdm.

    Returns
    -------
    TabularRegressor
        Not fitted. ``predict(X, return_std=True)`` returns means, and standard deviations of new
        observations; ``predict_interval(X, coverage=0.95)`` and ``predict_quantiles`` the
        distribution around them; ``leaderboard_`` tells what was tried and chosen.

    See Also
    --------
    make_tabular_classifier : The same for classes.

    Notes
    -----
    A missing number counts as the median in ranks, the mean otherwise, and an indicator says that
    it was missing; a missing category is one of its own. In products, categories are equal or not;
    elsewhere they have indicators, the thirty most frequent of a column. Dates are days.

    Standard deviations come from residuals of rows that were held out: a ridge regression of the
    logarithm of their squares tells how large the noise is where, and the posterior variance of the
    heaviest member lets it grow away from the rows. Intervals use the quantiles of such residuals
    over standard deviations, so that they need not be normal.

    Weights are those of squared residuals, and 0 leaves a row out. Folds of repeated rows are other
    folds than those of weighted ones, so that weights equal repetitions only up to this draw.

    References
    ----------
    .. [1] Caruana, Niculescu-Mizil, Crew, Ksikes, "Ensemble selection from libraries of models",
       ICML 2004.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from skntk import make_tabular_regressor
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"size": rng.uniform(0, 3, 60), "kind": rng.choice(["a", "b"], 60)})
    >>> y = np.sin(X["size"]) + (X["kind"] == "a") + 0.1 * rng.normal(size=60)
    >>> model = make_tabular_regressor(random_state=0).fit(X, y)
    >>> lower, upper = model.predict_interval(X)
    >>> bool(np.mean((lower <= y) & (y <= upper)) > 0.9)
    True
    """
    return TabularRegressor(time_limit, n_jobs, random_state, verbose)


def make_tabular_classifier(
    time_limit: float | None = None,
    n_jobs: int | None = None,
    random_state: int | np.random.RandomState | None = None,
    *,
    verbose: bool = False,
) -> TabularClassifier:
    r"""Make the classifier that is recommended for tables as they come.

    As `make_tabular_regressor`, with the same members: multinomial logistic regressions on the
    features that kernels have at up to 1,000 inducing points, compared by log-loss. A temperature
    for the average of the probabilities is fitted to rows that were held out. The shares of the
    classes count as one observation beside those of training, so that no probability is 0.

    Parameters
    ----------
    time_limit : float or None, default=None
        Seconds that `fit` may take, about: candidates that would take longer are left out. The
        first one, which is linear, always takes part. None is no limit.
    n_jobs : int or None, default=None
        Workers for kernel matrices, and threads that learn scales. None is all cores.
    random_state : int, RandomState instance or None, default=None
        Draws folds and inducing points. An int makes `fit` reproducible.
    verbose : bool, default=False
        Whether to show a bar of the candidates, which takes tqdm.

    Returns
    -------
    TabularClassifier
        Not fitted. ``predict_proba`` returns probabilities, ``score`` the accuracy;
        ``leaderboard_`` tells what was tried and chosen.

    See Also
    --------
    make_tabular_regressor : The same for numbers, with the members and how a table is read.
    NNGPClassifier : One-hot regression, or a softmax of Gaussian processes.

    Notes
    -----
    There are five stratified folds, or as many as the largest class has rows (``n_folds_``). A
    class of fewer rows than folds is missing in some of them; one of a single row is never foreseen
    where it is held out, and its loss counts.

    Of very many rows, features that do not fit into two gigabytes in single precision are left out,
    the least varied ones.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skntk import make_tabular_classifier
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> classifier = make_tabular_classifier(time_limit=60, random_state=0).fit(X[::2], y[::2])
    >>> classifier.score(X[1::2], y[1::2]) > 0.9
    True
    >>> classifier.leaderboard_[0]["kernel"] in ("nngp", "ntk")
    True
    """
    return TabularClassifier(time_limit, n_jobs, random_state, verbose)
