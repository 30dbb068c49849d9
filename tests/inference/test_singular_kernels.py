"""Kernels that cannot be inverted are refused, and the message says why and what to do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from skntk.inference import EnsemblePosterior, GaussianProcessPosterior, SingularKernelError

from .problems import make_problem, nngp_kernel


def linear_kernel(X):
    return X @ X.T


def condition(kernel, noise=0.0):
    return GaussianProcessPosterior.condition(kernel, noise, np.ones(len(kernel)))


@pytest.mark.parametrize("n", [2, 12, 100])
@pytest.mark.parametrize("seed", range(5))
def test_duplicate_rows_without_noise_are_named(n, seed):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, 20)) / 4
    first, second = sorted(random.choice(n, size=2, replace=False))
    X[second] = X[first]
    with pytest.raises(SingularKernelError, match=f"samples {first} and {second} .*duplicate rows"):
        condition(nngp_kernel(X, X))


def test_duplicate_rows_are_found_in_the_ntk_of_an_ensemble():
    problem = make_problem()
    ntk = problem.ntk
    ntk[3], ntk[:, 3] = ntk[7], ntk[:, 7]
    ntk[3, 3] = ntk[7, 7]
    with pytest.raises(SingularKernelError, match=r"samples 3 and 7 .* Increase `alpha`"):
        EnsemblePosterior.condition(ntk, problem.nngp, 0.0, problem.targets)


def test_multiples_of_a_row_are_named():
    X = np.random.default_rng(0).normal(size=(4, 6))
    X[2] = 3.0 * X[1]
    with pytest.raises(SingularKernelError, match="samples 1 and 2 are perfectly correlated"):
        condition(linear_kernel(X))


def test_more_rows_than_the_kernel_has_dimensions():
    X = np.random.default_rng(0).normal(size=(8, 3))
    with pytest.raises(SingularKernelError, match=r"noise .* too small .* Increase `alpha`"):
        condition(linear_kernel(X))


def test_a_zero_row_without_noise():
    X = np.random.default_rng(0).normal(size=(4, 6))
    X[2] = 0.0
    with pytest.raises(SingularKernelError, match=r"sample 2 has variance 0 .* Increase `alpha`"):
        condition(linear_kernel(X))


def test_the_error_is_a_linalg_error_and_a_value_error():
    assert issubclass(SingularKernelError, np.linalg.LinAlgError)
    assert issubclass(SingularKernelError, ValueError)


def test_a_refused_kernel_is_left_as_it_was():
    kernel = np.ones((3, 3))
    with pytest.raises(SingularKernelError):
        condition(kernel)
    assert (kernel == 1.0).all()


def test_noise_makes_duplicate_rows_harmless():
    posterior = condition(np.ones((2, 2)), noise=0.5)
    assert_allclose(posterior.mean(np.ones((1, 2))), [2 / 2.5])


def test_noise_on_one_of_two_equal_rows_is_enough():
    posterior = GaussianProcessPosterior.condition(np.ones((2, 2)), [0.0, 1.0], [3.0, 8.0])
    assert_allclose(posterior.mean(np.ones((1, 2))), [3.0])


def test_a_zero_row_with_tiny_noise_beside_huge_rows_is_accepted():
    kernel = np.diag([1e16, 0.0, 1e-16])
    posterior = GaussianProcessPosterior.condition(kernel, 1e-10, np.ones(3))
    assert_allclose(posterior.mean(kernel[:1]), [1.0])


@settings(deadline=None)  # other work on the machine must not fail it
@given(st.lists(st.floats(1e-8, 1e8), min_size=12, max_size=12))
def test_the_scale_of_single_rows_does_not_make_a_kernel_singular(scales):
    problem = make_problem()
    scale = np.array(scales)
    kernel = scale[:, np.newaxis] * (problem.nngp + np.diag(problem.noise)) * scale
    posterior = GaussianProcessPosterior.condition(kernel, 0.0, scale * problem.targets)
    unscaled = GaussianProcessPosterior.condition(problem.nngp, problem.noise, problem.targets)
    assert_allclose(scale * posterior.dual_coef, unscaled.dual_coef, rtol=1e-8, atol=1e-10)
