"""Networks of finite width: what training makes of them, and how they approach the infinite ones.

A single Dense layer is linear in its parameters and has no hidden layer: its NTK is the infinite
one, and its training is known to rounding. Networks with a hidden layer approach the infinite ones
as their width grows: the mean and the variance over networks are off by a term in 1 / width, and
by the error of a mean over so many networks.
"""

from functools import cache

import numpy as np
import pytest
from sklearn import config_context
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.utils.class_weight import compute_sample_weight

from skntk import FiniteWidthClassifier, FiniteWidthRegressor, gram_diagonal, gram_matrix
from skntk.architecture import (
    ConvNet,
    Dense,
    Dropout,
    ExpNormalized,
    FullyConnected,
    Relu,
    Serial,
)
from tests.descent import response
from tests.estimators.problems import classification, regression
from tests.gram.test_compilation import counted_compilations

LINEAR = Serial([Dense(weight_std=1.4, bias_std=0.5)])
SHALLOW = FullyConnected(1, "erf", 1.4, 0.3)
QUICK = {"width": 16, "n_networks": 3, "training_time": 20, "random_state": 0}

X, y, X_test = regression(n_samples=12)
MOST_STANDARD_ERRORS = 5


@pytest.mark.parametrize("n_outputs", [None, 2])
@pytest.mark.parametrize("momentum", [0.0, 0.8])
@pytest.mark.parametrize("alpha", [0.0, 0.7])
def test_a_network_linear_in_its_parameters_is_known_exactly(alpha, momentum, n_outputs):
    X, y, X_test = regression(n_outputs, n_samples=12)
    weight = np.linspace(0.5, 2.0, 12)
    options = {"width": 7, "n_networks": 3, "normalize_y": False, "random_state": 1}
    model = FiniteWidthRegressor(
        LINEAR, alpha=alpha, momentum=momentum, learning_rate=0.2, training_time=30, **options
    ).fit(X, y, sample_weight=weight)
    before = FiniteWidthRegressor(LINEAR, training_time=0, **options).fit(X, y)
    kernel, cross = gram_matrix(LINEAR, X), gram_matrix(LINEAR, X_test, X)
    coefficients = response(kernel, 0.2, 30, alpha, momentum, weight)
    shift = [cross @ coefficients @ (y - each) for each in before.predict_networks(X)]
    expected = before.predict_networks(X_test) + np.stack(shift)
    np.testing.assert_allclose(model.predict_networks(X_test), expected, rtol=1e-9, atol=1e-9)


def test_the_stability_limit_is_that_of_the_kernel():
    weight = np.linspace(0.5, 2.0, 12)
    model = FiniteWidthRegressor(LINEAR, alpha=0.3, momentum=0.5, **QUICK)
    model.fit(X, y, sample_weight=weight)
    root = np.sqrt(weight)
    largest = np.linalg.eigvalsh(root[:, None] * gram_matrix(LINEAR, X) * root)[-1] + 0.3
    limit = 2 * 1.5 * weight.sum() / largest
    np.testing.assert_allclose(model.max_learning_rate_, limit, rtol=1e-4)
    assert model.learning_rate_ == pytest.approx(weight.sum() / largest, rel=1e-4)


N_TEST, N_STEPS, RATE, ALPHA = 5, 40, 0.5, 0.05
WIDTHS = (8, 16)
MANY = 4096


@cache
def statistics_by_width():
    """Return infinite mean and variance, and by width those of MANY networks with their errors."""
    points = X_test[:N_TEST]
    ntk, nngp = gram_matrix(SHALLOW, X, kind=("ntk", "nngp"))
    cross, cross_nngp = gram_matrix(SHALLOW, points, X, kind=("ntk", "nngp"))
    targets = (y - y.mean()) / y.std()
    map_of_targets = cross @ response(ntk, RATE, N_STEPS, ALPHA)
    mean = map_of_targets @ targets
    variance = (
        gram_diagonal(SHALLOW, points, kind="nngp")
        - 2 * np.sum(map_of_targets * cross_nngp, 1)
        + np.sum((map_of_targets @ nngp) * map_of_targets, 1)
    )
    by_width = {}
    for width in WIDTHS:
        model = FiniteWidthRegressor(
            SHALLOW,
            width=width,
            n_networks=MANY,
            alpha=ALPHA,
            learning_rate=RATE,
            training_time=N_STEPS,
            normalize_y=False,
            random_state=width,
        )
        outputs = model.fit(X, targets).predict_networks(points)
        squares = (outputs - outputs.mean(0)) ** 2
        by_width[width] = [
            (values.mean(0), values.std(0) / np.sqrt(MANY)) for values in (outputs, squares)
        ]
    return (mean, variance), by_width


@pytest.mark.parametrize("moment", [0, 1], ids=["mean", "variance"])
def test_the_ensemble_approaches_the_infinite_one_with_one_over_the_width(moment):
    infinite, by_width = statistics_by_width()
    narrow, wide = (by_width[width][moment] for width in WIDTHS)
    # The terms in 1 / width cancel; of the rest, 1 / width^2, nothing is seen among the errors.
    extrapolated = 2 * wide[0] - narrow[0]
    error = np.sqrt(4 * wide[1] ** 2 + narrow[1] ** 2)
    assert np.all(np.abs(extrapolated - infinite[moment]) <= MOST_STANDARD_ERRORS * error)
    # And there is a term in 1 / width: half of it is left at twice the width.
    biases = [each[0] - infinite[moment] for each in (narrow, wide)]
    largest = np.argmax(np.abs(biases[0]) / narrow[1])
    assert np.abs(biases[0][largest]) > 5 * narrow[1][largest]
    of_ratio = error[largest] / np.abs(biases[0][largest])
    assert np.abs(2 * biases[1][largest] / biases[0][largest] - 1) < 3 * of_ratio


def test_before_training_networks_are_draws_of_the_prior():
    network = Serial([Dense(1.2, 0.3), Relu(), Dropout(0.6), Dense()])
    model = FiniteWidthRegressor(
        network, width=32, n_networks=MANY, training_time=0, normalize_y=False, random_state=0
    ).fit(X, y)
    squares = model.predict_networks(X_test) ** 2
    expected = gram_diagonal(network, X_test, kind="nngp")
    error = squares.std(0) / np.sqrt(MANY)
    assert np.all(np.abs(squares.mean(0) - expected) <= MOST_STANDARD_ERRORS * error)
    assert np.array_equal(model.predict_networks(X_test) ** 2, squares)


@pytest.mark.parametrize("network", [LINEAR, SHALLOW], ids=["linear", "shallow"])
def test_weights_are_repetitions(network):
    weight = np.arange(12) % 3
    model = FiniteWidthRegressor(network, momentum=0.5, alpha=0.1, **QUICK)
    weighted = model.fit(X, y, sample_weight=weight).predict(X_test)
    repeated = model.fit(np.repeat(X, weight, 0), np.repeat(y, weight)).predict(X_test)
    np.testing.assert_allclose(weighted, repeated, rtol=1e-9)


def test_stages_are_fits_and_the_history_is_of_their_losses():
    model = FiniteWidthRegressor(SHALLOW, momentum=0.5, alpha=0.1, **QUICK).fit(X, y)
    times = [0, 7, 7, 30]
    truth = np.cos(X_test[:, 0])
    history = model.training_history(X_test, truth, times)
    stages = zip(
        times,
        model.staged_predict(X_test, times, return_std=True),
        model.staged_predict(X_test, times, return_cov=True),
        strict=True,
    )
    for position, (time, (mean, std), (_, covariance)) in enumerate(stages):
        fitted = FiniteWidthRegressor(
            SHALLOW, momentum=0.5, alpha=0.1, **{**QUICK, "training_time": time}
        ).fit(X, y)
        np.testing.assert_allclose(fitted.predict(X_test), mean, rtol=1e-10)
        networks = fitted.predict_networks(X_test)
        np.testing.assert_allclose(networks.std(0, ddof=1), std, rtol=1e-9)
        np.testing.assert_allclose(np.cov(networks.T), covariance, rtol=1e-9)
        for name, inputs, targets in (("train", X, y), ("test", X_test, truth)):
            losses = np.mean((fitted.predict_networks(inputs) - targets) ** 2, 1) / 2
            np.testing.assert_allclose(history[f"{name}_loss"][position], losses.mean())
            np.testing.assert_allclose(history[f"{name}_loss_std"][position], losses.std(ddof=1))


def test_networks_do_not_depend_on_their_number_the_batches_or_the_precision():
    model = FiniteWidthRegressor(SHALLOW, **QUICK)
    three = model.fit(X, y).predict_networks(X_test)
    with config_context(working_memory=1e-3):
        in_batches = model.fit(X, y).predict_networks(X_test)
    np.testing.assert_allclose(in_batches, three, rtol=1e-9)
    two = model.set_params(n_networks=2).fit(X, y).predict_networks(X_test)
    np.testing.assert_allclose(two, three[:2], rtol=1e-9)
    single = model.set_params(dtype="float32").fit(X, y).predict_networks(X_test)
    np.testing.assert_allclose(single, two, rtol=1e-3, atol=1e-3)


def test_a_search_over_numbers_compiles_nothing_more():
    model = FiniteWidthRegressor(FullyConnected(1, "erf"), **QUICK)
    grid = {
        "architecture__weight_std": [1.0, 1.4],
        "alpha": [0.0, 0.1],
        "learning_rate": [None, 0.01, 0.02],
        "momentum": [0.0, 0.5],
        "training_time": [1, 3],
        "random_state": [0, 1],
    }
    one_by_one = [{name: values} for name, values in grid.items()]
    with counted_compilations() as first:
        GridSearchCV(model, {}, cv=3).fit(X, y)
    with counted_compilations() as names:
        GridSearchCV(model, one_by_one, cv=3, error_score="raise").fit(X, y)
    assert names == first
    # Once for the folds, once for all samples.
    assert names["descend"] == names["largest_curvature"] == 2


def test_flat_rows_are_images_and_flips_are_averaged():
    images = np.random.default_rng(0).normal(size=(8, 4, 4, 1))
    targets = images[:, 0, 0, 0]
    network = ConvNet(1, horizontal_flip=True, input_shape=(4, 4, 1))
    model = FiniteWidthRegressor(network, **{**QUICK, "width": 4})
    of_rows = model.fit(images.reshape(8, -1), targets).predict(images.reshape(8, -1))
    of_images = model.fit(images, targets).predict_networks(images)
    np.testing.assert_allclose(of_images.mean(0), of_rows, rtol=1e-10)
    np.testing.assert_allclose(model.predict_networks(images[:, :, ::-1]), of_images, rtol=1e-9)


@pytest.mark.parametrize("loss", ["squared_error", "log_loss"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_classifiers(loss, n_classes):
    X, labels, X_test = classification(n_classes)
    model = FiniteWidthClassifier(SHALLOW, loss=loss, **QUICK).fit(X, labels)
    decision = model.decision_function(X_test)
    chosen = decision.argmax(1) if n_classes > 2 else (decision > 0).astype(int)
    assert np.array_equal(model.classes_[chosen], model.predict(X_test))
    assert hasattr(model, "predict_proba") == (loss == "log_loss")
    assert model.predict_std(X_test).shape == (9, n_classes)
    stages = list(model.staged_decision_function(X_test, [0, 20]))
    np.testing.assert_allclose(stages[1], decision, rtol=1e-9, atol=1e-12)
    (stage,) = model.staged_predict(X_test, [20])
    assert np.array_equal(stage, model.predict(X_test))
    history = model.training_history(X_test[:3], labels[:3], [0, 5, 50])
    assert np.all(np.diff(history.train_loss) < 0) and history.test_loss.shape == (3,)
    if loss == "log_loss":
        probabilities = model.predict_proba(X_test)
        np.testing.assert_allclose(probabilities.sum(1), 1)
        staged = list(model.staged_predict_proba(X_test, [20]))
        np.testing.assert_allclose(staged[0], probabilities)


@pytest.mark.parametrize("class_weight", [{"ash": 3.0, "cedar": 0.5}, "balanced"], ids=str)
def test_class_weights_are_weights_of_samples(class_weight):
    X, labels, X_test = classification(3)
    labels[:20] = "ash"
    model = FiniteWidthClassifier(LINEAR, loss="log_loss", class_weight=class_weight, **QUICK)
    weighted = model.fit(X, labels).predict_proba(X_test)
    sample_weight = compute_sample_weight(class_weight, labels)
    assert np.ptp(sample_weight) > 0
    expected = model.set_params(class_weight=None).fit(X, labels, sample_weight)
    np.testing.assert_allclose(weighted, expected.predict_proba(X_test), rtol=1e-12)


def test_gradient_of_the_log_loss_is_that_of_the_probabilities():
    """One step of a linear network moves its outputs by the kernel times one-hot - softmax."""
    X, labels, X_test = classification(3)
    options = {**QUICK, "loss": "log_loss", "learning_rate": 0.3}
    before, after = (
        FiniteWidthClassifier(LINEAR, **{**options, "training_time": time}).fit(X, labels)
        for time in (0, 1)
    )
    outputs = before._outputs(X)
    probabilities = np.exp(outputs) / np.exp(outputs).sum(-1, keepdims=True)
    shift = gram_matrix(LINEAR, X_test, X) @ (before.y_train_ - probabilities) * 0.3 / len(X)
    np.testing.assert_allclose(after._outputs(X_test), before._outputs(X_test) + shift, rtol=1e-9)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"learning_rate": 1e3}, r"learning_rate=1000 is past the stability limit"),
        ({"training_time": 2.5}, "whole"),
        ({"training_time": -1}, "training_time"),
        ({"momentum": 1.0}, "momentum"),
        ({"width": 0}, "width"),
        ({"alpha": [0.1] * 12}, "alpha"),
        ({"architecture": Serial([Dense(), ExpNormalized(), Dense()])}, "no counterpart of finite"),
        ({"architecture": Serial([Dense(), Relu()])}, "last Dense layer"),
    ],
    ids=lambda each: "-".join(each) if isinstance(each, dict) else "",
)
def test_bad_parameters(parameters, message):
    model = FiniteWidthRegressor(**{"architecture": SHALLOW, **QUICK, **parameters})
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)


def test_training_that_diverges_is_an_error():
    # Narrow networks and large targets: the kernel grows in training, and the limit falls. Without
    # activations nothing can end in units that are off.
    network = Serial([Dense(), Dense(), Dense()])
    model = FiniteWidthRegressor(network, normalize_y=False, **QUICK)
    limit = model.fit(X, y).max_learning_rate_
    model.set_params(learning_rate=0.99 * limit, training_time=2000)
    with pytest.raises(ValueError, match="diverged within 2000 steps"):
        model.fit(X, 1e4 * y)


def test_bad_requests():
    model = FiniteWidthRegressor(SHALLOW, **QUICK)
    with pytest.raises(NotFittedError):
        model.predict(X)
    model.fit(X, y)
    for times, message in (
        ([3, 2], "ascending"),
        ([-1, 2], "at least 0"),
        ([0.5], "whole"),
        ([[1]], "1-D"),
        ([None], "number of steps, got None"),
        (["a"], "at least 0, got .a."),
    ):
        with pytest.raises(ValueError, match=message):
            model.staged_predict(X_test, times)
    with pytest.raises(RuntimeError, match="At most one"):
        model.predict(X, return_std=True, return_cov=True)
    with pytest.raises(ValueError, match="at least 2 networks"):
        model.set_params(n_networks=1).fit(X, y).predict(X_test, return_std=True)
    with pytest.raises(ValueError, match="start from FiniteWidthRegressor"):
        FiniteWidthRegressor().set_params(architecture__depth=2)
    with pytest.raises(ValueError, match="y_test has shape"):
        model.training_history(X_test, np.ones((9, 2)), [0])


@pytest.mark.parametrize("method", ["predict_proba", "staged_predict_proba"])
def test_squared_error_says_why_there_are_no_probabilities(method):
    model = FiniteWidthClassifier()
    assert not hasattr(model, method)
    assert hasattr(FiniteWidthClassifier(loss="log_loss"), method)
    for call in (lambda: getattr(model, method), lambda: getattr(type(model), method)(model, [])):
        with pytest.raises(AttributeError, match=r"are no probabilities\. Set loss='log_loss'"):
            call()
    assert "probabilit" in getattr(FiniteWidthClassifier, method).__doc__
