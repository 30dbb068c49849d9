"""Kernel objects: their contract with scikit-learn, and use in its estimators."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.cluster import SpectralClustering
from sklearn.decomposition import KernelPCA
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, WhiteKernel
from sklearn.kernel_approximation import Nystroem
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC, SVR

from skntk import NNGPKernel, NNGPRegressor, NTKKernel, gram_matrix
from skntk.architecture import (
    Conv,
    ConvNet,
    Dense,
    Dropout,
    Flatten,
    FullyConnected,
    InputScale,
    Relu,
    Serial,
)

pytestmark = pytest.mark.usefixtures("quick_compilation")

SHAPE = (4, 4, 2)
VECTORS = Serial([InputScale([1.0, 0.5]), Dense(1.3, 0.4), Relu(), Dense(1.1, 0.2)])
IMAGES = Serial([Conv((2, 2), bias_std=0.1), Relu(), Flatten(), Dense()])

X = np.random.default_rng(0).normal(size=(20, 2))
FLAT_IMAGES = np.random.default_rng(1).normal(size=(20, 32))
Y = np.sin(X[:, 0])
LABELS = np.where(X[:, 0] > 0, "a", "b")

every_kernel = pytest.mark.parametrize(
    ("kernel", "samples"),
    [
        pytest.param(NNGPKernel(VECTORS), X, id="nngp"),
        pytest.param(NTKKernel(VECTORS), X, id="ntk"),
        pytest.param(NTKKernel(IMAGES, input_shape=SHAPE), FLAT_IMAGES, id="images"),
    ],
)


def as_network_reads(kernel, samples):
    return samples if kernel.input_shape is None else samples.reshape(-1, *kernel.input_shape)


@every_kernel
def test_values_are_those_of_gram_matrix(kernel, samples):
    kind = "ntk" if isinstance(kernel, NTKKernel) else "nngp"
    arranged = as_network_reads(kernel, samples)
    matrix = gram_matrix(kernel.architecture, arranged, kind=kind)
    np.testing.assert_array_equal(kernel(samples), matrix)
    np.testing.assert_array_equal(kernel(samples, samples), matrix)
    cross = gram_matrix(kernel.architecture, arranged, arranged[:3], kind=kind)
    np.testing.assert_array_equal(kernel(samples, samples[:3]), cross)
    np.testing.assert_allclose(kernel.diag(samples), np.diagonal(matrix), rtol=1e-12)


@every_kernel
def test_gradient_is_the_limit_of_differences(kernel, samples):
    samples = samples[:6]
    value, gradient = kernel(samples, eval_gradient=True)
    np.testing.assert_array_equal(value, kernel(samples))
    assert gradient.shape == (6, 6, kernel.n_dims)
    step = 1e-5
    for position, unit in enumerate(np.eye(kernel.n_dims)):
        forward, backward = (
            kernel.clone_with_theta(kernel.theta + sign * step * unit)(samples) for sign in (1, -1)
        )
        np.testing.assert_allclose(
            gradient[:, :, position], (forward - backward) / (2 * step), atol=1e-8 * value.max()
        )


@every_kernel
def test_gradient_with_other_inputs_is_refused(kernel, samples):
    with pytest.raises(ValueError, match="only be evaluated when Y is None"):
        kernel(samples, samples, eval_gradient=True)


@every_kernel
def test_clone_pickle_and_equality(kernel, samples):
    for copy in (clone(kernel), pickle.loads(pickle.dumps(kernel))):
        assert copy == kernel
        assert copy is not kernel
        np.testing.assert_array_equal(copy.theta, kernel.theta)
    moved = kernel.clone_with_theta(kernel.theta + 0.1)
    assert moved != kernel
    np.testing.assert_allclose(moved.theta, kernel.theta + 0.1)
    assert kernel != 1
    assert not kernel.is_stationary()


def test_equality_of_bounds():
    first, second = (
        NNGPKernel(VECTORS, {"0__scales": np.array([[1e-2, upper]])}) for upper in (1, 2)
    )
    assert first != second
    assert first == clone(first)
    assert NNGPKernel(VECTORS) != NTKKernel(VECTORS)


def test_theta_leaves_the_users_network_alone():
    network = FullyConnected(1)
    kernel = NNGPKernel(network)
    kernel.theta = kernel.theta + 1
    assert network == FullyConnected(1)
    np.testing.assert_allclose(kernel.architecture.weight_std, np.e * network.weight_std)


def test_repr_shows_the_network():
    assert repr(NTKKernel(Dense(2.0))) == "NTKKernel(Dense(weight_std=2.0))"


def test_composition():
    composed = ConstantKernel(2.0) * NTKKernel(VECTORS) ** 2 + WhiteKernel(0.5)
    expected = 2.0 * NTKKernel(VECTORS)(X) ** 2 + 0.5 * np.eye(len(X))
    value, gradient = composed(X, eval_gradient=True)
    np.testing.assert_allclose(value, expected)
    assert gradient.shape[2] == composed.n_dims == NTKKernel(VECTORS).n_dims + 2
    np.testing.assert_allclose(composed.diag(X), np.diagonal(expected))
    names = [each.name for each in composed.hyperparameters]
    assert "k1__k2__kernel__architecture__0__scales" in names
    moved = composed.clone_with_theta(composed.theta + 0.1)
    np.testing.assert_allclose(moved.theta, composed.theta + 0.1)


def test_x_passed_twice_is_x_itself_only_where_equal_samples_are_alike():
    network = Serial([Dense(), Dropout(0.5), Dense()])
    kernel = NNGPKernel(network)
    assert (np.diagonal(kernel(X)) > 1.5 * np.diagonal(kernel(X, X))).all()


def test_gaussian_process_regressor_learns_the_network():
    kernel = NNGPKernel(FullyConnected(1, "erf"), {"bias_std": "fixed"}) + WhiteKernel(0.01)
    noisy = Y + 0.3 * np.random.default_rng(2).normal(size=len(Y))
    start = GaussianProcessRegressor(kernel, optimizer=None).fit(X, noisy)
    model = GaussianProcessRegressor(kernel).fit(X, noisy)
    assert model.log_marginal_likelihood_value_ > start.log_marginal_likelihood_value_ + 1
    assert model.kernel_.k1.architecture.weight_std != 1.5


def test_gaussian_process_regressor_is_the_nngp():
    network = FullyConnected(2)
    theirs = GaussianProcessRegressor(NNGPKernel(network), alpha=0.1, optimizer=None).fit(X, Y)
    ours = NNGPRegressor(network, alpha=0.1, alpha_scale="absolute", normalize_y=False).fit(X, Y)
    new = X + 0.1
    for their, our in zip(
        theirs.predict(new, return_std=True), ours.predict(new, return_std=True), strict=True
    ):
        np.testing.assert_allclose(their, our, rtol=1e-8)


def test_gaussian_process_classifier_learns_the_network():
    kernel = NTKKernel(FullyConnected(1), {"bias_std": "fixed"})
    model = GaussianProcessClassifier(kernel, max_iter_predict=20).fit(X, LABELS)
    assert model.kernel_.architecture.weight_std != 1.5
    assert model.kernel_.architecture.bias_std == 1.0
    assert model.score(X, LABELS) > 0.9


def test_gaussian_processes_learn_networks_of_images():
    bounds = {"0__weight_std": (0.1, 10), "0__bias_std": "fixed", "3__weight_std": "fixed"}
    kernel = NTKKernel(IMAGES, bounds, input_shape=SHAPE)
    regressor = GaussianProcessRegressor(kernel, alpha=0.1).fit(FLAT_IMAGES, Y)
    assert regressor.kernel_.architecture.layers[0].weight_std != 1.0
    classifier = GaussianProcessClassifier(kernel).fit(FLAT_IMAGES, LABELS)
    assert classifier.kernel_.architecture.layers[0].weight_std != 1.0
    assert classifier.score(FLAT_IMAGES, LABELS) > 0.9


@every_kernel
def test_svc_and_svr_call_the_kernel(kernel, samples):
    arranged = as_network_reads(kernel, samples)
    for inputs in (samples, arranged):
        called = SVC(kernel=kernel).fit(inputs, LABELS)
        precomputed = SVC(kernel="precomputed").fit(kernel(samples), LABELS)
        np.testing.assert_allclose(
            called.decision_function(inputs), precomputed.decision_function(kernel(samples))
        )
        called, precomputed = SVR(kernel=kernel), SVR(kernel="precomputed")
        np.testing.assert_allclose(
            called.fit(inputs, Y).predict(inputs),
            precomputed.fit(kernel(samples), Y).predict(kernel(samples)),
        )


@every_kernel
@pytest.mark.parametrize("estimator", [KernelRidge(alpha=0.1), KernelPCA(2)], ids=repr)
def test_pairwise_estimators_equal_precomputed_kernels(kernel, samples, estimator):
    called = clone(estimator).set_params(kernel=kernel).fit(samples, Y)
    precomputed = clone(estimator).set_params(kernel="precomputed").fit(kernel(samples), Y)
    if isinstance(estimator, KernelRidge):
        results = called.predict(samples), precomputed.predict(kernel(samples))
    else:
        results = called.eigenvalues_, precomputed.eigenvalues_
    np.testing.assert_allclose(*results, rtol=1e-8)


@every_kernel
def test_nystroem_of_all_samples_is_exact(kernel, samples):
    features = Nystroem(kernel, n_components=len(samples)).fit_transform(samples)
    np.testing.assert_allclose(features @ features.T, kernel(samples), atol=1e-8)


@every_kernel
def test_spectral_clustering(kernel, samples):
    options = {"n_clusters": 2, "random_state": 0, "assign_labels": "cluster_qr"}
    positive = kernel + 1.0  # an affinity is not negative
    called = SpectralClustering(affinity=positive, **options).fit_predict(samples)
    matrix = positive(samples)
    precomputed = SpectralClustering(affinity="precomputed", **options).fit_predict(matrix)
    np.testing.assert_array_equal(called, precomputed)


def test_grid_search_reaches_into_the_network():
    model = GaussianProcessRegressor(NNGPKernel(FullyConnected(1)), alpha=0.1, optimizer=None)
    search = GridSearchCV(model, {"kernel__architecture__depth": [1, 2]}, cv=2).fit(X, Y)
    assert search.best_estimator_.kernel_.architecture.depth in (1, 2)


def test_flat_rows_of_another_length():
    kernel = NTKKernel(ConvNet(1), input_shape=SHAPE)
    with pytest.raises(ValueError, match="32 numbers, but X has 2 columns"):
        kernel(X)
