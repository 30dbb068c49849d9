"""Kernels and targets of the smallest and largest units give the results of those of unit 1."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skntk.inference import (
    EnsemblePosterior,
    GaussianProcessPosterior,
    GradientFlowPosterior,
    PrecomputedKernel,
    ReadoutFlowPosterior,
)

from .problems import make_problem

UNITS = [1e-200, 1e200]


def in_unit(unit):
    """Return a problem's kernels, noise and what else is measured in the unit of the kernel."""
    problem = make_problem(n_outputs=3)
    names = ["ntk", "nngp", "noise", "ntk_cross", "nngp_cross", "nngp_test"]
    return problem.targets, {name: unit * getattr(problem, name) for name in names}


def gaussian_process(y, ntk, nngp, noise, ntk_cross, nngp_cross, nngp_test, time):
    posterior = GaussianProcessPosterior.condition(nngp, noise, y)
    return posterior, (nngp_cross,), nngp_test


def ensemble(y, ntk, nngp, noise, ntk_cross, nngp_cross, nngp_test, time):
    posterior = EnsemblePosterior.condition(ntk, nngp, noise, y)
    return posterior, (ntk_cross, nngp_cross), nngp_test


def gradient_flow(y, ntk, nngp, noise, ntk_cross, nngp_cross, nngp_test, time):
    posterior = GradientFlowPosterior.condition(ntk, nngp, noise, y, training_time=time)
    return posterior, (ntk_cross, nngp_cross), nngp_test


def readouts(y, ntk, nngp, noise, ntk_cross, nngp_cross, nngp_test, time):
    posterior = ReadoutFlowPosterior.condition(nngp, noise, y, training_time=time)
    return posterior, (nngp_cross,), nngp_test


def moments(posterior, crosses, test):
    """Return the mean, and variances that are measured in the unit of the kernel."""
    mean, variance = posterior.mean(crosses[0]), posterior.variance(*crosses, np.diagonal(test))
    found = {"mean": mean, "variance": variance, "covariance": posterior.covariance(*crosses, test)}
    if hasattr(posterior, "over"):
        trajectory = posterior.over([posterior.training_time])
        found["variances"] = trajectory.variance(*crosses, np.diagonal(test))
    return found


@pytest.mark.parametrize("infer", [gaussian_process, ensemble, gradient_flow, readouts])
@pytest.mark.parametrize("unit", UNITS)
def test_units_of_the_kernel(infer, unit):
    y, plain = in_unit(1.0)
    expected = moments(*infer(y, **plain, time=20.0))
    found = moments(*infer(y, **in_unit(unit)[1], time=20.0 / unit))
    for name, values in expected.items():
        ours = found[name] if name == "mean" else found[name] / unit
        assert_allclose(ours, values, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("infer", [gaussian_process, ensemble])
@pytest.mark.parametrize("unit", UNITS)
def test_what_is_left_out(infer, unit):
    y, plain = in_unit(1.0)
    mean, variance = infer(y, **plain, time=None)[0].leave_one_out(y)
    found = infer(y, **in_unit(unit)[1], time=None)[0].leave_one_out(y)
    assert_allclose(found[0], mean, rtol=1e-10)
    assert_allclose(found[1] / unit, variance, rtol=1e-10)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("is_decomposed", [False, True])
def test_what_rows_of_a_shared_kernel_leave_out(unit, is_decomposed):
    train, level = np.arange(9), 0.3

    def left_out(unit):
        y, kernels = in_unit(unit)
        shared = PrecomputedKernel.of(kernels["ntk"], lambda: kernels["nngp"])
        way = shared.decompose(np.arange(12), np.ones(12)) if is_decomposed else None
        model = shared.condition(train, np.full(9, unit * level), y[:9], way)
        return model.leave_one_out(y[:9])

    (mean, variance), found = left_out(1.0), left_out(unit)
    assert_allclose(found[0], mean, rtol=1e-10)
    assert_allclose(found[1] / unit, variance, rtol=1e-10)


@pytest.mark.parametrize("infer", [gaussian_process, ensemble, gradient_flow, readouts])
@pytest.mark.parametrize("unit", UNITS)
def test_units_of_the_targets(infer, unit):
    y, plain = in_unit(1.0)
    expected = moments(*infer(y, **plain, time=20.0))
    found = moments(*infer(unit * y, **plain, time=20.0))
    assert_allclose(found.pop("mean") / unit, expected.pop("mean"), rtol=1e-12)
    for name, values in expected.items():
        assert_allclose(found[name], values, rtol=1e-14)
