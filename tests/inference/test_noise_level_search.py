"""The search for the level of noise: maxima, plateaus, parts of many samples, singular kernels."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skntk import gram_matrix
from skntk.architecture import FullyConnected
from skntk.inference import SingularKernelError
from skntk.inference.linalg.cholesky import CholeskySolver
from skntk.inference.linalg.solver import DenseOperator
from skntk.inference.noise_level.leave_one_out import (
    EnsembleVariance,
    LeaveOneOutDensity,
    LeaveOneOutError,
    ProcessVariance,
)
from skntk.inference.noise_level.likelihood import ProfiledLikelihood
from skntk.inference.noise_level.problem import Evaluation, NoiseProblem
from skntk.inference.noise_level.search import best_level, evenly_spaced, find_noise_level

from .problems import UNIT, evaluate, nngp_kernel, noise_problem, ntk_kernel, smooth_problem


def log_prior(levels, center=1e-2):
    """Return the log density of two decades around a center, up to a constant."""
    return -0.5 * np.square(np.log10(levels / center) / 2)


def peaks(*positions_and_heights, width=1.0):
    """Return scores with maxima at some levels."""

    def scores(levels):
        bumps = [
            height * np.exp(-0.5 * np.square(np.log(levels / level) / width))
            for level, height in positions_and_heights
        ]
        return np.sum(bumps, axis=0)

    return scores


@pytest.mark.parametrize("level", [3e-4, 0.02, 7.0])
def test_the_search_finds_the_maximum(level):
    assert_allclose(best_level(peaks((level, 50.0)), (1e-6, 1e3), 1e-2, 3), level, rtol=0.05)


@pytest.mark.parametrize("heights", [(50.0, 60.0), (60.0, 50.0)])
def test_of_two_maxima_the_search_finds_the_larger(heights):
    scores = peaks((1e-3, heights[0]), (2.0, heights[1]))
    best = 1e-3 if heights[0] > heights[1] else 2.0
    assert_allclose(best_level(scores, (1e-6, 1e3), 1e-2, 3), best, rtol=0.05)


def test_a_maximum_at_the_upper_end_is_the_end():
    assert_allclose(best_level(lambda levels: 10 * np.log(levels), (1e-6, 1e3), 1e-2, 3), 1e3)


def test_where_scores_are_equal_the_prior_decides():
    assert_allclose(best_level(np.zeros_like, (1e-6, 1e3), 0.3, 3), 0.3, rtol=0.05)


def test_the_prior_is_weak():
    # Two decades from its center it gives half a nat away, which a few samples outweigh.
    level = best_level(peaks((10.0, 3.0)), (1e-6, 1e3), 1e-2, 3)
    assert 5.0 < level < 10.0


def test_levels_that_overflow_are_passed_over():
    scores = peaks((0.02, 50.0))
    found = best_level(
        lambda levels: np.where(levels < 1e-4, np.nan, scores(levels)), (1e-6, 1e3), 1e-2, 3
    )
    assert_allclose(found, 0.02, rtol=0.05)


def test_levels_whose_kernel_is_singular_are_passed_over():
    scores = peaks((0.02, 50.0))
    found = best_level(
        lambda levels: np.where(levels < 0.015, -np.inf, scores(levels)), (1e-6, 1e3), 1e-2, 3
    )
    assert_allclose(found, 0.02, rtol=0.05)


@pytest.mark.parametrize(
    "criterion",
    [ProfiledLikelihood(), LeaveOneOutDensity(ProcessVariance()), LeaveOneOutError()],
    ids=["likelihood", "density", "error"],
)
@pytest.mark.parametrize("seed", range(3))
def test_a_found_level_is_as_good_as_any_of_a_grid(criterion, seed):
    problem = smooth_problem(80, noise=0.3, seed=seed)
    found = find_noise_level(problem, criterion, (1e-6, 1e3), 1e-2, CholeskySolver(), np.arange(80))
    levels = np.geomspace(1e-6, 1e3, 400)
    on_grid = criterion.scores(problem)(levels) + log_prior(levels)
    assert found.evaluation.score + log_prior(found.level) >= on_grid.max() - 0.01
    assert found.end is None
    assert_allclose(found.evaluation.score, evaluate(problem, criterion, found.level).score)


@pytest.mark.parametrize("n", [400, 800])
@pytest.mark.parametrize(
    ("criterion", "noise"),
    [
        *((name, noise) for name in ("likelihood", "process", "ensemble") for noise in (0.1, 1.0)),
        # Of classes, whose errors are never small.
        ("error", 0.5),
        ("error", 1.0),
    ],
)
def test_of_many_samples_the_level_is_near_that_of_all(criterion, noise, n, monkeypatch):
    problem = smooth_problem(n, noise=noise)
    random = np.random.default_rng(0)
    X = random.normal(size=(n, 2))
    if criterion == "ensemble":
        problem = replace(problem, kernel=ntk_kernel(X, X))
    criterion = {
        "likelihood": ProfiledLikelihood(),
        "process": LeaveOneOutDensity(ProcessVariance()),
        "ensemble": LeaveOneOutDensity(EnsembleVariance(nngp_kernel(X, X))),
        "error": LeaveOneOutError(),
    }[criterion]
    order = random.permutation(n)
    options = criterion, (1e-6, 1e3), 1e-2, CholeskySolver(), order
    few = find_noise_level(problem, *options)
    monkeypatch.setattr("skntk.inference.noise_level.search._N_LARGE", n)
    monkeypatch.setattr(type(criterion), "n_decomposed", n)
    full = find_noise_level(problem, *options)
    at_few, at_full = (evaluate(problem, criterion, found.level).score for found in (few, full))
    # In nats an observation, which is by how much standard deviations are too large: a hundredth
    # where the part is of 200 samples.
    tolerance = 0.1 if isinstance(criterion, ProfiledLikelihood) else 0.015 * n
    assert at_few > at_full - tolerance


@pytest.mark.parametrize("seed", range(3))
def test_all_samples_decide_between_two_maxima_of_a_part(seed):
    """The NTK of relu without biases: little noise or much, on which parts of samples disagree."""
    n, random = 400, np.random.default_rng(0)
    X = random.normal(size=(n, 3))
    y = np.sin(X[:, 0]) + 0.1 * random.normal(size=n)
    nngp, ntk = gram_matrix(FullyConnected(2, bias_std=None), X, kind=("nngp", "ntk"))
    problem = NoiseProblem(
        ntk, np.diag(ntk).mean(), np.ones(n), np.ones(n), y[:, np.newaxis] - y.mean(), True
    )
    criterion = LeaveOneOutDensity(EnsembleVariance(nngp))
    order = np.random.default_rng(seed).permutation(n)
    found = find_noise_level(problem, criterion, (1e-6, 1e3), 1e-2, CholeskySolver(), order)
    levels = np.geomspace(1e-6, 1e3, 40)
    best = max(evaluate(problem, criterion, level).score for level in levels)
    assert found.evaluation.score > best - 3


def test_a_level_that_leaves_the_kernel_singular_is_raised():
    problem, _ = noise_problem()
    rows = np.repeat(np.arange(12), 2)
    twins = NoiseProblem(
        problem.kernel[np.ix_(rows, rows)],
        UNIT,
        np.ones(24),
        np.ones(24),
        problem.targets[rows],
        False,
    )

    @dataclass(frozen=True)
    class Least(ProfiledLikelihood):
        """Prefers the least noise."""

        def scores(self, problem):
            return lambda levels: -1e20 * levels

    found = find_noise_level(twins, Least(), (1e-19, 1.0), 1e-2, CholeskySolver(), np.arange(24))
    # By powers of ten, until rounding does not hide it.
    assert 1e-18 < found.level < 1e-12
    assert found.end == "lower"
    assert np.isfinite(found.evaluation.score)
    with pytest.raises(SingularKernelError, match="duplicate rows"):
        find_noise_level(twins, Least(), (1e-19, 1e-18), 1e-2, CholeskySolver(), np.arange(24))


@pytest.mark.parametrize(
    "criterion", [ProfiledLikelihood(), LeaveOneOutError()], ids=["likelihood", "error"]
)
def test_a_kernel_that_no_level_makes_definite_is_an_error(criterion):
    kernel = -np.eye(3)
    problem = NoiseProblem(kernel, 1.0, np.ones(3), np.ones(3), np.ones((3, 1)), False)
    with pytest.raises(SingularKernelError, match="singular to working precision"):
        find_noise_level(problem, criterion, (1e-6, 0.5), 1e-2, CholeskySolver(), np.arange(3))


def test_the_last_factorization_is_handed_out_once_more():
    problem = smooth_problem(30, noise=0.3)
    made = []

    class Counting(CholeskySolver):
        def factorize(self, operator, noise, *, overwrite=False):
            made.append(noise)
            return super().factorize(operator, noise, overwrite=overwrite)

    found = find_noise_level(
        problem, ProfiledLikelihood(), (1e-6, 1e3), 1e-2, Counting(), np.arange(30)
    )
    assert len(made) == 1
    noise = found.level * problem.pattern
    system = found.solver.factorize(DenseOperator(problem.kernel), noise)
    assert len(made) == 1
    assert_allclose(system.to_dense(), problem.kernel + np.diag(noise))
    found.solver.factorize(DenseOperator(problem.kernel), 2 * noise)
    assert len(made) == 2


def test_many_samples_take_at_most_two_factorizations():
    n = 600
    problem, made = smooth_problem(n, noise=0.3), []

    class Counting(CholeskySolver):
        def factorize(self, operator, noise, *, overwrite=False):
            made.append(noise)
            return super().factorize(operator, noise, overwrite=overwrite)

    find_noise_level(problem, ProfiledLikelihood(), (1e-6, 1e3), 1e-2, Counting(), np.arange(n))
    assert len(made) <= 2


def test_rows_at_equal_distances_hold_both_ends_and_none_twice():
    order = np.random.default_rng(0).permutation(1001)
    rows = evenly_spaced(order, 500)
    assert len(np.unique(rows)) == 500
    assert np.all(np.diff(rows) > 0)
    assert {order[0], order[-1]} <= set(rows)


def test_an_evaluation_says_which_end_a_level_is_at():
    class Fixed(ProfiledLikelihood):
        def __init__(self, slope):
            self.slope = slope

        def scores(self, problem):
            return lambda levels: self.slope * np.log(levels)

        def evaluate(self, problem, system, level, rows):
            return Evaluation(0.0, np.ones(1))

    problem = smooth_problem(10, noise=0.3)
    ends = [
        find_noise_level(
            problem, Fixed(slope), (1e-6, 1e3), 1e-2, CholeskySolver(), np.arange(10)
        ).end
        for slope in (-10.0, 10.0)
    ]
    assert ends == ["lower", "upper"]
