"""What is held at the peak, in n x n matrices of float64 beyond those given by the caller."""

import sys
import tracemalloc

import numpy as np
import pytest

from skntk.inference import (
    EnsemblePosterior,
    GaussianProcessPosterior,
    GradientFlowPosterior,
    LossFlow,
    SoftmaxCrossEntropy,
)

N = 400
LITTLE = 0.2


def peak(work, size=N * N):
    """Return the memory that `work` needs at its peak, in arrays of `size` doubles."""
    tracemalloc.start()
    try:
        result = work()
        return tracemalloc.get_traced_memory()[1] / (8 * size), result
    finally:
        tracemalloc.stop()


def make_kernel(order="C"):
    root = np.random.default_rng(0).normal(size=(N, N))
    return np.array(root @ root.T / N, order=order)


def test_what_is_measured():
    matrices, _ = peak(lambda: [np.ones((N, N)), np.ones((N, N))])
    assert 1.9 < matrices < 2.1


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_gaussian_process_takes_the_memory_of_its_kernel(order):
    kernel = make_kernel(order)
    matrices, posterior = peak(
        lambda: GaussianProcessPosterior.condition(kernel, 0.1, np.ones(N), overwrite_kernel=True)
    )
    assert matrices < LITTLE
    assert np.shares_memory(posterior.system.factor, kernel)


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_gaussian_process_leaves_its_kernel_alone_by_default(order):
    kernel = make_kernel(order)
    before = kernel.copy()
    matrices, posterior = peak(lambda: GaussianProcessPosterior.condition(kernel, 0.1, np.ones(N)))
    assert matrices < 1 + LITTLE
    assert not np.shares_memory(posterior.system.factor, kernel)
    np.testing.assert_array_equal(kernel, before)


def test_a_read_only_kernel_is_copied():
    kernel = make_kernel()
    kernel.flags.writeable = False
    posterior = GaussianProcessPosterior.condition(kernel, 0.1, np.ones(N), overwrite_kernel=True)
    assert not np.shares_memory(posterior.system.factor, kernel)


def test_an_ensemble_takes_the_memory_of_its_ntk_and_keeps_its_nngp():
    ntk, nngp = make_kernel(), make_kernel()
    matrices, posterior = peak(
        lambda: EnsemblePosterior.condition(ntk, nngp, 0.1, np.ones(N), overwrite_ntk=True)
    )
    assert matrices < LITTLE
    assert np.shares_memory(posterior.system.factor, ntk)
    assert posterior.nngp is nngp


@pytest.mark.parametrize("order", ["C", "F"])
def test_gradient_flow_needs_one_matrix_for_the_eigenvectors(order):
    ntk, nngp = make_kernel(order), make_kernel(order)
    matrices, posterior = peak(
        lambda: GradientFlowPosterior.condition(
            ntk, nngp, 0.1, np.ones(N), training_time=1.0, overwrite_ntk=True
        )
    )
    assert matrices < 1 + LITTLE
    assert posterior.nngp is nngp


def test_gradient_flow_leaves_its_kernels_alone_by_default():
    ntk, nngp = make_kernel(), make_kernel()
    before = ntk.copy()
    matrices, _ = peak(
        lambda: GradientFlowPosterior.condition(ntk, nngp, 0.1, np.ones(N), training_time=1.0)
    )
    assert matrices < 2 + LITTLE
    np.testing.assert_array_equal(ntk, before)


def test_another_time_needs_no_matrix():
    run = GradientFlowPosterior.condition(
        make_kernel(), make_kernel(), 0.1, np.ones(N), training_time=1.0
    )
    matrices, _ = peak(lambda: run.at(2.0))
    assert matrices < LITTLE


@pytest.mark.parametrize("method", ["leave_one_out", "leave_one_out_mean"])
def test_leave_one_out_needs_one_matrix(method):
    targets = np.ones(N)
    process = GaussianProcessPosterior.condition(make_kernel(), 0.1, targets)
    ensemble = EnsemblePosterior.condition(make_kernel(), make_kernel(), 0.1, targets)
    matrices, _ = peak(lambda: getattr(process, method)(targets))
    assert matrices < 1 + LITTLE
    # The ensemble's variances go by blocks of 256 rows, which is much of this small matrix.
    matrices, _ = peak(lambda: getattr(ensemble, method)(targets))
    assert matrices < 1 + 256 / N + LITTLE


def test_variances_never_form_the_matrix_of_test_points():
    n_test, n_train = 5000, 10
    random = np.random.default_rng(0)
    cross = random.normal(size=(n_test, n_train))
    diagonal = np.full(n_test, 100.0)
    targets = np.ones(n_train)
    eye = np.eye(n_train)
    process = GaussianProcessPosterior.condition(eye, 0.1, targets)
    ensemble = EnsemblePosterior.condition(eye, eye, 0.1, targets)
    early = GradientFlowPosterior.condition(eye, eye, 0.1, targets, training_time=1.0)
    for variance in (
        lambda: process.variance(cross, diagonal),
        lambda: ensemble.variance(cross, cross, diagonal),
        lambda: early.variance(cross, cross, diagonal),
    ):
        cross_matrices, _ = peak(variance, size=n_test * n_train)
        assert cross_matrices < 5


def test_means_need_no_matrix_at_all():
    targets = np.ones(N)
    kernel = make_kernel()
    process = GaussianProcessPosterior.condition(kernel, 0.1, targets)
    matrices, _ = peak(lambda: process.mean(kernel))
    assert matrices < LITTLE


@pytest.mark.parametrize("n_classes", [2, 5])
def test_stiff_training_needs_a_matrix_for_each_class(n_classes, monkeypatch):
    integration = sys.modules["skntk.inference.losses.loss_integration"]
    monkeypatch.setattr(integration, "_EXPLICIT_STEPS", 1)
    kernel = make_kernel()
    loss = SoftmaxCrossEntropy(np.eye(n_classes)[np.arange(N) % n_classes])
    matrices, _ = peak(
        lambda: LossFlow.condition(kernel, 0.1, loss, training_time=300.0, overwrite_kernel=True)
    )
    # Of the eigenvectors, the kernel, each class, their sum, and two while one is factorized.
    assert n_classes + 3 < matrices < n_classes + 5 + LITTLE
