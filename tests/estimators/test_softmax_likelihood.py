"""The softmax likelihood: what the classifier returns, its limits, and what it refuses."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import Kernel

from skntk import NNGPClassifier, gram_matrix
from skntk.inference import SoftmaxLaplacePosterior

from .problems import NETWORK, classification

MODEL = NNGPClassifier(NETWORK, likelihood="softmax", alpha=0.0)


class TwiceTheNetwork(Kernel):
    """Twice the NNGP kernel, as scikit-learn's Gaussian process wants it."""

    def __init__(self):
        """Take no parameter; scikit-learn reads this signature."""

    def __call__(self, X, Y=None, eval_gradient=False):
        return 2 * gram_matrix(NETWORK, X, Y, kind="nngp")

    def diag(self, X):
        return np.diagonal(self(X)).copy()

    def is_stationary(self):
        return False


def test_two_classes_are_the_logistic_model_of_scikit_learn():
    X, y, X_test = classification(n_classes=2)
    model = clone(MODEL).set_params(normalize_y=False).fit(X, y)
    peer = GaussianProcessClassifier(TwiceTheNetwork(), optimizer=None).fit(X, y)
    assert model.log_marginal_likelihood_value_ == pytest.approx(
        peer.log_marginal_likelihood_value_, rel=1e-7
    )
    # scikit-learn stops Newton's method at 1e-10 of a sum and approximates the integral.
    assert_allclose(model.predict_proba(X_test), peer.predict_proba(X_test), atol=2e-4)
    mean, _ = peer.latent_mean_and_variance(X_test)
    assert_allclose(model.predict_logits(X_test) @ [-1, 1], mean, rtol=1e-4, atol=1e-5)
    odds = np.divide(*model.predict_proba(X_test).T[::-1])
    assert_allclose(model.decision_function(X_test), np.log(odds), rtol=1e-10)
    assert_array_equal(model.predict(X_test), peer.predict(X_test))


@pytest.mark.parametrize("normalize_y", [True, False])
def test_many_classes_are_the_posterior_of_the_kernels(normalize_y):
    X, y, X_test = classification(n_samples=34)
    model = clone(MODEL).set_params(normalize_y=normalize_y, alpha=0.2).fit(X, y)
    kernel = gram_matrix(NETWORK, X, kind="nngp")
    counts = (y[:, np.newaxis] == model.classes_).astype(float)
    posterior = SoftmaxLaplacePosterior.condition(
        kernel,
        counts,
        0.2 * np.diagonal(kernel).mean(),
        prior_mean=np.log(counts.mean(axis=0)) if normalize_y else None,
    )
    cross = gram_matrix(NETWORK, X_test, X, kind="nngp")
    diagonal = np.diagonal(gram_matrix(NETWORK, X_test, kind="nngp"))
    probabilities = model.predict_proba(X_test)
    assert_allclose(model.predict_logits(X_test), posterior.mean(cross), rtol=1e-8)
    assert_allclose(model.decision_function(X_test), np.log(probabilities), rtol=1e-10)
    assert_array_equal(model.predict(X_test), model.classes_[probabilities.argmax(axis=1)])
    assert_allclose(probabilities, posterior.probabilities(cross, diagonal), rtol=1e-8)
    assert_allclose(model.predict_std(X_test) ** 2, posterior.variance(cross, diagonal), rtol=1e-8)
    assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-12)
    assert model.temperature_ == 1.0


@pytest.mark.parametrize("alpha", [0.0, 0.3])
def test_a_weight_is_the_same_as_repetitions(alpha):
    X, y, X_test = classification()
    weight = np.arange(len(X)) % 3
    weighted = clone(MODEL).set_params(alpha=alpha).fit(X, y, sample_weight=weight)
    repeated = clone(MODEL).set_params(alpha=alpha)
    repeated.fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    assert_allclose(weighted.predict_proba(X_test), repeated.predict_proba(X_test), rtol=1e-8)
    assert weighted.log_marginal_likelihood_value_ == pytest.approx(
        repeated.log_marginal_likelihood_value_, rel=1e-10
    )


def test_far_from_the_data_uncertain_logits_make_uncertain_probabilities():
    X, y, X_test = classification()
    model = clone(MODEL).fit(X, y)
    far = 50 * X_test
    assert model.predict_std(far).min() > model.predict_std(X).max()
    softmax_of_means = np.exp(model.predict_logits(far))
    softmax_of_means /= softmax_of_means.sum(axis=1, keepdims=True)
    assert (model.predict_proba(far).max(axis=1) < softmax_of_means.max(axis=1)).all()


def test_equal_rows_of_different_classes_need_no_noise():
    X, y, X_test = classification()
    model = clone(MODEL).fit(np.vstack([X, X]), np.append(y, np.roll(y, 1)))
    assert np.isfinite(model.predict_proba(X_test)).all()


def test_fitted_models_survive_pickling():
    X, y, X_test = classification()
    model = clone(MODEL).fit(X, y)
    copy = pickle.loads(pickle.dumps(model))
    assert_array_equal(copy.predict_proba(X_test), model.predict_proba(X_test))


def test_what_only_training_and_squared_error_have_is_refused():
    X, y, X_test = classification()
    with pytest.raises(ValueError, match=r"no gradient descent leads to: set training_time=None"):
        clone(MODEL).set_params(training_time=1.0).fit(X, y)
    model = clone(MODEL).fit(X, y)
    with pytest.raises(ValueError, match='only with likelihood="gaussian"'):
        model.loo_decision_function()
    for ask in (
        lambda: model.max_learning_rate_,
        lambda: list(model.staged_predict(X_test, [1.0])),
        lambda: list(model.staged_predict_proba(X_test, [1.0])),
        lambda: model.training_history(X, y, [1.0]),
    ):
        with pytest.raises(ValueError, match="neither times nor rates of training"):
            ask()
    with pytest.raises(ValueError, match=r'no logits.*Use likelihood="softmax"'):
        NNGPClassifier(NETWORK).fit(X, y).predict_logits(X_test)
    with pytest.raises(ValueError, match="'likelihood' parameter"):
        clone(MODEL).set_params(likelihood="logistic").fit(X, y)
