"""What all posteriors answer alike, and what they refuse."""

import inspect

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skntk.inference import (
    EnsemblePosterior,
    GaussianProcessPosterior,
    GradientFlow,
    GradientFlowPosterior,
    LossFlow,
    Posterior,
    ReadoutFlowPosterior,
    SoftmaxCrossEntropy,
    SoftmaxLaplacePosterior,
    TrainingRun,
)

N, M = 6, 4
TARGETS = np.eye(2)[np.arange(N) % 2]
KERNEL = np.eye(N) + 0.5
CROSS, DIAGONAL = np.full((M, N), 0.5), np.full(M, 1.5)
ALL = {
    "process": lambda: GaussianProcessPosterior.condition(KERNEL, 0.1, TARGETS),
    "ensemble": lambda: EnsemblePosterior.condition(KERNEL, KERNEL, 0.1, TARGETS),
    "flow": lambda: GradientFlowPosterior.condition(
        KERNEL, KERNEL, 0.1, TARGETS, training_time=2.0
    ),
    "readout": lambda: ReadoutFlowPosterior.condition(KERNEL, 0.1, TARGETS, training_time=2.0),
    "loss": lambda: LossFlow.condition(
        KERNEL, 0.1, SoftmaxCrossEntropy(TARGETS), training_time=2.0
    ),
    "softmax": lambda: SoftmaxLaplacePosterior.condition(KERNEL, TARGETS),
}
RUNS = ("flow", "readout", "loss")


def members(protocol):
    return [name for name in dir(protocol) if not name.startswith("_")]


def crosses(name):
    return (CROSS, CROSS) if name in ("ensemble", "flow") else (CROSS,)


@pytest.fixture(params=ALL)
def named(request):
    return request.param, ALL[request.param]()


def test_every_posterior_satisfies_the_protocol(named):
    name, posterior = named
    for member in members(TrainingRun if name in RUNS else Posterior):
        assert hasattr(posterior, member)
    assert posterior.dual_coef.shape == TARGETS.shape
    assert posterior.mean(CROSS).shape == (M, 2)
    for method in ("leave_one_out", "leave_one_out_mean", "largest_curvature", "training_run"):
        expected = list(inspect.signature(getattr(Posterior, method)).parameters)
        found = list(inspect.signature(getattr(type(posterior), method)).parameters)
        assert found == expected


def test_variances_are_answered_or_refused(named):
    name, posterior = named
    if name == "loss":
        with pytest.raises(ValueError, match="the spread has no closed form"):
            posterior.variance(*crosses(name), DIAGONAL)
        with pytest.raises(ValueError, match="the spread has no closed form"):
            posterior.over([1.0]).covariances(*crosses(name), np.eye(M))
    else:
        assert len(posterior.variance(*crosses(name), DIAGONAL)) == M


def test_leave_one_out_is_answered_or_refused(named):
    name, posterior = named
    refusals = {
        "flow": "was trained until training_time=2: set",
        "readout": "was trained until training_time=2: set",
        "loss": 'was trained with loss="log_loss": use',
        "softmax": 'was fitted with likelihood="softmax": use',
    }
    for method in (posterior.leave_one_out, posterior.leave_one_out_mean):
        if name in refusals:
            with pytest.raises(ValueError, match=refusals[name]):
                method(TARGETS)
        else:
            method(TARGETS)


def test_training_is_found_or_refused(named):
    name, posterior = named
    method, weight = GradientFlow(1.0), np.ones(N)
    if name == "softmax":
        with pytest.raises(ValueError, match="neither times nor rates of training"):
            posterior.training_run(TARGETS, method, weight)
        with pytest.raises(ValueError, match="neither times nor rates of training"):
            posterior.largest_curvature(weight)
        return
    assert posterior.largest_curvature(weight) > 0
    run = posterior.training_run(TARGETS, method, weight)
    assert (run is posterior) == (name in RUNS)
    times = [0.0, 1.5, 3.0]
    means = run.over(times).mean(CROSS)
    for mean, time, stage in zip(means, times, run.stages(times), strict=True):
        assert stage.training_time == time
        assert_allclose(stage.mean(CROSS), mean, rtol=1e-9, atol=1e-12)
        assert_allclose(run.at(time).mean(CROSS), mean, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("centered", [False, True])
def test_a_run_holds_out_folds(centered):
    from skntk.inference import Fold, centered_held_out_gradient_flow, held_out_gradient_flow

    folds = [(np.arange(3), np.arange(3, N)), (np.arange(3, N), np.arange(3))]
    weight, times = np.linspace(1.0, 2.0, N), [0.0, 2.0]
    posterior = ALL["ensemble"]()
    run = posterior.training_run(TARGETS, GradientFlow(0.3), weight)
    hold_out = centered_held_out_gradient_flow if centered else held_out_gradient_flow
    expected = hold_out(
        KERNEL,
        0.1 * weight,
        TARGETS,
        folds,
        training_times=times,
        learning_rate=0.3,
        sample_weight=weight,
    )
    folds = [Fold(train, weight[train], test) for train, test in reversed(folds)]
    found = run.held_out(TARGETS, folds, times, centered=centered)
    assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    with pytest.raises(ValueError, match="only for squared error"):
        ALL["loss"]().held_out(TARGETS, folds, times)
