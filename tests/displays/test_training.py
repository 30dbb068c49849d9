"""The course of training: what is drawn are the predictions and losses at the times said."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skntk import NTKRegressor
from skntk.displays import TrainingDynamicsDisplay, TrainingHistoryDisplay
from tests.displays.shapes import band_limits, labels

TIMES = [0, 2, 5]


class Learner(ClassifierMixin, BaseEstimator):
    """A classifier whose probabilities are those of the sigmoid of t x, for any classes."""

    def __init__(self, classes):
        self.classes_ = classes

    def staged_predict_proba(self, X, training_times):
        for time in training_times:
            first = 1 / (1 + np.exp(-time * X[:, 0]))
            rest = (1 - first) / (len(self.classes_) - 1)
            yield np.column_stack([first, *[rest] * (len(self.classes_) - 1)])


@pytest.fixture(scope="module", params=["model", "ensemble"])
def either(request):
    return request.getfixturevalue(request.param)


def test_predictions_against_the_input_have_one_line_for_each_time(either, data):
    X, y = data
    display = TrainingDynamicsDisplay.from_estimator(
        either, X, y, training_times=TIMES, grid=[-1.0, 0.0, 1.0]
    )
    stages = either.staged_predict([[-1.0], [0.0], [1.0]], TIMES, return_std=True)
    drawn = zip(display.lines_, display.fill_between_, strict=True)
    for (line, band), (mean, std) in zip(drawn, stages, strict=True):
        np.testing.assert_allclose(line.get_xydata(), np.stack([[-1, 0, 1], mean], axis=1))
        np.testing.assert_allclose(band_limits(band), [mean - 2 * std, mean + 2 * std])
    assert len({tuple(line.get_color()) for line in display.lines_}) == 3
    np.testing.assert_array_equal(display.scatter_[0].get_offsets()[:, 1], y)
    assert labels(display.ax_) == ["time 0", "time 2", "time 5", "± 2 std", "data"]
    assert display.ax_.get_xlabel() == "input"


def test_predictions_against_time_have_one_line_for_each_sample(either, data):
    X, y = data[0][:2], data[1][:2]
    display = TrainingDynamicsDisplay.from_estimator(
        either, X, y, training_times=TIMES, kind="prediction_vs_time", n_std=1
    )
    stages = list(either.staged_predict(X, TIMES, return_std=True))
    for sample in range(2):
        mean, std = np.transpose([(mean[sample], std[sample]) for mean, std in stages])
        line, band = display.lines_[sample], display.fill_between_[sample]
        np.testing.assert_allclose(line.get_xydata(), np.stack([TIMES, mean], axis=1))
        np.testing.assert_allclose(band_limits(band)[0], mean - std)
        np.testing.assert_array_equal(
            display.scatter_[sample].get_offsets(), [[TIMES[-1], y[sample]]]
        )
    assert display.ax_.get_xscale() == "symlog"
    assert display.ax_.get_xlabel() == "training time (steps)"
    assert labels(display.ax_)[0] == f"input {X[0, 0]:.3g}"


def test_samples_of_several_features_are_numbered(network):
    X = np.random.default_rng(0).normal(size=(6, 2))
    pipeline = make_pipeline(StandardScaler(), NTKRegressor(network)).fit(X, X[:, 0])
    display = TrainingDynamicsDisplay.from_estimator(
        pipeline, X[:3], training_times=[1.0, 2.0], kind="prediction_vs_time"
    )
    expected = pipeline[-1].staged_predict(pipeline[0].transform(X[:3]), [1.0, 2.0])
    np.testing.assert_allclose(display.y_pred, list(expected))
    assert [label for label in labels(display.ax_) if "sample" in label] == [
        "sample 0",
        "sample 1",
        "sample 2",
    ]
    assert display.scatter_ is None


def test_one_of_several_outputs_is_drawn(network, data):
    X, y = data
    model = NTKRegressor(network).fit(X, np.stack([y, -y], axis=1))
    options = {"training_times": TIMES, "grid": [0.0, 1.0]}
    display = TrainingDynamicsDisplay.from_estimator(
        model, X, np.stack([y, -y], axis=1), target=1, **options
    )
    expected = [mean[:, 1] for mean in model.staged_predict([[0.0], [1.0]], TIMES)]
    np.testing.assert_allclose(display.y_pred, expected)
    np.testing.assert_array_equal(display.y_train, -y)
    assert display.ax_.get_ylabel() == "output 1"
    for target in (None, 2):
        with pytest.raises(ValueError, match="one of the 2 outputs"):
            TrainingDynamicsDisplay.from_estimator(model, X, target=target, **options)


def test_classifiers_show_the_probability_of_a_class(data):
    X, y = data
    labels_of_y = np.array(["low", "mid", "high"])[np.digitize(y, [2.7, 3.3])]
    model = Learner(["high", "low", "mid"])
    options = {"training_times": [1, 5], "grid": [0.0, 1.0]}
    display = TrainingDynamicsDisplay.from_estimator(
        model, X, labels_of_y, target="high", **options
    )
    sigmoid = 1 / (1 + np.exp(-np.multiply.outer([1, 5], [0.0, 1.0])))
    np.testing.assert_allclose(display.y_pred, sigmoid)
    np.testing.assert_array_equal(display.y_train, labels_of_y == "high")
    assert display.fill_between_ is None
    assert display.ax_.get_ylabel() == "probability of class high"
    with pytest.raises(ValueError, match="one of the classes high, low, mid"):
        TrainingDynamicsDisplay.from_estimator(model, X, **options)
    with pytest.raises(ValueError, match="'none' is not one of the classes"):
        TrainingDynamicsDisplay.from_estimator(model, X, target="none", **options)
    of_two = TrainingDynamicsDisplay.from_estimator(Learner([0, 1]), X, **options)
    np.testing.assert_allclose(of_two.y_pred, 1 - sigmoid)


def test_losses_are_those_of_the_training_history(either, data):
    X, y = data
    display = TrainingHistoryDisplay.from_estimator(
        either, X[:4], y[:4] + 0.5, training_times=TIMES, n_std=2
    )
    history = either.training_history(X[:4], y[:4] + 0.5, TIMES)
    drawn = zip(display.lines_, display.fill_between_, ("train", "test"), strict=True)
    for line, band, which in drawn:
        loss, std = history[f"{which}_loss"], history[f"{which}_loss_std"]
        np.testing.assert_allclose(line.get_xydata(), np.stack([TIMES, loss], axis=1))
        expected = [np.maximum(loss - 2 * std, 0), loss + 2 * std]
        np.testing.assert_allclose(band_limits(band), expected)
    name = type(either).__name__
    assert labels(display.ax_) == [
        f"{name}, training loss",
        f"{name}, test loss",
        "± 2 std",
    ]


def test_several_histories_share_one_axes(model, ensemble, data):
    X, y = data
    options = {"training_times": TIMES, "loss_type": "test"}
    first = TrainingHistoryDisplay.from_estimator(model, X, y, name="infinite", **options)
    second = TrainingHistoryDisplay.from_estimator(
        ensemble, X, y, name="finite", ax=first.ax_, line_kwargs={"linestyle": "--"}, **options
    )
    assert len(first.lines_) == len(second.lines_) == 1
    assert first.lines_[0].get_color() != second.lines_[0].get_color()
    assert [label for label in labels(second.ax_) if "loss" in label] == [
        "infinite, test loss",
        "finite, test loss",
    ]


def test_a_history_without_spread_has_no_bands():
    display = TrainingHistoryDisplay(
        training_times=np.array([1.0, 10.0]),
        train_loss=np.ones(2),
        test_loss=np.ones(2),
        loss_name="cross-entropy",
    ).plot(legend=False)
    assert display.ax_.get_ylabel() == "cross-entropy"
    assert display.fill_between_ == [None, None]
    assert display.ax_.get_legend() is None
    assert display.ax_.get_xscale() == "log"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "time"}, "kind must be one of 'prediction_vs_input'"),
        ({"n_std": np.inf}, "n_std"),
        ({"target": 1}, "one output"),
        ({"y": [1.0]}, "X has 10 samples, but y has 1"),
        ({"training_times": [2, 1]}, "ascending"),
    ],
)
def test_names_what_is_wrong(either, data, options, message):
    options = {"training_times": TIMES} | options
    with pytest.raises(ValueError, match=message):
        TrainingDynamicsDisplay.from_estimator(either, data[0], **options)


def test_says_which_estimators_train_over_time(model, data):
    X, y = data
    with pytest.raises(TypeError, match=r"staged_predict\(\.\.\., return_std=True\)"):
        TrainingDynamicsDisplay.from_estimator(Ridge(), X, training_times=TIMES)
    with pytest.raises(TypeError, match=r"training_history, such as NTKRegressor.*Ridge does not"):
        TrainingHistoryDisplay.from_estimator(Ridge(), X, y, training_times=TIMES)
    with pytest.raises(ValueError, match="loss_type must be one of"):
        TrainingHistoryDisplay.from_estimator(
            model, X, y, training_times=TIMES, loss_type="validation"
        )
