"""Compare infinitely wide networks with scikit-learn's own estimators, and draw one figure.

Run it with ``python examples/demo.py``; it takes a minute or two. The table uses data sets that
ship with scikit-learn. The figure, ``demo.png`` or the path given by ``--output``, shows a
regression in one dimension.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import norm
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics import log_loss, r2_score
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from skntk import NNGPClassifier, NNGPRegressor, NTKClassifier, NTKRegressor
from skntk.architecture import Dense, FullyConnected
from skntk.displays import PredictionBandDisplay

Splits = list[tuple[np.ndarray, np.ndarray]]


class Scores(NamedTuple):
    """Means over the splits and total seconds; None where a model offers no such number."""

    accuracy: float
    negative_log_density: float | None
    coverage: float | None
    seconds: float


class Task(NamedTuple):
    """A data set, how it is split, and the models that compete on it."""

    title: str
    X: np.ndarray
    y: np.ndarray
    splits: Splits
    models: dict[str, Any]


# Models: each starts from StandardScaler and sees only the training rows, also in its search. -----


def search(estimator: Any, grid: dict[str, list[Any]], scoring: Any = None) -> GridSearchCV:
    """Return a pipeline whose last step's hyperparameters are chosen by 3-fold cross-validation."""
    pipeline = Pipeline([("scale", StandardScaler()), ("model", estimator)])
    grid = {f"model__{name}": values for name, values in grid.items()}
    return GridSearchCV(pipeline, grid, scoring=scoring, cv=3)


def with_defaults(estimator: Any) -> Pipeline:
    """Return a pipeline that fits the estimator as it is."""
    return make_pipeline(StandardScaler(), estimator)


def regressors() -> dict[str, Any]:
    """Return the models for regression on standardized targets."""
    # Of the grids: standardized targets leave nothing to normalize, and alpha is a share of their
    # variance. The last layer sets the size of the kernel, and with it the width of the intervals.
    options = {"alpha_scale": "absolute", "normalize_y": False}
    grid = {
        "alpha": [0.1, 0.3, 0.5, 1.0],
        "architecture__last_layer": [Dense(weight_std) for weight_std in (0.25, 0.5, 1.0)],
    }
    kernel = ConstantKernel() * RBF(length_scale=5.0) + WhiteKernel()
    ridge_grid = {"alpha": [0.01, 0.1, 1.0, 10.0], "gamma": [1e-3, 1e-2, 1e-1]}
    return {
        "NNGPRegressor": with_defaults(NNGPRegressor()),
        "NTKRegressor": with_defaults(NTKRegressor()),
        "NNGPRegressor, grid": search(
            NNGPRegressor(FullyConnected(), **options), grid, log_density
        ),
        "NTKRegressor, grid": search(NTKRegressor(FullyConnected(), **options), grid, log_density),
        "GaussianProcessRegressor": with_defaults(GaussianProcessRegressor(kernel)),
        "KernelRidge(rbf), grid": search(KernelRidge(kernel="rbf"), ridge_grid),
        "RandomForestRegressor": with_defaults(RandomForestRegressor(300, random_state=0)),
    }


def classifiers() -> dict[str, Any]:
    """Return the models for classification."""
    grid = {"alpha": [1e-3, 1e-2, 1e-1, 1.0]}
    svc_grid = {"C": [0.1, 1.0, 10.0, 100.0], "gamma": [1e-3, 1e-2, 1e-1]}
    kernel = ConstantKernel() * RBF(length_scale=5.0)
    return {
        "NNGPClassifier": with_defaults(NNGPClassifier()),
        "NTKClassifier": with_defaults(NTKClassifier()),
        "NNGPClassifier, grid": search(NNGPClassifier(), grid, "neg_log_loss"),
        "NTKClassifier, grid": search(NTKClassifier(), grid, "neg_log_loss"),
        "GaussianProcessClassifier": with_defaults(GaussianProcessClassifier(kernel)),
        "SVC(rbf), grid": search(SVC(), svc_grid),
        "RandomForestClassifier": with_defaults(RandomForestClassifier(300, random_state=0)),
    }


# Scores -------------------------------------------------------------------------------------------


def predict_observations(model: Pipeline, X: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Return mean and standard deviation of observations; None for models without the latter."""
    if isinstance(model[-1], GaussianProcessRegressor):
        # The variance of its WhiteKernel is part of the kernel and so of this standard deviation.
        return model.predict(X, return_std=True)
    if isinstance(model[-1], NNGPRegressor | NTKRegressor):
        return model.predict(X, return_std=True, observation_noise=True)
    return model.predict(X), None


def log_density(model: Pipeline, X: np.ndarray, y: np.ndarray) -> float:
    """Return the mean log density of observations; a scorer for `GridSearchCV`."""
    return float(norm.logpdf(y, *predict_observations(model, X)).mean())


def regression_scores(model: Pipeline, X: np.ndarray, y: np.ndarray) -> tuple[Any, ...]:
    """Return R2, and for models with a predictive density its negative logarithm and coverage."""
    mean, std = predict_observations(model, X)
    if std is None:
        return r2_score(y, mean), None, None
    inside = np.abs(y - mean) < norm.ppf(0.975) * std
    return r2_score(y, mean), -norm.logpdf(y, mean, std).mean(), inside.mean()


def classification_scores(model: Pipeline, X: np.ndarray, y: np.ndarray) -> tuple[Any, ...]:
    """Return accuracy, and for models with probabilities the log-loss."""
    accuracy = model.score(X, y)
    if not hasattr(model, "predict_proba"):
        return accuracy, None, None
    return accuracy, log_loss(y, model.predict_proba(X), labels=model.classes_), None


def evaluate(model: Any, task: Task) -> Scores:
    """Train a copy of the model on each split's training rows and score it on the others."""
    is_regression = task.y.dtype.kind == "f"
    score = regression_scores if is_regression else classification_scores
    values, seconds = [], 0.0
    for train, test in task.splits:
        y = task.y
        if is_regression:
            y = (y - y[train].mean()) / y[train].std()
        start = time.perf_counter()
        fitted = clone(model).fit(task.X[train], y[train])
        fitted = getattr(fitted, "best_estimator_", fitted)
        values.append(score(fitted, task.X[test], y[test]))
        seconds += time.perf_counter() - start
    means = [
        None if None in column else float(np.mean(column)) for column in zip(*values, strict=True)
    ]
    return Scores(*means, seconds=seconds)


# Tasks --------------------------------------------------------------------------------------------


def tasks() -> Iterator[Task]:
    """Yield the four comparisons."""
    X, y = load_diabetes(return_X_y=True)
    folds = KFold(5, shuffle=True, random_state=0)
    yield make_task("diabetes, regression", X, y, folds, regressors())
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    yield make_task("wine, 3 classes", *load_wine(return_X_y=True), folds, classifiers())
    yield make_task(
        "breast cancer, 2 classes", *load_breast_cancer(return_X_y=True), folds, classifiers()
    )
    # GaussianProcessClassifier fits ten binary classifiers here and needs most of the demo's time.
    split = StratifiedShuffleSplit(1, train_size=500, random_state=0)
    yield make_task("digits, 10 classes", *load_digits(return_X_y=True), split, classifiers())


def make_task(title: str, X: np.ndarray, y: np.ndarray, splitter: Any, models: Any) -> Task:
    """Return a task with its splits drawn and described."""
    splits = list(splitter.split(X, y))
    how = f"{len(splits)} folds" if len(splits) > 1 else f"{len(splits[0][0])} of them to train on"
    return Task(f"{title}: {len(X)} rows ({how}), {X.shape[1]} features", X, y, splits, models)


# Table --------------------------------------------------------------------------------------------

NOTES = """\
R2 and accuracy: higher is better. -log density and log-loss, the mean negative logarithm of what a
model gave to the truth: lower is better. "-": the model has no probabilities (KernelRidge, SVC), or
no predictive distribution (the forest in regression); intervals are for regression alone.

Targets of a regression are in units of the training targets' standard deviation, where the best
constant has a -log density of 1.42. An observation is the function's value plus noise. NNGP and NTK
predict it with observation_noise=True; GaussianProcessRegressor has its WhiteKernel's noise in std.

NNGP and NTK stand first with all defaults: fit finds alpha, and in regression the scale of the
outputs. "grid": chosen by 3-fold cross-validation in the training rows from a small grid, for NNGP
and NTK over alpha, and in regression the scale of the last layer, by -log density or log-loss; for
KernelRidge and SVC by R2 and accuracy. scikit-learn's Gaussian processes learn their
hyperparameters by marginal likelihood. Seconds are for all folds: search, fit and prediction, with
the compilation of kernels on first use, linear algebra on one thread."""


def table_head(is_regression: bool, title: str) -> str:
    """Return the two lines above the rows of a task."""
    columns = ("R2", "-log density") if is_regression else ("accuracy", "log-loss")
    return f"\n{title}\n" + table_line("", *columns, "95 % covers", "seconds")


def table_line(name: str, *cells: str) -> str:
    """Return one aligned line."""
    return f"  {name:<28}" + "".join(f"{cell:>15}" for cell in cells)


def table_row(name: str, scores: Scores) -> str:
    """Return the line of a model."""
    density, coverage = scores.negative_log_density, scores.coverage
    return table_line(
        name,
        f"{scores.accuracy:.3f}",
        "-" if density is None else f"{density:.3f}",
        "-" if coverage is None else f"{100 * coverage:.1f} %",
        f"{scores.seconds:.1f}",
    )


def print_task(task: Task) -> None:
    """Evaluate all models on a task and print each line as soon as it is known."""
    print(table_head(task.y.dtype.kind == "f", task.title), flush=True)
    for name, model in task.models.items():
        # Small matrices gain nothing from a second thread, and lose much on a busy machine.
        with threadpool_limits(1, user_api="blas"), warnings.catch_warnings():
            # scikit-learn's Gaussian processes say so when a hyperparameter ends near its bound.
            warnings.simplefilter("ignore", ConvergenceWarning)
            print(table_row(name, evaluate(model, task)), flush=True)


# Figure -------------------------------------------------------------------------------------------

INK = "#22303c"
BLUE = "#0072b2"
ORANGE = "#d55e00"
GRAY = "#7b8794"


def toy_data() -> tuple[np.ndarray, np.ndarray]:
    """Return noisy observations of one function, with a gap in the middle."""
    rng = np.random.default_rng(1)
    x = np.sort(np.concatenate([rng.uniform(-3.2, -0.6, 11), rng.uniform(1.0, 2.6, 7)]))
    return x[:, np.newaxis], np.sin(2 * x) + 0.4 * x + 0.1 * rng.normal(size=len(x))


def draw_panel(ax: Any, model: Any, X: np.ndarray, y: np.ndarray | None, color: str) -> None:
    """Draw the mean, the band of two standard deviations and six samples of a regressor."""
    PredictionBandDisplay.from_estimator(
        model,
        X,
        y,
        grid=np.linspace(-4.5, 4.5, 361),
        n_samples=6,
        random_state=3,
        name="mean",
        ax=ax,
        legend=False,
        line_kwargs={"color": color},
    )
    ax.spines[["top", "right"]].set_visible(False)


def draw_figure(path: Path) -> None:
    """Draw prior, NNGP posterior and NTK ensemble of one network in one dimension."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    X, y = toy_data()
    # In one dimension the weights and biases of the first layer decide how fast the functions vary.
    last_layer = Dense(weight_std=1.5, bias_std=0.5)
    network = FullyConnected(1, "erf", weight_std=4.0, bias_std=3.0, last_layer=last_layer)
    options = {"alpha": 0.1**2, "alpha_scale": "absolute", "normalize_y": False}
    panels = [
        ("Prior: random weights", NNGPRegressor(network), None, GRAY),
        ("NNGP: weights given the data", NNGPRegressor(network, **options).fit(X, y), y, BLUE),
        ("NTK: weights trained on the data", NTKRegressor(network, **options).fit(X, y), y, ORANGE),
    ]
    style = {"font.size": 11, "text.color": INK, "axes.edgecolor": INK, "axes.labelcolor": INK}
    with rc_context(style | {"xtick.color": INK, "ytick.color": INK}):
        figure = Figure(figsize=(13, 4.6), layout="constrained")
        axes = figure.subplots(1, 3, sharex=True, sharey=True)
        for ax, (title, model, targets, color) in zip(axes, panels, strict=True):
            draw_panel(ax, model, X, targets, color)
            ax.set_title(title, loc="left", fontsize=13, pad=10)
            ax.label_outer()
        axes[0].set(xlim=(-4.5, 4.5), ylim=(-3.8, 3.8))
        axes[1].legend(loc="lower right", frameon=False, ncols=2, fontsize=10)
        figure.savefig(path, dpi=150)


def main() -> None:
    """Print the table and write the figure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, default=Path("demo.png"), help="path of the figure")
    output = parser.parse_args().output
    for task in tasks():
        print_task(task)
    print(f"\n{NOTES}")
    draw_figure(output)
    print(
        f"\nFigure: {output} shows one network in one dimension, before and after it has seen data."
    )


if __name__ == "__main__":
    main()
