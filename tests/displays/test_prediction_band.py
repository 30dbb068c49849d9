"""Predictions with bands: what is drawn is what the estimator predicts."""

import matplotlib.colors
import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from skntk import (
    ClosedFormSearchCV,
    NNGPRegressor,
    NTKRegressor,
    WarpedTargetRegressor,
    call_final_estimator,
)
from skntk.displays import PredictionBandDisplay
from tests.displays.shapes import band_limits, color_of, labels


def test_draws_mean_and_band_over_the_widened_range(model, data):
    X, y = data
    display = PredictionBandDisplay.from_estimator(model, X, y, grid=50, n_std=1.5)
    margin = np.ptp(X) / 4
    x = np.linspace(X.min() - margin, X.max() + margin, 50)
    mean, std = model.predict(x[:, np.newaxis], return_std=True)
    (line,), (band,), (points,) = display.lines_, display.fill_between_, display.scatter_
    np.testing.assert_allclose(line.get_xydata(), np.stack([x, mean], axis=1))
    np.testing.assert_allclose(band_limits(band), [mean - 1.5 * std, mean + 1.5 * std])
    np.testing.assert_array_equal(points.get_offsets(), np.stack([X[:, 0], y], axis=1))
    assert display.sample_lines_ is None
    assert labels(display.ax_) == ["NTKRegressor", "± 1.5 std", "data"]
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("input", "output")


def test_draws_into_the_axes_given_or_a_new_figure(model, data, figures):
    figure, ax = figures.subplots()
    display = PredictionBandDisplay.from_estimator(model, data[0], ax=ax, grid=3)
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert display.scatter_ is None
    assert PredictionBandDisplay.from_estimator(model, data[0], grid=3).figure_ is not figure
    other = figures.figure().subplots()
    assert display.plot(other) is display
    assert display.ax_ is other


def test_displays_in_one_axes_differ_in_color(model, data, network):
    X, y = data
    first = PredictionBandDisplay.from_estimator(model, X, y, grid=3)
    bayesian = NNGPRegressor(network).fit(X, y)
    second = PredictionBandDisplay.from_estimator(bayesian, X, grid=3, ax=first.ax_, name="bayes")
    assert first.lines_[0].get_color() != second.lines_[0].get_color()
    assert "bayes" in labels(second.ax_)
    for display in (first, second):
        line, band = display.lines_[0], display.fill_between_[0]
        rgb = matplotlib.colors.to_rgb(line.get_color())
        assert color_of(band) == pytest.approx(rgb)


def test_before_fit_the_prior_is_drawn(network, data):
    prior = NNGPRegressor(network)
    display = PredictionBandDisplay.from_estimator(prior, data[0], grid=[-1.0, 0.0, 2.0])
    np.testing.assert_array_equal(display.y_pred, 0)
    np.testing.assert_allclose(display.y_std, prior.predict_std([[-1.0], [0.0], [2.0]]))


def test_draws_samples(model, data):
    X, _ = data
    display = PredictionBandDisplay.from_estimator(
        model, X, grid=[-1.0, 0.5], n_samples=3, random_state=5
    )
    drawn = np.stack([line.get_ydata() for line in display.sample_lines_[0]], axis=1)
    np.testing.assert_array_equal(drawn, model.sample_y([[-1.0], [0.5]], 3, random_state=5))
    assert labels(display.ax_).count("samples") == 1


def test_samples_of_a_finite_ensemble_are_its_networks(ensemble, data):
    X, _ = data
    display = PredictionBandDisplay.from_estimator(ensemble, X, grid=[-1.0, 0.5], n_samples=2)
    members = ensemble.predict_networks([[-1.0], [0.5]])
    np.testing.assert_array_equal(display.samples, members[:2].T)
    with pytest.raises(ValueError, match="more than the 3 networks"):
        PredictionBandDisplay.from_estimator(ensemble, X, n_samples=4)


def test_every_output_has_its_color(network, data):
    X, y = data
    Y = np.stack([y, np.cos(X[:, 0])], axis=1)
    model = NTKRegressor(network).fit(X, Y)
    display = PredictionBandDisplay.from_estimator(model, X, Y, grid=[0.0, 1.0], n_samples=2)
    assert len({line.get_color() for line in display.lines_}) == 2
    mean, std = model.predict([[0.0], [1.0]], return_std=True)
    for output in range(2):
        np.testing.assert_allclose(display.lines_[output].get_ydata(), mean[:, output])
        upper = band_limits(display.fill_between_[output])[1]
        np.testing.assert_allclose(upper, mean[:, output] + 2 * std[:, output])
        np.testing.assert_array_equal(display.scatter_[output].get_offsets()[:, 1], Y[:, output])
        assert len(display.sample_lines_[output]) == 2
    assert [label for label in labels(display.ax_) if "output" in label] == [
        "NTKRegressor, output 0",
        "NTKRegressor, output 1",
    ]


def test_one_feature_of_a_dataframe_varies_through_a_pipeline(network):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"size": rng.normal(size=12), "age": rng.normal(size=12), "color": list("rrrrrrrbbbbb")}
    )
    y = table["size"] + (table["color"] == "r")
    columns = make_column_transformer(
        (StandardScaler(), ["size", "age"]), (OneHotEncoder(sparse_output=False), ["color"])
    )
    pipeline = make_pipeline(columns, NTKRegressor(network)).fit(table, y)
    display = PredictionBandDisplay.from_estimator(
        pipeline, table, y, feature="age", grid=[-1.0, 0.0, 1.0], n_samples=1
    )
    rows = pd.DataFrame(
        {"size": table["size"].median(), "age": [-1.0, 0.0, 1.0], "color": ["r"] * 3}
    )
    mean, std = pipeline.predict(rows, return_std=True)
    np.testing.assert_allclose(display.y_pred, mean)
    np.testing.assert_allclose(display.y_std, std)
    assert display.ax_.get_xlabel() == "age"
    by_position = PredictionBandDisplay.from_estimator(pipeline, table, feature=1, grid=[0.0, 1.0])
    np.testing.assert_allclose(by_position.y_pred, mean[1:])


def test_a_search_is_seen_through(network, data):
    X, y = data
    search = GridSearchCV(make_pipeline(NTKRegressor(network)), {"ntkregressor__alpha": [0.1, 1]})
    search.fit(X, y)
    display = PredictionBandDisplay.from_estimator(search, X, grid=[0.0, 1.0])
    np.testing.assert_allclose(display.y_pred, search.predict([[0.0], [1.0]]))
    assert display.name == "NTKRegressor"


@pytest.mark.parametrize("composition", ["regressor", "pipeline", "search", "search in a pipeline"])
def test_the_band_of_new_observations(network, data, composition):
    X, y = data
    y = y + 0.3 * np.random.default_rng(0).normal(size=len(y))
    pipeline = make_pipeline(StandardScaler(), NTKRegressor(network))
    model = {
        "regressor": NTKRegressor(network),
        "pipeline": pipeline,
        "search": GridSearchCV(pipeline, {"ntkregressor__alpha": [0.1, 1]}, cv=3),
        "search in a pipeline": make_pipeline(
            StandardScaler(), ClosedFormSearchCV(NTKRegressor(network), {"alpha": [0.1, 1]}, cv=3)
        ),
    }[composition].fit(X, y)
    options = {"grid": [-1.0, 0.5], "n_samples": 1}
    display = PredictionBandDisplay.from_estimator(model, X, y, observation_noise=True, **options)
    rows = [[-1.0], [0.5]]
    mean, std = call_final_estimator(model, "predict_observation", rows)
    np.testing.assert_allclose(display.y_pred, mean)
    np.testing.assert_allclose(display.y_std, std)
    of_function = PredictionBandDisplay.from_estimator(model, X, y, **options)
    assert (of_function.y_std < std).all()
    np.testing.assert_array_equal(display.samples, of_function.samples)


def test_the_band_of_transformed_targets_is_in_their_units(network, data):
    X, y = data
    model = WarpedTargetRegressor(NNGPRegressor(network), func=np.log, inverse_func=np.exp)
    model.fit(X, np.exp(y))
    display = PredictionBandDisplay.from_estimator(
        make_pipeline("passthrough", model), X, np.exp(y), observation_noise=True, n_samples=2
    )
    rows = display.x[:, np.newaxis]
    np.testing.assert_allclose(display.y_pred, model.predict(rows))
    lower, upper = model.predict_quantiles(rows, norm.cdf([-2, 2]), observation_noise=True).T
    (band,) = display.fill_between_
    np.testing.assert_allclose(band_limits(band), [lower, upper])
    assert lower.min() > 0
    assert display.y_std is None
    assert "interval" in labels(display.ax_)
    np.testing.assert_allclose(display.samples, model.sample_y(rows, 2))


def test_every_output_has_its_interval(network, data):
    X, y = data
    Y = np.exp(np.stack([y, np.cos(X[:, 0])], axis=1))
    model = WarpedTargetRegressor(NTKRegressor(network), func=np.log, inverse_func=np.exp)
    display = PredictionBandDisplay.from_estimator(model.fit(X, Y), X, Y, grid=[0.0, 1.0])
    bounds = model.predict_quantiles([[0.0], [1.0]], norm.cdf([-2, 2]))
    for output, band in enumerate(display.fill_between_):
        np.testing.assert_allclose(band_limits(band), bounds[:, output].T)
    with pytest.raises(ValueError, match="y_std and y_interval cannot both"):
        PredictionBandDisplay.from_predictions([0.0], [1.0], y_std=[1.0], y_interval=[[0.0], [3.0]])
    with pytest.raises(ValueError, match=r"y_interval must be of shape \(2, 1\)"):
        PredictionBandDisplay.from_predictions([0.0], [1.0], y_interval=[0.0, 3.0])


def test_noise_that_is_not_known_cannot_be_drawn(network, data, ensemble):
    X, y = data
    peer = GaussianProcessRegressor(optimizer=None).fit(X, y)
    for model in (peer, ensemble):
        with pytest.raises(TypeError, match=r"needs .*observation_noise=True\), such as NTK"):
            PredictionBandDisplay.from_estimator(model, X, observation_noise=True)
    with pytest.raises(NotFittedError, match="does not know the noise"):
        PredictionBandDisplay.from_estimator(NNGPRegressor(network), X, observation_noise=True)
    search = GridSearchCV(NNGPRegressor(network), {"alpha": [0.1, 1]})
    with pytest.raises(NotFittedError, match="GridSearchCV is not fitted yet"):
        PredictionBandDisplay.from_estimator(search, X)
    with pytest.raises(AttributeError, match="refit=False"):
        PredictionBandDisplay.from_estimator(search.set_params(refit=False).fit(X, y), X)


def test_serves_regressors_of_scikit_learn(data):
    X, y = data
    display = PredictionBandDisplay.from_estimator(
        GaussianProcessRegressor(optimizer=None).fit(X, y), X, y, grid=5, n_samples=2
    )
    assert len(display.sample_lines_[0]) == 2


def test_from_predictions_draws_what_is_given():
    x = np.linspace(0, 1, 5)
    display = PredictionBandDisplay.from_predictions(
        x[:, np.newaxis], x**2, x_train=[0.5], y_train=[[1.0]], legend=False, xlabel="time"
    )
    np.testing.assert_array_equal(display.lines_[0].get_ydata(), x**2)
    np.testing.assert_array_equal(display.scatter_[0].get_offsets(), [[0.5, 1.0]])
    assert display.fill_between_ is None
    assert display.ax_.get_legend() is None
    assert display.ax_.get_xlabel() == "time"


def test_keywords_reach_matplotlib_by_any_of_their_names():
    x = np.linspace(0, 1, 5)
    display = PredictionBandDisplay.from_predictions(
        x,
        x,
        x,
        samples=np.stack([x, x], axis=1),
        x_train=x,
        y_train=x,
        line_kwargs={"c": "red", "lw": 5, "label": "line"},
        fill_between_kwargs={"facecolor": "none", "ec": "blue"},
        sample_kwargs={"ls": ":", "label": "draw"},
        scatter_kwargs={"c": "green", "s": 99},
    )
    (line,), (band,), (points,) = display.lines_, display.fill_between_, display.scatter_
    assert (line.get_color(), line.get_linewidth()) == ("red", 5)
    assert band.get_facecolor().size == 0
    np.testing.assert_array_equal(band.get_edgecolor()[0, :3], (0, 0, 1))
    assert display.sample_lines_[0][0].get_linestyle() == ":"
    assert display.sample_lines_[0][0].get_color() == "red"
    np.testing.assert_allclose(color_of(points), matplotlib.colors.to_rgb("green"), atol=1e-6)
    assert points.get_sizes() == [99]
    assert "line" in labels(display.ax_)
    with pytest.raises(TypeError, match="aliases"):
        display.plot(line_kwargs={"color": "red", "c": "red"})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"feature": 1}, "from 0 to 0"),
        ({"feature": "age"}, "no names of features"),
        ({"grid": 1}, "at least 2"),
        ({"grid": [[0.0, 1.0]]}, "one dimension"),
        ({"n_std": -1}, "n_std"),
        ({"n_std": "2"}, "n_std"),
        ({"y": [1.0, 2.0]}, r"y_train must be of shape \(10,\)"),
    ],
)
def test_names_what_is_wrong(model, data, options, message):
    with pytest.raises(ValueError, match=message):
        PredictionBandDisplay.from_estimator(model, data[0], **options)


def test_inputs_must_be_a_table(model, data):
    with pytest.raises(ValueError, match="must be a table"):
        PredictionBandDisplay.from_estimator(model, data[0][:, 0])
    table = pd.DataFrame({"a": ["x", "y"]})
    with pytest.raises(ValueError, match="not numbers"):
        PredictionBandDisplay.from_estimator(model, table)
    with pytest.raises(ValueError, match="among those of X: a"):
        PredictionBandDisplay.from_estimator(model, table, feature="b")


@pytest.mark.parametrize("estimator", [Ridge(), SVC()])
def test_says_which_estimators_have_a_band(data, estimator):
    with pytest.raises(TypeError, match=r"return_std=True.*NTKRegressor"):
        PredictionBandDisplay.from_estimator(estimator, data[0])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros((3, 2)), "y_pred": np.zeros(3)}, "x must hold the values of one input"),
        ({"x": np.zeros(3), "y_pred": np.zeros(2)}, "as x has 3 values"),
        ({"x": np.zeros(3), "y_pred": np.zeros(3), "y_std": np.zeros(2)}, "y_std must be"),
        ({"x": np.zeros(3), "y_pred": np.zeros(3), "samples": np.zeros((2, 4))}, "samples must be"),
        ({"x": np.zeros(3), "y_pred": np.zeros(3), "y_train": np.zeros(2)}, "needs x_train"),
    ],
)
def test_arrays_have_to_fit_each_other(arrays, message):
    with pytest.raises(ValueError, match=message):
        PredictionBandDisplay.from_predictions(**arrays)
