import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.model_selection import KFold, ShuffleSplit

from skntk.inference import (
    Fold,
    GradientFlowPosterior,
    ReadoutFlowPosterior,
    centered_held_out_gradient_flow,
    held_out_gradient_flow,
)

from .problems import Problem, make_problem, ntk_kernel

WEIGHT = np.random.default_rng(3).uniform(0.5, 2.0, size=12)


def fold_of(problem, train, test):
    return Problem(
        X=problem.X[train],
        X_test=problem.X[test],
        noise=problem.noise[train],
        targets=problem.targets[train],
    )


def refit(problem, targets, weight):
    posterior = GradientFlowPosterior.condition(
        problem.ntk,
        problem.nngp,
        problem.noise,
        targets,
        training_time=3.0,
        learning_rate=0.5,
        sample_weight=weight,
    )
    return posterior.mean(problem.ntk_cross)


@pytest.mark.parametrize("n_splits", [3, 12])
def test_each_fold_is_a_refit(problem, n_splits):
    folds = list(KFold(n_splits, shuffle=True, random_state=0).split(problem.X))
    held_out = held_out_gradient_flow(
        problem.ntk,
        problem.noise,
        problem.targets,
        folds,
        training_times=[3.0],
        learning_rate=0.5,
        sample_weight=WEIGHT,
    )
    assert held_out.shape == (1, *problem.targets.shape)
    for train, test in folds:
        part = fold_of(problem, train, test)
        assert_allclose(held_out[0, test], refit(part, part.targets, WEIGHT[train]), rtol=1e-10)


def test_each_centered_fold_is_a_refit_that_centers_anew(problem):
    folds = list(KFold(4).split(problem.X))
    held_out = centered_held_out_gradient_flow(
        problem.ntk,
        problem.noise,
        problem.targets + 5.0,
        iter(folds),
        training_times=[3.0],
        learning_rate=0.5,
        sample_weight=WEIGHT,
    )
    assert held_out.shape == (1, *problem.targets.shape)
    for train, test in folds:
        part = fold_of(problem, train, test)
        center = np.average(part.targets + 5.0, axis=0, weights=WEIGHT[train])
        expected = center + refit(part, part.targets + 5.0 - center, WEIGHT[train])
        assert_allclose(held_out[0, test], expected, rtol=1e-9)


def test_the_kernel_is_left_as_it_was():
    problem = make_problem()
    kernel = problem.ntk
    folds = list(KFold(3).split(problem.X))
    held_out_gradient_flow(kernel, problem.noise, problem.targets, folds, training_times=[1.0])
    assert_allclose(kernel, ntk_kernel(problem.X, problem.X), rtol=0, atol=0)


def test_folds_that_leave_samples_out_are_refused():
    problem = make_problem()
    folds = ShuffleSplit(2, random_state=0).split(problem.X)
    with pytest.raises(ValueError, match="hold out each sample exactly once"):
        held_out_gradient_flow(
            problem.ntk, problem.noise, problem.targets, folds, training_times=[1.0]
        )


def test_folds_that_train_on_what_they_hold_out_are_refused():
    problem = make_problem()
    everything = np.arange(12)
    with pytest.raises(ValueError, match="make them disjoint"):
        held_out_gradient_flow(
            problem.ntk,
            problem.noise,
            problem.targets,
            [(everything, everything)],
            training_times=[1.0],
        )


@pytest.mark.parametrize("centered", [False, True])
@pytest.mark.parametrize("run_type", ["ntk", "readout"])
def test_folds_may_hold_out_some_observations_of_a_sample(problem, run_type, centered):
    counts, times = np.array([1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4]), [0.0, 3.0]
    repeated = problem.repeated(counts)
    sample = np.repeat(np.arange(12), counts)
    pairs = list(KFold(3, shuffle=True, random_state=0).split(sample))
    folds = []
    for train, test in pairs:
        number = np.bincount(sample[train], minlength=12)
        folds.append(Fold(np.flatnonzero(number), number[number > 0], np.unique(sample[test])))
    options = {"learning_rate": 0.5, "training_method": "gradient_flow"}
    if run_type == "ntk":
        run = GradientFlowPosterior.condition(
            problem.ntk,
            problem.nngp,
            problem.noise,
            problem.targets,
            training_time=1.0,
            sample_weight=counts,
            **options,
        )
        kernel = repeated.ntk
    else:
        run = ReadoutFlowPosterior.condition(
            problem.nngp,
            problem.noise,
            problem.targets,
            training_time=1.0,
            sample_weight=counts,
            **options,
        )
        kernel = repeated.nngp
    found = run.held_out(problem.targets, folds, times, centered=centered)
    hold_out = centered_held_out_gradient_flow if centered else held_out_gradient_flow
    expected = hold_out(
        kernel, repeated.noise, repeated.targets, pairs, training_times=times, **options
    )
    start = 0
    for (_, test), fold in zip(pairs, folds, strict=True):
        of_fold = found[:, start : start + len(fold.test)]
        assert_allclose(
            of_fold[:, np.searchsorted(fold.test, sample[test])], expected[:, test], atol=1e-9
        )
        start += len(fold.test)
    assert start == found.shape[1]
