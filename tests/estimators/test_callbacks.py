"""Callbacks of scikit-learn learn how far `fit` is."""

import io

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skntk import NNGPClassifier, NNGPRegressor, NTKClassifier, NTKRegressor
from skntk._sklearn import UnobservedFit, fit_tasks
from skntk.architecture import FullyConnected
from skntk.solvers import InducingPoints

callback = pytest.importorskip("sklearn.callback")

ESTIMATORS = [NNGPRegressor, NTKRegressor, NNGPClassifier, NTKClassifier]
X = np.random.default_rng(0).normal(size=(130, 3))
y = (X[:, 0] > 0).astype(int)


class Recording:
    """Keeps what it is told."""

    def __init__(self):
        self.events = []

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.events.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
        if context.task_name == "fit" and fitted_estimator is not None:
            self.predictions = fitted_estimator.predict(X)
            self.data = X, y
        self.events.append(f"end {context.task_name}")
        return True


class Propagated(Recording):
    """A search hands it on to the estimators that it fits."""

    max_propagation_depth = None


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_tasks_of_fit(estimator):
    recording = Recording()
    model = estimator(FullyConnected(1)).set_callbacks(recording)
    model.fit(X, y)
    part = "part of the kernel matrix"
    events = [event for event in recording.events if part not in event]
    assert events == [
        "setup",
        "begin fit",
        "begin kernel matrix",
        "end kernel matrix",
        "begin training",
        "end training",
        "end fit",
        "teardown",
    ]
    parts = [event for event in recording.events if part in event]
    assert parts == [f"begin {part}", f"end {part}"] * 100
    np.testing.assert_array_equal(recording.predictions, model.predict(X))
    np.testing.assert_array_equal(recording.data[1], y)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_search_for_hyperparameters_is_a_task(estimator):
    evaluated = []

    def optimizer(objective, theta, bounds):
        evaluated.extend(objective(theta + step)[0] for step in (0.0, 0.1, 0.2))
        return theta, evaluated[0]

    recording = Recording()
    model = estimator(FullyConnected(1), optimizer=optimizer).set_callbacks(recording)
    model.fit(X, y)
    assert recording.events[1:4] == [
        "begin fit",
        "begin search for hyperparameters",
        "begin evaluation",
    ]
    assert recording.events.count("end evaluation") >= len(evaluated)
    after = recording.events.index("end search for hyperparameters")
    assert recording.events[after + 1] == "begin kernel matrix"


@pytest.mark.parametrize(
    "model",
    [NNGPClassifier(likelihood="softmax"), NTKClassifier(loss="log_loss", training_time=1.0)],
    ids=["likelihood", "loss"],
)
def test_fits_of_logits_through_points_end_with_a_model(model):
    recording = Recording()
    solver = InducingPoints(9, random_state=0)
    model = clone(model).set_params(alpha=0.1, solver=solver).set_callbacks(recording).fit(X, y)
    np.testing.assert_array_equal(recording.predictions, model.predict(X))
    begun = [event for event in recording.events if event.startswith("begin")]
    assert begun[:2] == ["begin fit", "begin kernel matrix"]
    assert ("begin step" in begun) == hasattr(model, "log_marginal_likelihood_value_")


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_callbacks_change_nothing(estimator):
    expected = estimator(FullyConnected(1)).fit(X, y)
    model = estimator(FullyConnected(1)).set_callbacks(Recording()).fit(X, y)
    np.testing.assert_array_equal(model.dual_coef_, expected.dual_coef_)
    assert clone(model).get_params().keys() == expected.get_params().keys()
    assert vars(model).keys() - vars(expected).keys() == {"_skl_callbacks"}


def test_a_failure_is_told():
    recording = Recording()
    model = NTKRegressor(FullyConnected(1)).set_callbacks(recording)
    with pytest.raises(ValueError, match="not finite"):
        model.fit(1e200 * X, y)
    assert recording.events == ["setup", "begin fit", "begin kernel matrix", "teardown"]


def test_progress_bar_of_a_search(monkeypatch):
    pytest.importorskip("rich")
    import rich

    shown = io.StringIO()
    monkeypatch.setattr(rich, "_console", rich.console.Console(file=shown, width=200))
    search = GridSearchCV(NTKRegressor(FullyConnected(1)), {"alpha": [0.1, 1.0]}, cv=2)
    search.set_callbacks(callback.ProgressBar(max_propagation_depth=None)).fit(X, y)
    assert "kernel matrix" in shown.getvalue()
    assert "100%" in shown.getvalue()


def test_callbacks_of_a_search():
    recording = Propagated()
    search = GridSearchCV(NTKRegressor(FullyConnected(1)), {"alpha": [0.1, 1.0]}, cv=2)
    search.set_callbacks(recording).fit(X, y)
    # Two values of alpha on two folds, and the best on all.
    assert recording.events.count("end training") == 5


def test_estimators_without_callbacks():
    """As they are with a scikit-learn that has none."""
    tasks = fit_tasks(object(), X, y)
    assert type(tasks) is UnobservedFit
    with tasks.kernel_matrix() as progress, tasks.training():
        assert progress is False
