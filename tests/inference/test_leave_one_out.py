import numpy as np
import pytest
from numpy.testing import assert_allclose

from skntk.inference import EnsemblePosterior, GaussianProcessPosterior, centered_leave_one_out

from .problems import make_problem


def process(problem, targets):
    return GaussianProcessPosterior.condition(problem.nngp, problem.noise, targets)


def process_prediction(problem, targets):
    return process(problem, targets).mean(problem.nngp_cross)


def ensemble(problem, targets):
    return EnsemblePosterior.condition(problem.ntk, problem.nngp, problem.noise, targets)


def ensemble_prediction(problem, targets):
    return ensemble(problem, targets).mean(problem.ntk_cross)


MODELS = [
    pytest.param(process, process_prediction, id="nngp"),
    pytest.param(ensemble, ensemble_prediction, id="ntk"),
]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("condition", "predict"), MODELS)
def test_centered_leave_one_out_is_n_refits_that_center_anew(problem, condition, predict, weighted):
    n = len(problem.targets)
    weight = np.random.default_rng(0).uniform(0.5, 2.0, size=n) if weighted else None
    targets = problem.targets + 10.0
    left_out = centered_leave_one_out(condition(problem, targets), targets, weight)
    assert left_out.shape == targets.shape
    for sample in range(n):
        rest = problem.without(sample)
        others = np.delete(targets, sample, axis=0)
        others_weight = None if weight is None else np.delete(weight, sample)
        center = np.average(others, axis=0, weights=others_weight)
        assert_allclose(left_out[sample], center + predict(rest, others - center)[0], rtol=1e-9)


@pytest.mark.parametrize(("condition", "predict"), MODELS)
def test_shifted_targets_shift_the_predictions(problem, condition, predict):
    posterior = condition(problem, problem.targets)
    assert_allclose(
        centered_leave_one_out(posterior, problem.targets + 7.0),
        centered_leave_one_out(posterior, problem.targets) + 7.0,
        rtol=1e-12,
    )


@pytest.mark.parametrize("weight", [[1.0, 0.0], [0.0, 0.0]])
def test_leaving_out_the_only_sample_is_refused(weight):
    problem = make_problem(n_train=2)
    with pytest.raises(ValueError, match="at least two samples of positive weight"):
        centered_leave_one_out(process(problem, problem.targets), problem.targets, weight)
