"""partial_fit with the exact solver: the result of one fit, from a factor that grows."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skntk import NNGPClassifier, NNGPRegressor, NTKClassifier, NTKRegressor
from skntk.architecture import FullyConnected
from skntk.inference.linalg import cholesky
from skntk.inference.linalg.cholesky import CholeskySystem
from skntk.solvers import Cholesky, ConjugateGradient

REGRESSORS = [NNGPRegressor, NTKRegressor]
CLASSIFIERS = [NNGPClassifier, NTKClassifier]
NETWORK = FullyConnected(2, "erf", bias_std=0.2)


def data(n=60, seed=0):
    """Rows, of which some come again, two drifting outputs, and weights of which one is 0."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    X[[n - 1, n // 2]] = X[3]
    y = np.column_stack([np.sin(2 * X[:, 0]) + np.arange(n) / 20, 40 - 10 * X[:, 1]])
    weight = rng.integers(1, 4, n).astype(float)
    weight[5] = 0.0
    return X, y + 0.2 * rng.normal(size=y.shape), weight, X[:5] + 0.1


def labels(y):
    return np.digitize(np.mod(y[:, 0], 3), [1, 2])


def added(model, X, y, weight, n_blocks=3, **options):
    for rows in np.array_split(np.arange(len(X)), n_blocks):
        model.partial_fit(X[rows], y[rows], sample_weight=weight[rows], **options)
    return model


@pytest.fixture
def kept(monkeypatch):
    """Return how many rows of a factor were kept, in each call that kept some."""
    numbers = []
    extended = CholeskySystem.extended

    def counted(self, n_kept, *args):
        numbers.append(n_kept)
        return extended(self, n_kept, *args)

    monkeypatch.setattr(CholeskySystem, "extended", counted)
    return numbers


def assert_equal_regressors(found, expected, X_test):
    for ours, theirs in zip(
        found.predict(X_test, return_std=True),
        expected.predict(X_test, return_std=True),
        strict=True,
    ):
        assert_allclose(ours, theirs, rtol=1e-9)
    for ours, theirs in zip(
        found.loo_predict(return_std=True), expected.loo_predict(return_std=True), strict=True
    ):
        assert_allclose(ours, theirs, rtol=1e-8)
    assert_array_equal(found.X_train_, expected.X_train_)
    assert_allclose(found.y_train_, expected.y_train_, rtol=1e-12)
    assert_allclose(found.dual_coef_, expected.dual_coef_, rtol=1e-7, atol=1e-9)
    assert_allclose(found.alpha_, expected.alpha_, rtol=1e-12)


@pytest.mark.parametrize("estimator", REGRESSORS)
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"alpha": 0.05, "alpha_scale": "absolute"}, [19, 39]),
        ({"alpha": 0.05, "alpha_scale": "absolute", "normalize_y": False}, [19, 39]),
        # The unit of alpha moves with the rows.
        ({"alpha": 0.05}, []),
        ({}, []),
        ({"alpha": 0.3, "alpha_scale": "absolute", "dtype": "float32"}, [19, 39]),
    ],
)
def test_a_regressor_of_blocks_is_that_of_all_rows(estimator, options, expected, kept):
    X, y, weight, X_test = data()
    model = estimator(NETWORK, **options)
    blocks, whole = added(clone(model), X, y, weight), clone(model).fit(X, y, weight)
    assert kept == expected
    if "dtype" in options:
        assert_allclose(blocks.predict(X_test), whole.predict(X_test), rtol=1e-4)
        return
    assert_equal_regressors(blocks, whole, X_test)
    for name in ("log_marginal_likelihood_value_", "alpha_score_"):
        assert hasattr(blocks, name) == hasattr(whole, name)
        if hasattr(whole, name):
            assert_allclose(getattr(blocks, name), getattr(whole, name), rtol=1e-9)


@pytest.mark.parametrize("estimator", CLASSIFIERS)
@pytest.mark.parametrize("options", [{"alpha": 0.1, "alpha_scale": "absolute"}, {}])
def test_a_classifier_of_blocks_is_that_of_all_rows(estimator, options, kept):
    X, y, weight, X_test = data()
    y = labels(y)
    y[[30, 59]] = y[3]
    model = estimator(NETWORK, class_weight={0: 2.0, 1: 1.0, 2: 1.0}, **options)
    blocks = added(clone(model), X, y, weight, classes=[2, 1, 0])
    whole = clone(model).fit(X, y, weight)
    assert_array_equal(blocks.classes_, [0, 1, 2])
    assert_allclose(blocks.decision_function(X_test), whole.decision_function(X_test), rtol=1e-8)
    assert_allclose(blocks.predict_std(X_test), whole.predict_std(X_test), rtol=1e-8)
    assert_allclose(blocks.predict_proba(X_test), whole.predict_proba(X_test), rtol=1e-8)
    assert_allclose(blocks.loo_decision_function(), whole.loo_decision_function(), rtol=1e-8)
    # The fourth row comes again in the second and in the third block.
    assert kept == ([3, 3] if options else [])


def test_a_row_that_comes_again_keeps_the_factor_before_it(kept):
    X = data(12)[0]
    X[[6, 11]] = X[[1, 2]]
    model = NTKClassifier(NETWORK, alpha=0.1, alpha_scale="absolute")
    classes = np.arange(12) % 2
    classes[[6, 11]] = classes[[1, 2]]
    model.partial_fit(X[:8], classes[:8], classes=[0, 1]).partial_fit(X[8:], classes[8:])
    assert kept == [2]
    assert len(model.X_train_) == 10
    whole = clone(model).fit(X, classes)
    assert_allclose(model.decision_function(X), whole.decision_function(X), rtol=1e-9)


def test_an_equal_diagonal_keeps_a_relative_alpha(kept):
    X, y, weight, X_test = data()
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    model = NTKRegressor(NETWORK, alpha=0.05)
    blocks = added(clone(model), X, y, weight)
    assert kept == [19, 39]
    assert_equal_regressors(blocks, clone(model).fit(X, y, weight), X_test)


def test_only_kernels_with_new_rows_are_computed(monkeypatch):
    from skntk.gram.kernel_function import KernelFunction

    X, y, _, _ = data()
    model = NNGPRegressor(NETWORK, alpha=0.05, alpha_scale="absolute").partial_fit(X[:50], y[:50])
    sizes, gram = [], KernelFunction.gram

    def counted(self, X, Y=None, **options):
        sizes.append((len(X), len(X if Y is None else Y)))
        return gram(self, X, Y, **options)

    monkeypatch.setattr(KernelFunction, "gram", counted)
    model.partial_fit(X[50:], y[50:])
    assert sizes == [(10, 50), (10, 10)]


@pytest.mark.parametrize("estimator", REGRESSORS)
def test_one_network_from_an_initial_function_and_one_output(estimator):
    X, y, weight, X_test = data()
    model = estimator(
        NETWORK, alpha=0.05, alpha_scale="absolute", initial_function=lambda X: X[:, 0]
    )
    blocks = added(clone(model), X, y[:, :1], weight)
    whole = clone(model).fit(X, y[:, 0], weight)
    assert_allclose(blocks.predict(X_test), whole.predict(X_test), rtol=1e-9)


def test_blocks_without_training_in_between():
    X, y, weight, X_test = data()
    model = NTKRegressor(NETWORK, alpha=0.05, alpha_scale="absolute")
    cut = [slice(0, 20), slice(20, 60)]
    blocks = clone(model).fit_blocks((X[rows], y[rows], weight[rows]) for rows in cut)
    assert_equal_regressors(blocks, clone(model).fit(X, y, weight), X_test)
    blocks.partial_fit(X[:7], y[:7])
    assert len(blocks.X_train_) == 66


def test_what_fails_leaves_what_came_before():
    X, y, _, X_test = data()
    model = NTKRegressor(NETWORK, alpha=0.0, alpha_scale="absolute", solver=Cholesky())
    model.partial_fit(X[:25], y[:25])
    before = model.predict(X_test)
    with pytest.raises(ValueError, match=r"samples 3 and 25 cannot be told apart"):
        model.partial_fit(X[[3]], y[[3]])
    with pytest.raises(ValueError, match="as many outputs as in the first call"):
        model.partial_fit(X[:9], y[:9, 0])
    with pytest.raises(ValueError, match="has 2 features, but NTKRegressor is expecting 3"):
        model.partial_fit(X[:9, :2], y[:9])
    assert_array_equal(model.predict(X_test), before)
    again = pickle.loads(pickle.dumps(model)).partial_fit(X[31:41], y[31:41])
    rows = [*range(25), *range(31, 41)]
    whole = clone(model).fit(X[rows], y[rows])
    assert_allclose(again.predict(X_test), whole.predict(X_test), rtol=1e-6)


def test_alpha_that_is_set_anew_is_that_of_all_rows():
    X, y, weight, X_test = data()
    model = NNGPRegressor(NETWORK, alpha=0.05, alpha_scale="absolute")
    model.partial_fit(X[:30], y[:30], weight[:30]).set_params(alpha=0.2)
    model.partial_fit(X[30:], y[30:], weight[30:])
    assert_equal_regressors(model, clone(model).fit(X, y, weight), X_test)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (NNGPRegressor(optimizer="fmin_l_bfgs_b"), "optimizer=None"),
        (NNGPRegressor(alpha=np.ones(60)), "one alpha for all"),
        (NTKClassifier(class_weight="balanced"), "Give a dict of weights"),
    ],
)
def test_what_changes_with_rows_is_refused(model, message):
    X, y, _, _ = data()
    options = {"classes": [0, 1, 2]} if type(model) in CLASSIFIERS else {}
    with pytest.raises(ValueError, match=message):
        model.partial_fit(X, labels(y) if options else y, **options)


@pytest.mark.parametrize(
    ("model", "remedy"),
    [
        (NTKRegressor(solver="conjugate_gradient"), "solver='inducing_points', or solver="),
        (NNGPClassifier(solver=ConjugateGradient()), "solver='inducing_points', or solver="),
        (NTKRegressor(training_time=3.0), "Set training_time=None, or use fit on all rows"),
        (NNGPClassifier(likelihood="softmax"), "Set likelihood='gaussian', or use fit on all"),
        (NTKClassifier(loss="log_loss", training_time=3.0), "or use fit on all rows"),
    ],
)
def test_what_has_no_factor_adds_no_rows(model, remedy):
    assert not hasattr(model, "partial_fit")
    with pytest.raises(AttributeError, match="no attribute 'fit_blocks'") as error:
        _ = model.fit_blocks
    assert remedy in str(error.value.__cause__)


def test_the_classes_of_a_fit_need_not_be_named_again():
    X, y, _, _ = data()
    model = NTKClassifier(NETWORK, alpha=0.1).fit(X, labels(y))
    model.partial_fit(X[:20], np.zeros(20)).partial_fit(X[20:30], np.arange(10) % 3)
    assert_array_equal(model.classes_, [0, 1, 2])
    assert len(model.loo_decision_function()) == 30


def test_memory_is_asked_for(monkeypatch):
    from skntk import _memory

    X, y, _, _ = data()
    model = NTKRegressor(NETWORK, alpha=0.1).partial_fit(X[:20], y[:20])
    monkeypatch.setattr(_memory, "available_memory", lambda: 1000)
    with pytest.raises(MemoryError, match="partial_fit on 60 samples"):
        model.partial_fit(X[20:], y[20:])


def test_an_extended_factor_is_that_of_the_whole_matrix():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(9, 12))
    kernel, noise = features @ features.T, rng.uniform(0.1, 1.0, 9)
    whole = cholesky.cholesky_factor(kernel, noise, overwrite=False)
    for k in (1, 5, 8):
        found = cholesky.extended_factor(whole[:k, :k], kernel[k:, :k], kernel[k:, k:], noise)
        assert_allclose(found, whole, rtol=1e-12, atol=1e-14)
