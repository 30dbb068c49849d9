"""Models that alternate between fitting and re-scaling their inputs."""

import inspect
import re
from ast import literal_eval

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, cross_val_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skntk import (
    FeatureLearningClassifier,
    FeatureLearningRegressor,
    LearnedFeatures,
    NNGPClassifier,
    NNGPRegressor,
    NTKClassifier,
    NTKRegressor,
    average_gradient_outer_product,
    call_final_estimator,
)
from skntk.architecture import (
    Conv,
    Dense,
    Flatten,
    FullyConnected,
    InputScale,
    PNormExponential,
    Relu,
    Serial,
)
from skntk.estimators.feature_learning.rescaling import Rescaling
from skntk.solvers import InducingPoints

pytestmark = pytest.mark.usefixtures("quick_compilation")

NETWORK = FullyConnected(1)
FEW = {"n_rounds": 2, "cv": 2, "random_state": 0}


def one_direction(n_samples=160, n_features=8, noise=0.1, seed=0):
    """Return inputs, and targets that depend on one oblique direction, for training and tests."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(n_samples + 200, n_features))
    y = np.sin(X[:, 0] + X[:, 1]) + noise * random.normal(size=len(X))
    return X[:n_samples], y[:n_samples], X[n_samples:], y[n_samples:]


def two_classes(n_samples=160, seed=0):
    """Return classes that depend on the signs of two features of eight."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(n_samples + 200, 8))
    y = np.where(X[:, 0] * X[:, 1] > 0, "same", "other")
    return X[:n_samples], y[:n_samples], X[n_samples:], y[n_samples:]


@pytest.mark.parametrize(
    "estimator",
    [
        NNGPRegressor(NETWORK),
        NTKRegressor(NETWORK),
        NTKRegressor(NETWORK, solver=InducingPoints(60, random_state=0)),
    ],
    ids=["nngp", "ntk", "inducing points"],
)
def test_finds_the_direction_that_matters(estimator):
    X, y, X_test, y_test = one_direction()
    model = FeatureLearningRegressor(estimator, **FEW).fit(X, y)
    plain = clone(estimator).fit(X, y)
    assert model.n_rounds_ > 0
    assert 1 - model.score(X_test, y_test) < 0.5 * (1 - plain.score(X_test, y_test))
    assert model.feature_importances_[:2].sum() > 0.9
    vector = np.linalg.eigh(model.feature_matrix_)[1][:, -1]
    assert_allclose(np.abs(vector[:2]), np.sqrt(0.5), atol=0.1)
    mean, std = model.predict(X_test, return_std=True, observation_noise=True)
    assert 0.9 < np.mean(np.abs(y_test - mean) < 1.96 * std) < 0.99


@pytest.mark.parametrize(
    "estimator",
    [
        NNGPClassifier(NETWORK),
        NNGPClassifier(NETWORK, likelihood="softmax"),
        NTKClassifier(NETWORK, solver=InducingPoints(60, random_state=0)),
    ],
    ids=["nngp", "softmax", "inducing points"],
)
def test_finds_the_features_that_tell_classes_apart(estimator):
    X, y, X_test, y_test = two_classes()
    model = FeatureLearningClassifier(estimator, **FEW).fit(X, y)
    assert model.n_rounds_ > 0
    assert model.score(X_test, y_test) > clone(estimator).fit(X, y).score(X_test, y_test)
    assert set(np.argsort(model.feature_importances_)[-2:]) == {0, 1}
    probabilities = model.predict_proba(X_test)
    assert_allclose(probabilities.sum(axis=1), 1)
    assert_array_equal(model.classes_[probabilities.argmax(axis=1)], model.predict(X_test))
    assert_array_equal(model.decision_function(X_test) > 0, model.predict(X_test) == "same")
    assert model.predict_std(X_test).shape == (200, 2)


def test_many_classes_and_a_class_of_one_row():
    X, y, X_test, _ = two_classes(60)
    y[:20], y[20] = "third", "single"
    model = FeatureLearningClassifier(NNGPClassifier(NETWORK), **FEW).fit(X, y)
    assert model.predict_proba(X_test).shape == (200, 4)
    assert model.decision_function(X_test).shape == (200, 4)


def test_a_round_is_a_fit_to_inputs_times_the_root_of_the_matrix():
    X, y, X_test, _ = one_direction(40)
    base = NNGPRegressor(NETWORK, alpha=0.1)
    model = FeatureLearningRegressor(
        base, matrix="full", n_rounds=1, alpha_factors=0.1, cv=2, random_state=0
    ).fit(X, y)
    assert model.best_params_ == {
        "matrix": "full",
        "power": 0.5,
        "alpha_factor": 0.1,
        "n_rounds": 1,
    }
    plain = clone(base).set_params(alpha=0.01).fit(X, y)
    matrix = average_gradient_outer_product(plain, X)
    values, vectors = np.linalg.eigh(matrix)
    root = (vectors * np.sqrt(values)) @ vectors.T
    root *= np.sqrt(np.square(X).mean() / np.square(X @ root).mean())
    assert_allclose(model.transformation_, root, rtol=1e-8, atol=1e-10)
    expected = plain.fit(X @ root, y)
    assert_allclose(model.predict(X_test), expected.predict(X_test @ root))
    std = model.predict_std(X_test)
    assert_allclose(std, model.std_scale_ * expected.predict(X_test @ root, return_std=True)[1])
    by_inputs = root @ average_gradient_outer_product(expected, X @ root) @ root
    assert_allclose(model.feature_matrix_, by_inputs, rtol=1e-8, atol=1e-12)


def test_what_is_held_out_is_seen_by_nothing():
    X, y, _, _ = one_direction(40)
    model = FeatureLearningRegressor(
        NNGPRegressor(NETWORK), matrix="full", n_rounds=1, alpha_factors=1.0, cv=KFold(3)
    ).fit(X, y)
    losses = []
    for train, test in KFold(3).split(X):
        plain = NNGPRegressor(NETWORK).fit(X[train], y[train])
        weight = np.ones(len(train))
        matrix = average_gradient_outer_product(plain, X[train])
        rescaling = Rescaling.of(matrix, 0.5, X[train], weight)
        alpha = plain.hyperparameters_["alpha"]
        learned = NNGPRegressor(NETWORK, alpha=alpha).fit(rescaling(X[train]), y[train])
        losses.append(np.mean(np.square(learned.predict(rescaling(X[test])) - y[test])))
    scores = [model.cv_results_[f"split{number}_test_score"][1] for number in range(3)]
    assert_allclose(scores, -np.array(losses) / np.var(y), rtol=1e-8)


def test_is_never_worse_than_the_plain_model_by_its_score():
    X = np.random.default_rng(0).normal(size=(40, 6))
    y = np.random.default_rng(1).normal(size=40)
    table = FeatureLearningRegressor(NNGPRegressor(NETWORK), **FEW).fit(X, y).cv_results_
    plain = [
        i for i, p in enumerate(table["params"]) if p["n_rounds"] == 0 and p["alpha_factor"] == 1
    ]
    assert len(plain) == 1
    assert table["mean_test_score"].max() >= table["mean_test_score"][plain[0]]
    assert len(table["params"]) == 3 * (1 + 2 * 2)
    assert_array_equal(table["param_n_rounds"], [p["n_rounds"] for p in table["params"]])
    assert table["rank_test_score"].min() == 1


def test_without_rounds_it_is_the_plain_model():
    X, y, X_test, _ = one_direction(40)
    plain = NNGPRegressor(NETWORK).fit(X, y)
    model = FeatureLearningRegressor(
        NNGPRegressor(NETWORK), n_rounds=0, alpha_factors=1.0, cv=2, random_state=0
    ).fit(X, y)
    assert_allclose(model.predict(X_test), plain.predict(X_test))
    assert_array_equal(model.transformation_, np.eye(8))
    assert_allclose(model.feature_matrix_, average_gradient_outer_product(plain, X))


def test_few_rows_and_constant_targets_give_the_plain_model():
    X, y, X_test, _ = one_direction(40)
    few = FeatureLearningRegressor(NNGPRegressor(NETWORK), **FEW).fit(X[:3], y[:3])
    assert few.n_rounds_ == 0
    assert few.cv_results_ == {}
    constant = FeatureLearningRegressor(NNGPRegressor(NETWORK), **FEW).fit(X, np.ones(40))
    assert_allclose(constant.predict(X_test), 1)
    assert_allclose(constant.feature_importances_, 1 / 8)


def test_weights_are_repetitions_and_the_order_of_rows_does_not_count():
    X, y, X_test, _ = one_direction(40)
    weight = np.arange(40) % 3
    weighted = FeatureLearningRegressor(NNGPRegressor(NETWORK), **FEW).fit(X, y, weight)
    order = np.random.default_rng(0).permutation(np.repeat(np.arange(40), weight))
    repeated = FeatureLearningRegressor(NNGPRegressor(NETWORK), **FEW).fit(X[order], y[order])
    assert weighted.best_params_ == repeated.best_params_
    for options in ({}, {"return_std": True}):
        assert_allclose(
            weighted.predict(X_test, **options), repeated.predict(X_test, **options), rtol=1e-6
        )


def test_the_random_state_decides_the_folds():
    X, y, _, _ = one_direction(40)
    first, second, other = (
        FeatureLearningRegressor(NNGPRegressor(NETWORK), n_rounds=1, cv=2, random_state=state)
        .fit(X, y)
        .cv_results_["mean_test_score"]
        for state in (0, 0, 1)
    )
    assert_array_equal(first, second)
    assert (first != other).all()


def test_many_outputs_share_their_features():
    X, y, X_test, _ = one_direction(60)
    targets = np.column_stack([y, 100 * X[:, 2] + 7])
    model = FeatureLearningRegressor(NNGPRegressor(NETWORK), **FEW).fit(X, targets)
    mean, std = model.predict(X_test[:5], return_std=True)
    assert mean.shape == std.shape == (5, 2)
    assert model.std_scale_.shape == (2,)
    assert model.predict(X_test[:5], return_cov=True)[1].shape == (5, 5, 2)
    assert model.sample_y(X_test[:5], 3).shape == (5, 2, 3)


def test_samples_and_covariances_spread_as_standard_deviations_do():
    X, y, X_test, _ = one_direction(40)
    model = FeatureLearningRegressor(NNGPRegressor(NETWORK), **FEW).fit(X, y)
    std = model.predict_std(X_test[:4])
    assert_allclose(np.sqrt(np.diagonal(model.predict(X_test[:4], return_cov=True)[1])), std)
    assert_allclose(model.sample_y(X_test[:4], 4000).std(axis=1), std, rtol=0.06)
    observed = model.predict_observation(X_test[:4])
    assert_array_equal(
        observed[1], model.predict(X_test[:4], return_std=True, observation_noise=True)[1]
    )
    assert (observed[1] > std).all()


def test_images_keep_their_shape():
    random = np.random.default_rng(0)
    X = random.normal(size=(24, 3, 1))
    network = Serial([Conv((2,), bias_std=0.3), Relu(), Flatten(), Dense()])
    model = FeatureLearningRegressor(
        NTKRegressor(network), n_rounds=1, matrix="diagonal", alpha_factors=0.1, cv=2
    ).fit(X, np.sin(2 * X[:, 1, 0]))
    assert model.feature_importances_.shape == (3, 1)
    assert model.feature_importances_.argmax() == 1
    assert model.predict(X).shape == (24,)


def test_a_transformer_for_any_estimator():
    X, y, X_test, y_test = one_direction()
    features = LearnedFeatures(NNGPRegressor(NETWORK), **FEW)
    pipeline = make_pipeline(StandardScaler(), features, KNeighborsRegressor())
    plain = KNeighborsRegressor().fit(X, y).score(X_test, y_test)
    assert pipeline.fit(X, y).score(X_test, y_test) > plain + 0.2
    fitted = pipeline[1]
    assert_allclose(fitted.transform(X_test), X_test @ fitted.transformation_)
    assert fitted.get_feature_names_out().tolist() == [f"learnedfeatures{i}" for i in range(8)]
    assert cross_val_score(pipeline, X, y, cv=2).shape == (2,)


def test_a_transformer_learns_from_classes():
    X, y, _, _ = two_classes(60)
    features = LearnedFeatures(NNGPClassifier(NETWORK), **FEW).fit(X, y)
    assert isinstance(features.learner_, FeatureLearningClassifier)


def test_methods_are_reached_through_pipelines():
    X, y, X_test, _ = one_direction(40)
    model = FeatureLearningRegressor(NNGPRegressor(NETWORK), **FEW)
    pipeline = make_pipeline(StandardScaler(), model).fit(X, y)
    mean, std = pipeline.predict(X_test, return_std=True, observation_noise=True)
    assert_array_equal(call_final_estimator(pipeline, "predict_observation", X_test), (mean, std))


def test_networks_that_cut_along_axes_get_a_scale_for_each_feature():
    random = np.random.default_rng(0)
    X = random.uniform(-2, 2, size=(360, 6))
    y = np.where(X[:, 0] > 0.5, 1.0, 0.0) + np.abs(X[:, 1])
    network = Serial([PNormExponential(2.0), Dense()])
    model = FeatureLearningRegressor(NNGPRegressor(network), matrix="diagonal", **FEW)
    model.fit(X[:160], y[:160])
    plain = NNGPRegressor(network).fit(X[:160], y[:160])
    assert 1 - model.score(X[160:], y[160:]) < 0.3 * (1 - plain.score(X[160:], y[160:]))
    assert model.feature_importances_[:2].sum() > 0.95
    of_classes = LearnedFeatures(NNGPClassifier(network), matrix="diagonal", **FEW)
    of_classes.fit(X[:160], X[:160, 0] > 0.5)
    assert of_classes.feature_importances_.argmax() == 0


def test_names_of_features_are_those_of_a_table():
    pandas = pytest.importorskip("pandas")
    X, y, _, _ = one_direction(20)
    table = pandas.DataFrame(X, columns=list("abcdefgh"))
    model = FeatureLearningRegressor(NNGPRegressor(NETWORK), **FEW).fit(table, y)
    assert model.feature_names_in_.tolist() == list("abcdefgh")
    features = LearnedFeatures(NNGPRegressor(NETWORK), **FEW).fit(table, y)
    assert features.transform(table).shape == (20, 8)


def test_alpha_stays_in_the_range_that_kernels_bear():
    X, y, _, _ = one_direction(20)
    model = FeatureLearningRegressor(
        NNGPRegressor(NETWORK, alpha=1e-3, dtype="float32"), alpha_factors=1e-3, **FEW
    ).fit(X, y)
    assert model.estimator_.alpha == 1e-4
    model.set_params(estimator=NNGPRegressor(NETWORK, alpha=1e-8), alpha_factors=0.1).fit(X, y)
    assert model.estimator_.alpha == 1e-8


def test_an_optimizer_learns_the_network_of_every_round():
    X, y, _, _ = one_direction(30, 3)
    network = Serial([InputScale(np.ones(3)), Dense(), Relu(), Dense()])
    base = NNGPRegressor(network, optimizer="fmin_l_bfgs_b", architecture_bounds=(0.1, 10))
    model = FeatureLearningRegressor(
        base, n_rounds=1, matrix="full", alpha_factors=0.1, cv=KFold(2)
    )
    with pytest.warns(match="The search for hyperparameters"):
        model.fit(X, y)
    assert "alpha" not in model.estimator_.hyperparameters_


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"estimator": Ridge()}, TypeError, "NNGPRegressor or NTKRegressor, not Ridge"),
        ({"estimator": NNGPClassifier()}, TypeError, "not NNGPClassifier"),
        (
            {"estimator": make_pipeline(StandardScaler(), NNGPRegressor())},
            TypeError,
            "stand before FeatureLearningRegressor, in a pipeline",
        ),
        ({"estimator": NNGPRegressor(alpha=[0.1] * 40)}, ValueError, "one alpha for each row"),
        (
            {"estimator": NNGPRegressor(initial_function=np.sum)},
            ValueError,
            "set initial_function=None",
        ),
        ({"matrix": ["full", "half"]}, ValueError, "'full' or 'diagonal', or both; got 'half'"),
        ({"power": [0.5, -1.0]}, ValueError, "power must be a positive number"),
        ({"alpha_factors": []}, ValueError, "alpha_factors must be a positive number"),
        ({"cv": 1}, ValueError, "'cv'"),
        ({"n_rounds": -1}, ValueError, "n_rounds"),
    ],
)
def test_says_which_parameter_is_wrong(options, error, message):
    X, y, _, _ = one_direction(40)
    with pytest.raises(error, match=re.escape(message)):
        FeatureLearningRegressor(**options).fit(X, y)


@pytest.mark.parametrize("cls", [FeatureLearningRegressor, FeatureLearningClassifier])
def test_the_documentation_has_all_parameters_and_attributes(cls):
    section = inspect.getdoc(cls).partition("Parameters\n")[2].partition("Attributes\n")[0]
    documented = dict(re.findall(r"^(\w+) : .*default=(.+)$", section, flags=re.MULTILINE))
    parameters = inspect.signature(cls).parameters
    assert list(documented) == list(parameters)
    for name, parameter in parameters.items():
        assert literal_eval(documented[name]) == parameter.default
    X, y, _, _ = two_classes(20)
    targets = y if cls is FeatureLearningClassifier else X[:, 0]
    model = cls(**FEW).fit(X, targets)
    names = {name for name in vars(model) if name.endswith("_") and not name.startswith("_")}
    names |= {name for name in ("std_scale_", "temperature_") if hasattr(cls, name)}
    attributes = inspect.getdoc(cls).partition("Attributes\n")[2].partition("See Also\n")[0]
    assert set(re.findall(r"^(\w+) : ", attributes, flags=re.MULTILINE)) == names | {
        "feature_names_in_"
    }


def test_rescaling_keeps_the_mean_square_and_does_nothing_without_gradients():
    random = np.random.default_rng(0)
    X, weight = random.normal(size=(20, 4)), random.uniform(size=20)
    matrix = np.cov(random.normal(size=(4, 9)))
    for outer_product in (matrix, np.diagonal(matrix)):
        mapped = Rescaling.of(outer_product, 0.5, X, weight)(X)
        before, after = (weight @ np.square(rows).sum(axis=1) for rows in (X, mapped))
        assert_allclose(after, before)
    assert_array_equal(Rescaling.of(np.zeros((4, 4)), 0.5, X, weight)(X), X)
