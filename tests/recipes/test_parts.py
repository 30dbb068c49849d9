"""The parts of the recipes for tables, beside what they have to be."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import multivariate_normal
from sklearn.linear_model import LogisticRegression, Ridge

from skntk import gram_matrix
from skntk.architecture import FullyConnected
from skntk.recipes.columns import Table
from skntk.recipes.deadline import Deadline
from skntk.recipes.effort import choose_effort
from skntk.recipes.encodings import AxesEncoding, NormalEncoding, StepEncoding
from skntk.recipes.ensemble import greedy_weights
from skntk.recipes.features import NetworkFeatures
from skntk.recipes.folds import stratified_folds
from skntk.recipes.logistic import LogisticPath
from skntk.recipes.product_evidence import ProductScales, learn_product
from skntk.recipes.product_evidence import _Evidence as Evidence
from skntk.recipes.ridge import RidgePath, sums_over

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
WEIGHT = rng.integers(1, 3, 60).astype(float)


def test_ridge_is_that_of_scikit_learn():
    y = rng.normal(size=60)
    blocks = [sums_over(X[i], y[i], WEIGHT[i]) for i in (slice(20), slice(20, 60))]
    path = RidgePath(blocks[0].with_those(blocks[1]))
    for penalty in (10.0, 0.1):
        ours = path.advance(penalty)
        theirs = Ridge(penalty).fit(X, y, WEIGHT)
        assert_allclose([*ours.coef, ours.intercept], [*theirs.coef_, theirs.intercept_])
    rest = RidgePath(blocks[0].with_those(blocks[1]).without(blocks[1])).advance(1.0)
    assert_allclose(rest.coef, Ridge(1.0).fit(X[:20], y[:20], WEIGHT[:20]).coef_)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_logistic_regression_is_that_of_scikit_learn(n_classes):
    y = (np.argsort(X[:, 0] + rng.normal(size=60)) * n_classes) // 60
    centered = X - X.mean(axis=0)
    moments, axes = np.linalg.eigh(centered.T @ centered)
    values = (centered @ axes[:, ::-1]).astype(np.float32)
    path = LogisticPath(values, y, n_classes, WEIGHT, moments[::-1])
    for penalty in (10.0, 0.1):
        ours = path.advance(penalty)
        exponentials = np.exp(ours(values))
        theirs = LogisticRegression(C=1 / penalty if n_classes > 2 else 2 / penalty, tol=1e-8)
        # Two outputs with the penalty p of each differ as one with the penalty p / 2 does.
        expected = theirs.fit(values, y, WEIGHT).predict_proba(values)
        assert_allclose(exponentials / exponentials.sum(1, keepdims=True), expected, atol=3e-3)


def test_features_have_the_kernel():
    network = FullyConnected(1)
    features, values = NetworkFeatures.fit(network, "ntk", X, np.arange(60), None)
    K = gram_matrix(network, X, kind="ntk")
    assert_allclose(values @ values.T, K / features.scale, atol=1e-6)
    some, rest = features.values_and_rest(X[:5])
    assert_allclose(some, values[:5], atol=1e-12)
    assert_allclose(rest, 0, atol=1e-6)
    few = NetworkFeatures.fit(network, "ntk", X, np.arange(10), None)[0]
    values, rest = few.values_and_rest(X[10:])
    assert_allclose((values**2).sum(axis=1) + rest, np.diag(K)[10:] / few.scale)
    assert rest.min() > 0


def test_uncorrelated_features_have_the_centered_kernel():
    fitted = NetworkFeatures.fit(FullyConnected(1), "nngp", X, np.arange(60), None)
    features, values, moments = fitted[0].uncorrelated(fitted[1])
    assert_allclose(values.T @ values, np.diag(moments), atol=1e-8 * moments[0])
    assert_allclose(values.mean(axis=0), 0, atol=1e-10)
    centered = fitted[1] - fitted[1].mean(axis=0)
    assert_allclose(values @ values.T, centered @ centered.T, atol=1e-4)
    assert_allclose(features(X), values, atol=1e-8)


def test_evidence_is_a_density_and_has_its_gradient():
    X = np.column_stack([rng.uniform(0, 3, (30, 2)), rng.integers(0, 3, 30)])
    targets = rng.normal(size=(30, 2))
    targets -= targets.mean(axis=0)
    evidence = Evidence(X, 2, targets)
    parameters = rng.normal(size=6) / 3
    scales = ProductScales(np.exp(parameters[:3]), np.exp(parameters[3:5]))
    K = gram_matrix(scales.layer(), X, kind="nngp") + np.exp(parameters[5]) * np.eye(30)
    scale = np.mean(targets * np.linalg.solve(K, targets))
    density = multivariate_normal(cov=scale * K).logpdf(targets.T).mean()
    value, gradient = evidence(parameters)
    assert_allclose(value, -density - 15 * (1 + np.log(2 * np.pi)), rtol=1e-5)
    steps = 1e-2 * np.eye(6)
    differences = [
        (evidence(parameters + step)[0] - evidence(parameters - step)[0]) / 2e-2 for step in steps
    ]
    assert_allclose(gradient, differences, rtol=2e-3, atol=2e-3)


def test_scales_tell_which_columns_matter():
    X = np.column_stack([rng.uniform(0, 3, (150, 3)), rng.integers(0, 3, (150, 2))])
    y = np.sin(2 * X[:, 1]) + (X[:, 3] == 1) + 0.1 * rng.normal(size=150)
    slopes = learn_product(X, 3, y[:, np.newaxis]).slopes
    assert set(np.argsort(slopes)[-2:]) == {1, 3}
    assert learn_product(X, 3, np.ones((150, 1))) is not None


def test_greedy_weights():
    target = rng.normal(size=50)
    noise = rng.normal(size=(2, 50))
    predictions = [target + noise[0], target - noise[0] / 2, noise[1]]

    def loss(average):
        return float(np.mean((average - target) ** 2))

    weights = greedy_weights(predictions, loss)
    assert_allclose(weights, [1 / 3, 2 / 3, 0], atol=0.02)
    # None is chosen that is worse than the best alone.
    assert_allclose(greedy_weights([target, target + 1], loss), [1, 0])


def test_encodings():
    numbers = np.array([[1.0, 7.0, np.nan], [2.0, 7.0, 5.0], [4.0, 7.0, 6.0], [9.0, 7.0, np.nan]])
    table = Table(numbers, np.array([[0], [1], [1], [-1]]))
    axes = AxesEncoding.fit(table)
    assert (axes.n_numbers, axes.n_columns) == (2, 4)
    # Ranks of the two columns that vary, where a number is missing, and codes.
    expected = [[0, 1.5, 1, 0], [1, 0, 0, 1], [2, 3, 0, 1], [3, 1.5, 1, -1]]
    assert_allclose(axes.transform(table), expected, atol=1e-6)
    steps = StepEncoding.fit(axes, axes.transform(table))
    np.testing.assert_array_equal(steps.columns, [0, 1, 2, 2, 3, 3, 3])
    assert_allclose(steps.transform(axes.transform(table))[0], [0, 1.5, 0, 3, 0, 3, 0], atol=1e-6)
    new = Table(np.array([[99.0, 0.0, 5.5]]), np.array([[-2]]))
    assert_allclose(axes.transform(new), [[3, 1.5, 0, -2]], atol=1e-6)
    normal = NormalEncoding.fit(table)
    assert normal.transform(table).shape == (4, 1 + 1 + 2 + 3)
    assert np.isfinite(normal.transform(new)).all()


def test_folds_of_small_classes():
    folds = stratified_folds(np.array([0] * 9 + [1]), np.random.RandomState(0))
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(10))
    with pytest.raises(ValueError, match=r"classes of 3 rows are too small.*NNGPClassifier"):
        stratified_folds(np.arange(3), np.random.RandomState(0))


def test_deadline(monkeypatch):
    clock = iter([10.0, 13.0, 20.0])
    monkeypatch.setattr("skntk.recipes.deadline.monotonic", lambda: next(clock))
    deadline = Deadline(5.0)
    assert (deadline.left, deadline.left) == (2.0, -5.0)
    monkeypatch.undo()
    assert Deadline(None).left == np.inf


def test_effort_grows_with_the_time_that_is_left():
    def seconds(effort):
        return effort.cost(10**6) / 1e8

    rows = [choose_effort(10**6, 10.0, left, seconds).n_rows for left in (0.1, 100.0, 1e3, np.inf)]
    assert rows == [1_000, 2_000, 5_000, 20_000]
    # Without a limit nothing is measured.
    assert choose_effort(10**6, 10.0, np.inf, None).n_points == 2_000
