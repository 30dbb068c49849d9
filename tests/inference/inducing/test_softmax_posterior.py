"""Logits through inducing points beside the exact posterior, and beside dense formulas."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skntk.inference import SoftmaxLaplacePosterior
from skntk.inference.inducing import softmax_curvature, softmax_mode
from skntk.inference.inducing.row_features import HeldFeatures, weighted_grams
from skntk.inference.inducing.softmax_curvature import (
    BlockCurvature,
    FullCurvature,
    curvature_product,
    curvature_weights,
)
from skntk.inference.inducing.softmax_posterior import SparseSoftmaxPosterior
from skntk.inference.inducing.whitening import Whitening
from tests.inference.inducing.problems import problem


def observed(data, n_classes, seed=0):
    """Return counts of classes, one-hot times weights, that depend on the targets."""
    edges = np.quantile(data.targets[:, 0], np.arange(1, n_classes) / n_classes)
    rng = np.random.default_rng(seed)
    labels = np.digitize(data.targets[:, 0] + 0.3 * rng.normal(size=len(data.targets)), edges)
    return np.eye(n_classes)[labels] * data.weight[:, np.newaxis]


def through_points(data, points, counts, noise, prior_mean=None, repetitions=None):
    whitening = Whitening.of(data.nngp[np.ix_(points, points)])
    features = HeldFeatures(whitening.features(data.nngp[:, points]))
    number = np.ones(len(counts)) if repetitions is None else repetitions
    return SparseSoftmaxPosterior.condition(whitening, features, counts, noise, prior_mean, number)


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("scale", [0.0, 0.3, 30.0])
def test_all_rows_as_points_give_the_exact_posterior(n_classes, scale):
    data = problem()
    counts, noise = observed(data, n_classes), scale / data.weight
    center = np.linspace(0.5, -1.0, n_classes)
    points = np.random.default_rng(1).permutation(len(counts))
    sparse = through_points(data, points, counts, noise, center, data.weight)
    exact = SoftmaxLaplacePosterior.condition(
        data.nngp, counts, noise, prior_mean=center, repetitions=data.weight
    )
    cross, diagonal = data.nngp_cross, np.diagonal(data.nngp_test)
    of_points = cross[:, points]
    assert_allclose(sparse.mean(of_points), exact.mean(cross), atol=1e-7)
    for method in ("covariance", "variance", "probabilities"):
        found = getattr(sparse, method)(of_points, diagonal)
        assert_allclose(found, getattr(exact, method)(cross, diagonal), atol=1e-7)
    assert_allclose(sparse.log_marginal_likelihood, exact.log_marginal_likelihood, rtol=1e-9)


def test_few_points_give_the_posterior_of_the_projected_kernel():
    data = problem()
    counts, points = observed(data, 3), np.arange(0, 60, 6)
    sparse = through_points(data, points, counts, np.full(60, 0.2))
    to_points = np.linalg.solve(data.nngp[np.ix_(points, points)], data.nngp[points])
    projected = data.nngp[:, points] @ to_points
    cross = data.nngp_cross[:, points] @ to_points
    exact = SoftmaxLaplacePosterior.condition(projected, counts, 0.2)
    of_points, diagonal = data.nngp_cross[:, points], np.diagonal(data.nngp_test)
    assert_allclose(sparse.mean(of_points), exact.mean(cross), atol=1e-8)
    assert_allclose(
        sparse.probabilities(of_points, diagonal), exact.probabilities(cross, diagonal), atol=1e-8
    )
    assert_allclose(sparse.log_marginal_likelihood, exact.log_marginal_likelihood, rtol=1e-9)


def test_the_mode_does_not_depend_on_how_equations_are_solved(monkeypatch):
    data = problem()
    counts, points, noise = observed(data, 4), np.arange(0, 60, 3), np.full(60, 0.1)
    exact = through_points(data, points, counts, noise)
    monkeypatch.setattr(softmax_curvature, "_LARGEST", 0)
    # A curvature is made anew where an old one takes more passes than this.
    for n_passes in (1, 1000):
        monkeypatch.setattr(softmax_mode, "_PASSES_OF_OLD_CURVATURE", n_passes)
        apart = through_points(data, points, counts, noise)
        assert isinstance(apart.curvature, BlockCurvature)
        assert_allclose(apart.dual_coef, exact.dual_coef, rtol=1e-6, atol=1e-6)


def test_classes_taken_apart_are_nearly_right(monkeypatch):
    data = problem()
    counts, points, noise = observed(data, 4), np.arange(0, 60, 3), np.full(60, 0.1)
    exact = through_points(data, points, counts, noise)
    monkeypatch.setattr(softmax_curvature, "_LARGEST", 0)
    apart = through_points(data, points, counts, noise)
    kernels = data.nngp_cross[:, points], np.diagonal(data.nngp_test)
    assert_allclose(apart.probabilities(*kernels), exact.probabilities(*kernels), atol=0.02)
    assert_allclose(apart.variance(*kernels), exact.variance(*kernels), rtol=0.1)
    assert_allclose(apart.log_marginal_likelihood, exact.log_marginal_likelihood, rtol=0.02)


@pytest.mark.parametrize("amount", [1e-6, 1e6])
def test_classes_taken_apart_are_right_for_equal_probabilities_of_rows(amount):
    rng = np.random.default_rng(0)
    features = HeldFeatures(np.asfortranarray(rng.normal(size=(5, 40))))
    weights = amount * rng.uniform(1, 2, (40, 1)) * np.array([0.7, 0.2, 0.1])
    full, apart = (cls.of(features, weights) for cls in (FullCurvature, BlockCurvature))
    test = rng.normal(size=(5, 3))
    scale = full.covariance(test).max()
    assert_allclose(apart.covariance(test), full.covariance(test), atol=1e-4 * scale)
    if amount > 1:
        assert_allclose(apart.log_determinant, full.log_determinant, rtol=1e-6)


def test_curvature_is_its_definition():
    rng = np.random.default_rng(0)
    m, n, n_classes = 4, 30, 3
    phi, noise = rng.normal(size=(m, n)), rng.uniform(0, 2, n)
    total = rng.uniform(1, 3, n)
    expected = rng.dirichlet(np.ones(n_classes), n) * total[:, np.newaxis]
    weights = curvature_weights(expected, noise)
    hessian = np.eye(m * n_classes)
    for i in range(n):
        likelihood = np.diag(expected[i]) - np.outer(expected[i], expected[i]) / total[i]
        of_row = likelihood @ np.linalg.inv(np.eye(n_classes) + noise[i] * likelihood)
        product = curvature_product(weights[i : i + 1], np.eye(n_classes)[:1])
        assert_allclose(product[0], of_row[0], atol=1e-12)
        hessian += np.kron(np.outer(phi[:, i], phi[:, i]), of_row)
    curvature = FullCurvature.of(HeldFeatures(np.asfortranarray(phi)), weights)
    values = rng.normal(size=(m, n_classes))
    solved = np.linalg.solve(hessian, values.ravel()).reshape(m, n_classes)
    assert_allclose(curvature.solve(values), solved, atol=1e-12)
    assert_allclose(curvature.log_determinant, np.linalg.slogdet(hessian)[1], rtol=1e-12)
    columns = np.kron(phi[:, :1], np.eye(n_classes))
    covariance = columns.T @ np.linalg.solve(hessian, columns)
    assert_allclose(curvature.covariance(phi[:, :2])[0], covariance, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("proportional", [False, True])
def test_sums_with_weights_of_either_sign(dtype, proportional):
    rng = np.random.default_rng(0)
    phi = np.asfortranarray(rng.normal(size=(4, 9000)), dtype=dtype)
    weights = rng.normal(size=(9000, 3))
    if proportional:
        weights = weights[:, :1] * np.array([1.0, -2.0, 0.5])
    grams = weighted_grams(HeldFeatures(phi), weights)
    for gram, weight in zip(grams, weights.T, strict=True):
        expected = np.tril((phi * weight) @ phi.T.astype(np.float64))
        assert_allclose(np.tril(gram), expected, atol=1e-8 if dtype == "float64" else 1e-2)
