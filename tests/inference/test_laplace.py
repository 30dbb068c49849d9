import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import block_diag
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF, ConstantKernel

from skntk.inference import SoftmaxLaplacePosterior, average_softmax
from skntk.inference.posteriors.softmax_average import average_logistic

N_CLASSES = 3


def rbf(X, Y, variance=4.0):
    return variance * RBF(1.0)(X, Y)


@pytest.fixture
def rows():
    random = np.random.default_rng(0)
    return random.normal(size=(25, 2)), random.normal(size=(4, 2))


@pytest.fixture
def counts(rows):
    angle = np.arctan2(*rows[0].T) + np.random.default_rng(1).normal(scale=0.5, size=25)
    labels = (N_CLASSES * (angle / (2 * np.pi) % 1)).astype(int)
    return np.eye(N_CLASSES)[labels]


def log_joint(latent, kernel, counts, prior_mean=0.0):
    """Return log p(y | f) + log p(f) without its normalization; latent is (n, classes)."""
    centered = latent - prior_mean
    penalty = np.vdot(centered, np.linalg.solve(kernel, centered))
    return np.vdot(counts, log_softmax(latent, axis=1)) - 0.5 * penalty


def dense_curvature(counts, latent):
    """Return W of the latent values stacked class by class, from its definition."""
    total, probabilities = counts.sum(axis=1), softmax(latent, axis=1)
    stacked = np.vstack([np.diag(column) for column in probabilities.T])
    diagonal = np.diag((total[:, np.newaxis] * probabilities).T.ravel())
    return diagonal - stacked @ np.diag(total) @ stacked.T


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_mode_is_that_of_a_direct_optimizer(rows, counts, scale):
    kernel = scale * (rbf(rows[0], rows[0]) + 0.1 * np.eye(25))
    prior_mean = np.array([0.5, 0.0, -1.0])
    posterior = SoftmaxLaplacePosterior.condition(kernel, counts, prior_mean=prior_mean)
    latent = posterior.mean(kernel)
    expected = counts.sum(axis=1, keepdims=True) * softmax(latent, axis=1)
    # The log posterior is concave: where its gradient vanishes is its only maximum.
    assert_allclose(posterior.dual_coef, counts - expected, atol=1e-9)
    if scale == 1.0:
        root = np.linalg.cholesky(kernel)

        def loss(whitened):
            f = prior_mean + root @ whitened.reshape(counts.shape)
            gradient = root.T @ (softmax(f, axis=1) - counts) + whitened.reshape(counts.shape)
            penalty = 0.5 * whitened @ whitened
            return penalty - np.vdot(counts, log_softmax(f, axis=1)), gradient.ravel()

        found = minimize(loss, np.zeros(counts.size), jac=True, method="BFGS", tol=1e-9)
        direct = prior_mean + root @ found.x.reshape(counts.shape)
        assert_allclose(latent, direct, atol=1e-6)


def test_log_marginal_likelihood_and_covariance_are_their_definitions(rows, counts):
    X, X_test = rows
    noise = np.linspace(0.0, 0.5, len(X))
    weights = np.linspace(0.5, 3.0, len(X))[:, np.newaxis]
    posterior = SoftmaxLaplacePosterior.condition(rbf(X, X), weights * counts, noise)
    kernel = rbf(X, X) + np.diag(noise)
    latent = kernel @ posterior.dual_coef
    curvature = dense_curvature(weights * counts, latent)
    prior = block_diag(*[kernel] * N_CLASSES)
    _, log_determinant = np.linalg.slogdet(np.eye(len(prior)) + prior @ curvature)
    log_posterior = np.vdot(weights * counts, log_softmax(latent, axis=1))
    log_posterior -= 0.5 * np.vdot(latent, posterior.dual_coef)
    assert posterior.log_marginal_likelihood == pytest.approx(
        log_posterior - 0.5 * log_determinant, rel=1e-11
    )
    cross = rbf(X_test, X)
    explained = np.linalg.solve(np.eye(len(prior)) + curvature @ prior, curvature)
    covariance = posterior.covariance(cross, np.full(4, 4.0))
    for test in range(4):
        across = block_diag(*[cross[[test]]] * N_CLASSES)
        expected = 4.0 * np.eye(N_CLASSES) - across @ explained @ across.T
        assert_allclose(covariance[test], expected, atol=1e-11)
    assert_allclose(
        posterior.variance(cross, np.full(4, 4.0)), np.einsum("jcc->jc", covariance), atol=1e-12
    )


def test_two_classes_are_the_logistic_model_with_twice_the_kernel(rows):
    X, X_test = rows
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    peer = GaussianProcessClassifier(
        ConstantKernel(8.0) * RBF(1.0), optimizer=None, max_iter_predict=1000
    ).fit(X, y)
    posterior = SoftmaxLaplacePosterior.condition(rbf(X, X), np.eye(2)[y])
    assert posterior.log_marginal_likelihood == pytest.approx(
        peer.log_marginal_likelihood_value_, rel=1e-8
    )
    mean, variance = peer.latent_mean_and_variance(X_test)
    cross, diagonal = rbf(X_test, X), np.full(4, 4.0)
    assert_allclose(posterior.mean(cross) @ [-1, 1], mean, rtol=1e-5)
    difference = np.einsum("c,jcd,d->j", [-1, 1], posterior.covariance(cross, diagonal), [-1, 1])
    assert_allclose(difference, variance, rtol=1e-4)
    probabilities = posterior.probabilities(cross, diagonal)
    # scikit-learn approximates the integral that is exact here by five error functions.
    assert_allclose(probabilities, peer.predict_proba(X_test), atol=2e-4)


def test_counts_are_repeated_observations(rows, counts):
    X, X_test = rows
    other = np.roll(counts, 1, axis=1)
    both = SoftmaxLaplacePosterior.condition(rbf(X, X), 2 * counts + other)
    repeated = np.vstack([X, X, X])
    apart = SoftmaxLaplacePosterior.condition(
        rbf(repeated, repeated), np.vstack([counts, counts, other])
    )
    assert both.log_marginal_likelihood == pytest.approx(apart.log_marginal_likelihood, rel=1e-10)
    diagonal = np.full(4, 4.0)
    assert_allclose(
        both.probabilities(rbf(X_test, X), diagonal),
        apart.probabilities(rbf(X_test, repeated), diagonal),
        atol=1e-9,
    )


def test_order_of_classes_moves_probabilities_by_the_error_of_the_average_alone(rows, counts):
    X, X_test = rows
    order = [2, 0, 1]
    diagonal = np.full(4, 4.0)
    straight = SoftmaxLaplacePosterior.condition(rbf(X, X), counts)
    permuted = SoftmaxLaplacePosterior.condition(rbf(X, X), counts[:, order])
    cross = rbf(X_test, X)
    assert_allclose(permuted.mean(cross), straight.mean(cross)[:, order], atol=1e-10)
    assert_allclose(
        permuted.probabilities(cross, diagonal),
        straight.probabilities(cross, diagonal)[:, order],
        atol=1e-3,
    )


def test_too_few_steps_are_an_error(rows, counts):
    with pytest.raises(RuntimeError, match=r"not found in 1 Newton steps.*weight_std"):
        SoftmaxLaplacePosterior.condition(rbf(*rows[:1], rows[0]), counts, max_iter=1)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"counts": np.ones((3, 1))}, r"shape \(3, classes\).*two classes.*\(3, 1\)"),
        ({"counts": np.ones((4, 2))}, r"shape \(3, classes\)"),
        ({"counts": np.array([[1, 0], [0, 1], [0, 0]])}, "without any"),
        ({"counts": np.array([[1, 0], [0, 1], [2, -1]])}, "nonnegative"),
        ({"counts": np.array([[1, 0], [0, 1], [np.nan, 1]])}, "The counts must be finite"),
        ({"noise": -1.0}, "`noise` must be finite and nonnegative"),
        ({"prior_mean": [0.0]}, r"`prior_mean` must have shape \(2,\)"),
        ({"prior_mean": [0.0, np.inf]}, "The prior mean must be finite"),
        ({"kernel": np.ones((2, 3))}, "square"),
        ({"kernel": -9 * np.eye(3)}, "singular to working precision"),
    ],
)
def test_bad_input_is_named(changed, message):
    valid = {"kernel": np.eye(3), "counts": np.array([[1, 0], [0, 1], [0, 1]])}
    with pytest.raises(ValueError, match=message):
        SoftmaxLaplacePosterior.condition(**{**valid, **changed})


@pytest.mark.parametrize("std", [0.0, 1e-3, 1.0, 2.0, np.nextafter(2.0, 3), 30.0, 1e4])
@pytest.mark.parametrize("mean", [0.0, -3.0, 25.0])
def test_average_of_the_logistic_function_is_exact(mean, std):
    points = np.linspace(-12.0, 12.0, 2_000_001)
    density = np.exp(-0.5 * points**2)
    reference = np.average(expit(mean + std * points), weights=density)
    found = average_logistic(np.array([mean]), np.array([std]))[0]
    assert found == pytest.approx(reference, rel=1e-9, abs=1e-15)


def test_average_of_the_softmax_is_that_of_draws():
    random = np.random.default_rng(0)
    root = random.normal(size=(4, 4))
    mean, covariance = random.normal(size=4), root @ root.T
    draws = random.multivariate_normal(mean, covariance, size=400_000)
    expected = softmax(draws, axis=1).mean(axis=0)
    found = average_softmax(mean[np.newaxis], covariance[np.newaxis])[0]
    assert_allclose(found, expected, atol=2e-3)
    assert_allclose(found.sum(), 1.0, rtol=1e-12)


def test_average_of_the_softmax_of_three_classes_is_that_of_two_where_one_is_impossible():
    mean, variance = np.array([[0.3, -0.8, -200.0]]), np.diag([2.0, 3.0, 0.0])[np.newaxis]
    three = average_softmax(mean, variance)
    two = average_softmax(mean[:, :2], variance[:, :2, :2])
    assert_allclose(three[:, :2], two, atol=1e-3)


def test_averages_are_the_same_every_time_and_in_blocks():
    random = np.random.default_rng(0)
    mean = random.normal(size=(50, 100))
    covariance = np.broadcast_to(np.eye(100), (50, 100, 100))
    together = average_softmax(mean, covariance)
    assert_array_equal(together, average_softmax(mean, covariance))
    assert_allclose(together[[7]], average_softmax(mean[[7]], covariance[[7]]), rtol=1e-12)


def test_shapes_of_an_average_are_checked():
    with pytest.raises(ValueError, match=r"got \(2, 3\) and \(2, 3\)"):
        average_softmax(np.zeros((2, 3)), np.zeros((2, 3)))


def test_repetitions_are_observations_with_noise_of_their_own(rows, counts):
    X, X_test = rows
    number = 1 + np.arange(25) % 3
    repeated = np.repeat(np.arange(25), number)
    noise = np.linspace(0.1, 3.0, 25)
    prior_mean = np.array([0.5, 0.0, -1.0])
    of_rows = SoftmaxLaplacePosterior.condition(
        rbf(X, X),
        number[:, np.newaxis] * counts,
        noise / number,
        prior_mean=prior_mean,
        repetitions=number,
    )
    of_observations = SoftmaxLaplacePosterior.condition(
        rbf(X[repeated], X[repeated]), counts[repeated], noise[repeated], prior_mean=prior_mean
    )
    assert of_rows.log_marginal_likelihood == pytest.approx(
        of_observations.log_marginal_likelihood, rel=1e-11
    )
    diagonal = np.full(4, 4.0)
    found = of_rows.mean(rbf(X_test, X)), of_rows.covariance(rbf(X_test, X), diagonal)
    cross = rbf(X_test, X[repeated])
    expected = of_observations.mean(cross), of_observations.covariance(cross, diagonal)
    for value, other in zip(found, expected, strict=True):
        assert_allclose(value, other, atol=1e-10)


def test_the_mode_is_found_from_anywhere_and_sooner_from_near_it(rows, counts):
    kernel = rbf(rows[0], rows[0])
    posterior = SoftmaxLaplacePosterior.condition(kernel, counts, 0.1)
    near = SoftmaxLaplacePosterior.condition(kernel, counts, 0.11, start=posterior.dual_coef)
    expected = SoftmaxLaplacePosterior.condition(kernel, counts, 0.11)
    rough = SoftmaxLaplacePosterior.condition(kernel, counts, 0.11, tolerance=1e-2)
    assert near.n_iter < expected.n_iter > rough.n_iter
    assert_allclose(near.dual_coef, expected.dual_coef, atol=1e-9)
    assert abs(rough.log_marginal_likelihood - expected.log_marginal_likelihood) < 1e-2
    far = SoftmaxLaplacePosterior.condition(kernel, counts, 0.11, start=100 * np.ones((25, 3)))
    assert_allclose(far.dual_coef, expected.dual_coef, atol=1e-9)
    with pytest.raises(ValueError, match="`start` must have the shape of the counts"):
        SoftmaxLaplacePosterior.condition(kernel, counts, start=np.zeros(25))
