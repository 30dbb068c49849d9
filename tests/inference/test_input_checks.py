import numpy as np
import pytest

from skntk.inference import (
    EnsemblePosterior,
    GaussianProcessPosterior,
    GradientFlowPosterior,
    ReadoutFlowPosterior,
)

from .problems import make_problem

CONDITION = {
    "nngp": GaussianProcessPosterior.condition,
    "ntk": lambda kernel, noise, targets: EnsemblePosterior.condition(
        kernel, np.eye(12), noise, targets
    ),
    "gradient flow": lambda kernel, noise, targets: GradientFlowPosterior.condition(
        kernel, np.eye(12), noise, targets, training_time=1.0
    ),
    "readout flow": lambda kernel, noise, targets: ReadoutFlowPosterior.condition(
        kernel, noise, targets, training_time=1.0
    ),
}

everywhere = pytest.mark.parametrize("condition", CONDITION.values(), ids=CONDITION.keys())


@everywhere
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_kernel_that_is_not_finite_is_refused(condition, bad):
    problem = make_problem()
    kernel = problem.ntk
    kernel[3, 4] = bad
    with pytest.raises(ValueError, match=r"NaN or infinity: rescale the inputs .* `weight_std`"):
        condition(kernel, 0.1, problem.targets)


@everywhere
def test_targets_that_are_not_finite_are_refused(condition):
    problem = make_problem()
    targets = problem.targets.copy()
    targets[3] = np.nan
    with pytest.raises(ValueError, match="targets must be finite, without NaN"):
        condition(problem.ntk, 0.1, targets)


@everywhere
def test_targets_of_the_wrong_length_are_refused(condition):
    problem = make_problem()
    with pytest.raises(ValueError, match=r"targets must have shape \(12,\)"):
        condition(problem.ntk, 0.1, problem.targets[:-1])


@everywhere
def test_a_kernel_that_is_not_square_is_refused(condition):
    problem = make_problem()
    with pytest.raises(ValueError, match="must be a square matrix"):
        condition(problem.ntk[:5], 0.1, problem.targets)


@everywhere
@pytest.mark.parametrize("noise", [-0.1, np.nan, np.inf, [0.1] * 11 + [-1e-9]])
def test_noise_out_of_range_is_refused(condition, noise):
    problem = make_problem()
    with pytest.raises(ValueError, match="`noise` must be finite and nonnegative"):
        condition(problem.ntk, noise, problem.targets)


@everywhere
def test_noise_of_the_wrong_length_is_refused(condition):
    problem = make_problem()
    with pytest.raises(ValueError, match="`noise` must be a float or have shape"):
        condition(problem.ntk, np.ones(5), problem.targets)


def test_a_cross_kernel_that_is_not_finite_is_refused():
    problem = make_problem()
    posterior = GaussianProcessPosterior.condition(problem.nngp, 0.1, problem.targets)
    cross = problem.nngp_cross
    cross[0, 0] = np.inf
    with pytest.raises(ValueError, match="without NaN or infinity"):
        posterior.mean(cross)


def test_finite_entries_whose_sum_overflows_are_accepted():
    posterior = GaussianProcessPosterior.condition(np.diag([1e308, 1e308]), 0.0, [1.0, 2.0])
    np.testing.assert_allclose(posterior.mean(np.diag([1e308, 1e308])), [1.0, 2.0])
