"""The level of noise that training data tell, against models that are trained one by one."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize, minimize_scalar
from scipy.stats import multivariate_normal, norm

from skntk.inference import SingularKernelError
from skntk.inference.linalg.cholesky import CholeskySolver
from skntk.inference.linalg.solver import DenseOperator
from skntk.inference.noise_level.leave_one_out import (
    EnsembleVariance,
    LeaveOneOutDensity,
    LeaveOneOutError,
    NoiseVariance,
    ProcessVariance,
)
from skntk.inference.noise_level.likelihood import ProfiledLikelihood
from skntk.inference.noise_level.problem import Evaluation, NoiseProblem
from skntk.inference.noise_level.search import best_level, evenly_spaced, find_noise_level
from skntk.inference.noise_level.tridiagonal import TridiagonalForm

from .problems import make_problem, nngp_kernel, ntk_kernel

UNIT = 1.7
LEVELS = np.array([1e-3, 0.05, 0.4, 30.0])
WEIGHTS = {
    "ones": np.ones(12),
    "twos": np.full(12, 2.0),
    "halves": np.full(12, 0.5),
    "mixed": np.random.default_rng(3).choice([0.3, 0.5, 1.0, 1.4, 2.0, 3.0], size=12),
}
EACH_WEIGHT = pytest.mark.parametrize("weight", WEIGHTS.values(), ids=WEIGHTS.keys())
CENTERED = pytest.mark.parametrize("is_centered", [False, True], ids=["as given", "centered"])


def noise_problem(weight=None, repetitions=None, *, is_centered=False, kernel="ntk", n_outputs=2):
    """Return a problem with noise of unknown level, and its NNGP kernel."""
    problem = make_problem(n_outputs=n_outputs)
    weight = np.ones(12) if weight is None else weight
    repetitions = weight if repetitions is None else repetitions
    targets = problem.targets + 0.7
    if is_centered:
        targets = targets - np.average(targets, axis=0, weights=weight)
    kernel = getattr(problem, kernel)
    return NoiseProblem(kernel, UNIT, weight, repetitions, targets, is_centered), problem.nngp


def evaluate(problem, criterion, level):
    """Return what a criterion says of one level, from a factorization of the kernel."""
    system = CholeskySolver().factorize(DenseOperator(problem.kernel), level * problem.pattern)
    return criterion.evaluate(problem, system, level, np.arange(len(problem.kernel)))


def repeated(problem):
    """Return the problem whose samples stand as often as their weights say."""
    rows = np.repeat(np.arange(len(problem.kernel)), problem.sample_weight.astype(int))
    ones = np.ones(len(rows))
    kernel = problem.kernel[np.ix_(rows, rows)]
    targets = problem.targets[rows]
    return NoiseProblem(kernel, problem.unit, ones, ones, targets, problem.is_centered)


def commuting_prior(kernel):
    """Return another kernel with the same eigenvectors."""
    return 0.6 * kernel + 0.02 * kernel @ kernel


# Scores of all levels, and of one ---------------------------------------------------------------


@CENTERED
@EACH_WEIGHT
@pytest.mark.parametrize(
    "criterion",
    [
        ProfiledLikelihood(),
        LeaveOneOutDensity(ProcessVariance()),
        LeaveOneOutDensity(NoiseVariance()),
        LeaveOneOutError(),
    ],
    ids=["likelihood", "process", "noise", "error"],
)
def test_one_decomposition_scores_as_a_factorization_for_each_level(criterion, weight, is_centered):
    problem, _ = noise_problem(weight, is_centered=is_centered)
    one_by_one = [evaluate(problem, criterion, level).score for level in LEVELS]
    assert_allclose(criterion.scores(problem)(LEVELS), one_by_one, rtol=1e-8)


@CENTERED
def test_one_decomposition_scores_ensembles_whose_kernels_share_eigenvectors(is_centered):
    problem, _ = noise_problem(is_centered=is_centered)
    criterion = LeaveOneOutDensity(EnsembleVariance(commuting_prior(problem.kernel)))
    one_by_one = [evaluate(problem, criterion, level).score for level in LEVELS]
    assert_allclose(criterion.scores(problem)(LEVELS), one_by_one, rtol=1e-8)


def test_the_score_of_an_ensemble_is_near_where_its_kernels_have_other_eigenvectors():
    problem, nngp = noise_problem(WEIGHTS["mixed"])
    criterion = LeaveOneOutDensity(EnsembleVariance(nngp))
    one_by_one = [evaluate(problem, criterion, level).score for level in LEVELS]
    assert np.abs(criterion.scores(problem)(LEVELS) - one_by_one).max() < 0.5


@pytest.mark.parametrize(
    "criterion",
    [
        ProfiledLikelihood(),
        LeaveOneOutDensity(ProcessVariance()),
        LeaveOneOutDensity(NoiseVariance()),
        LeaveOneOutError(),
    ],
    ids=["likelihood", "process", "noise", "error"],
)
def test_a_criterion_of_some_samples_is_that_of_their_problem(criterion):
    problem, _ = noise_problem(WEIGHTS["mixed"])
    rows = np.array([1, 2, 5, 6, 9])
    within = NoiseProblem(
        problem.kernel[np.ix_(rows, rows)],
        UNIT,
        problem.sample_weight[rows],
        problem.repetitions[rows],
        problem.targets[rows],
        False,
    )
    expected = criterion.scores(within)(LEVELS)
    assert_allclose(criterion.on(rows).scores(problem.subset(rows))(LEVELS), expected)


def test_an_ensemble_of_some_samples_has_their_prior():
    problem, nngp = noise_problem()
    rows = np.array([1, 2, 5, 6, 9])
    expected = LeaveOneOutDensity(EnsembleVariance(nngp[np.ix_(rows, rows)]))
    part = problem.subset(rows)
    found = LeaveOneOutDensity(EnsembleVariance(nngp)).on(rows)
    assert_allclose(found.scores(part)(LEVELS), expected.scores(part)(LEVELS))
    assert evaluate(part, found, 0.1).score == evaluate(part, expected, 0.1).score


# The marginal likelihood ------------------------------------------------------------------------


@pytest.mark.parametrize("level", LEVELS)
def test_the_likelihood_of_precise_and_less_precise_samples_is_that_of_their_noise(level):
    weight = WEIGHTS["mixed"]
    problem, _ = noise_problem(weight, np.ones(12))
    evaluation = evaluate(problem, ProfiledLikelihood(), level)
    covariance = problem.kernel + np.diag(level * UNIT / weight)
    density = sum(
        multivariate_normal.logpdf(y, cov=scale * covariance)
        for y, scale in zip(problem.targets.T, evaluation.output_scale, strict=True)
    )
    assert_allclose(evaluation.score, density, rtol=1e-9)
    scores = ProfiledLikelihood().scores(problem)(np.array([level]))
    assert_allclose(scores, density, rtol=1e-9)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("counts", [np.ones(12), 1.0 + np.arange(12) % 3], ids=["once", "repeated"])
def test_the_likelihood_is_that_of_the_best_scale_of_every_output(level, counts):
    problem, _ = noise_problem(counts)
    every = repeated(problem)
    covariance = every.kernel + level * UNIT * np.eye(len(every.kernel))
    scores, scales = [], []
    for y in every.targets.T:
        best = minimize_scalar(
            lambda position, y=y: -multivariate_normal.logpdf(y, cov=np.exp(position) * covariance),
            bounds=(-12, 12),
            method="bounded",
            options={"xatol": 1e-9},
        )
        scores.append(-best.fun)
        scales.append(np.exp(best.x))
    evaluation = evaluate(problem, ProfiledLikelihood(), level)
    assert_allclose(evaluation.score, sum(scores), rtol=1e-9)
    assert_allclose(evaluation.output_scale, scales, rtol=1e-5)
    assert_allclose(ProfiledLikelihood().scores(problem)(np.array([level])), sum(scores), rtol=1e-9)


def test_the_level_of_the_largest_likelihood_is_found_together_with_the_scale():
    problem, _ = noise_problem(n_outputs=1)
    y = problem.targets[:, 0]

    def misfit(position):
        covariance = problem.kernel + np.exp(position[1]) * UNIT * np.eye(len(y))
        return -multivariate_normal.logpdf(y, cov=np.exp(position[0]) * covariance)

    best = min(
        (minimize(misfit, (0.0, start), method="Nelder-Mead") for start in (-5.0, -1.0, 3.0)),
        key=lambda found: found.fun,
    )
    found = find_noise_level(
        problem, ProfiledLikelihood(), (1e-6, 1e3), CholeskySolver(), np.arange(12)
    )
    assert_allclose(found.evaluation.score, -best.fun, atol=1e-3)
    assert_allclose(np.log(found.evaluation.output_scale[0]), best.x[0], atol=0.05)
    assert_allclose(np.log(found.level), best.x[1], atol=0.05)


# Leave-one-out ----------------------------------------------------------------------------------


@dataclass
class LeftOut:
    """An observation that was left out: how the others predict it."""

    residual: np.ndarray
    process_variance: float
    ensemble_variance: float
    noise: float


def leave_out(problem, nngp, sample, level):
    """Train without one observation of a sample, or without a sample that is less than one."""
    repetitions = problem.repetitions[sample]
    noise = level * problem.unit * repetitions / problem.sample_weight[sample]
    weight = problem.sample_weight.copy()
    weight[sample] -= weight[sample] / max(repetitions, 1.0)
    rows = np.flatnonzero(weight)
    center = np.zeros(problem.targets.shape[1])
    if problem.is_centered:
        center = np.average(problem.targets[rows], axis=0, weights=weight[rows])
    cross = problem.kernel[sample, rows]
    matrix = problem.kernel[np.ix_(rows, rows)] + np.diag(level * problem.unit / weight[rows])
    prediction = np.linalg.solve(matrix, cross)
    residual = problem.targets[sample] - center - prediction @ (problem.targets[rows] - center)
    process = problem.kernel[sample, sample] - prediction @ cross
    prior = nngp[np.ix_(rows, rows)]
    ensemble = (
        nngp[sample, sample] - 2 * prediction @ nngp[rows, sample] + prediction @ prior @ prediction
    )
    return LeftOut(residual, process + noise, ensemble + noise, noise)


def variance_of(name, nngp):
    """Return the variance that is an attribute of `LeftOut`."""
    return {
        "process_variance": ProcessVariance(),
        "ensemble_variance": EnsembleVariance(nngp),
        "noise": NoiseVariance(),
    }[name]


def log_density(left_out, variance, repetitions):
    """Return the log density of what is left out at the best scale of every output, and it."""
    residuals = np.array([one.residual for one in left_out])
    scale = np.average(residuals**2 / variance[:, np.newaxis], axis=0, weights=repetitions)
    std = np.sqrt(variance[:, np.newaxis] * scale)
    return float(repetitions @ norm.logpdf(residuals, scale=std).sum(axis=1)), scale


@CENTERED
@EACH_WEIGHT
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("variance", ["process_variance", "ensemble_variance", "noise"])
def test_leave_one_out_equals_refits_without_one_observation(variance, level, weight, is_centered):
    problem, nngp = noise_problem(weight, is_centered=is_centered)
    criterion = LeaveOneOutDensity(variance_of(variance, nngp))
    left_out = [leave_out(problem, nngp, i, level) for i in range(12)]
    variances = np.array([getattr(one, variance) for one in left_out])
    score, scale = log_density(left_out, variances, weight)
    evaluation = evaluate(problem, criterion, level)
    assert_allclose(evaluation.score, score, rtol=1e-8)
    assert_allclose(evaluation.output_scale, scale, rtol=1e-8)


@CENTERED
@pytest.mark.parametrize("variance", ["process_variance", "ensemble_variance", "noise"])
def test_observations_may_weigh_more_or_less_than_one(variance, is_centered):
    weight, repetitions = WEIGHTS["mixed"], 1.0 + np.arange(12) % 3
    problem, nngp = noise_problem(weight, repetitions, is_centered=is_centered)
    left_out = [leave_out(problem, nngp, i, 0.3) for i in range(12)]
    variances = np.array([getattr(one, variance) for one in left_out])
    score, scale = log_density(left_out, variances, repetitions)
    criterion = LeaveOneOutDensity(variance_of(variance, nngp))
    evaluation = evaluate(problem, criterion, 0.3)
    assert_allclose(evaluation.score, score, rtol=1e-8)
    assert_allclose(evaluation.output_scale, scale, rtol=1e-8)


@CENTERED
@EACH_WEIGHT
@pytest.mark.parametrize("repetitions", [None, np.ones(12)], ids=["weights", "ones"])
def test_the_error_is_that_of_refits(weight, repetitions, is_centered):
    problem, nngp = noise_problem(weight, repetitions, is_centered=is_centered)
    for level in LEVELS:
        left_out = [leave_out(problem, nngp, i, level) for i in range(12)]
        squares = [np.mean(one.residual**2) for one in left_out]
        density = np.log(2 * np.pi * np.e * np.average(squares, weights=weight))
        evaluation = evaluate(problem, LeaveOneOutError(), level)
        n_observations = problem.repetitions.sum()
        assert_allclose(evaluation.score, -0.5 * n_observations * density, rtol=1e-9)
        assert_allclose(evaluation.output_scale, 1.0)


@CENTERED
@pytest.mark.parametrize("variance", ["process", "ensemble", "noise"])
def test_whole_weights_are_repetitions(variance, is_centered):
    problem, nngp = noise_problem(1.0 + np.arange(12) % 3, is_centered=is_centered)
    rows = np.repeat(np.arange(12), 1 + np.arange(12) % 3)
    priors = nngp, nngp[np.ix_(rows, rows)]
    variances = {
        "process": (ProcessVariance(), ProcessVariance()),
        "ensemble": tuple(map(EnsembleVariance, priors)),
        "noise": (NoiseVariance(), NoiseVariance()),
    }[variance]
    for level in LEVELS:
        weighted = evaluate(problem, LeaveOneOutDensity(variances[0]), level)
        one_by_one = evaluate(repeated(problem), LeaveOneOutDensity(variances[1]), level)
        assert_allclose(weighted.score, one_by_one.score, rtol=1e-8)
        assert_allclose(weighted.output_scale, one_by_one.output_scale, rtol=1e-8)


def test_samples_that_are_left_out_whole_may_have_weights_of_any_unit():
    weight, once = WEIGHTS["mixed"], np.ones(12)
    problems = [noise_problem(factor * weight, once, is_centered=True)[0] for factor in (1.0, 10.0)]
    errors = [LeaveOneOutError().scores(problem) for problem in problems]
    assert_allclose(errors[0](LEVELS), errors[1](10 * LEVELS), rtol=1e-9)


def test_the_score_of_a_part_of_the_samples_is_an_estimate_for_all():
    problem, nngp = noise_problem(WEIGHTS["ones"])
    system = CholeskySolver().factorize(DenseOperator(problem.kernel), 0.2 * problem.pattern)
    criterion = LeaveOneOutDensity(EnsembleVariance(nngp))
    rows = np.array([0, 3, 4, 10])
    left_out = [leave_out(problem, nngp, i, 0.2) for i in rows]
    variances = np.array([one.ensemble_variance for one in left_out])
    score, scale = log_density(left_out, variances, np.ones(4))
    evaluation = criterion.evaluate(problem, system, 0.2, rows)
    assert_allclose(evaluation.score, score * 12 / 4, rtol=1e-9)
    assert_allclose(evaluation.output_scale, scale, rtol=1e-9)


# The tridiagonal form ---------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 70])
@pytest.mark.parametrize("n_outputs", [1, 4])
def test_the_tridiagonal_form_solves_every_shift(n, n_outputs):
    random = np.random.default_rng(n)
    half = random.normal(size=(n, n))
    matrix, B = half @ half.T, random.normal(size=(n, n_outputs))
    form = TridiagonalForm.reduce(matrix.copy(), B)
    for shift in (0.01, 1.0, 300.0):
        shifted = matrix + shift * np.eye(n)
        quadratic_form, log_determinant = form.shifted(shift)
        assert_allclose(quadratic_form, np.diagonal(B.T @ np.linalg.solve(shifted, B)), rtol=1e-8)
        assert_allclose(log_determinant, np.linalg.slogdet(shifted)[1], rtol=1e-9, atol=1e-9)


def test_a_shift_that_leaves_the_matrix_indefinite_has_no_solution():
    form = TridiagonalForm.reduce(np.diag([1.0, -2.0, 3.0]), np.ones((3, 1)))
    assert form.shifted(1.0) is None
    assert form.shifted(3.0) is not None


# The search -------------------------------------------------------------------------------------


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
    assert_allclose(best_level(peaks((level, 5.0)), (1e-6, 1e3), 3), level, rtol=0.05)


@pytest.mark.parametrize("heights", [(5.0, 6.0), (6.0, 5.0)])
def test_of_two_maxima_the_search_finds_the_larger(heights):
    scores = peaks((1e-3, heights[0]), (2.0, heights[1]))
    best = 1e-3 if heights[0] > heights[1] else 2.0
    assert_allclose(best_level(scores, (1e-6, 1e3), 3), best, rtol=0.05)


def test_a_maximum_at_the_upper_end_is_the_end():
    assert_allclose(best_level(lambda levels: np.log(levels), (1e-6, 1e3), 3), 1e3)


def test_where_scores_fall_from_the_lower_end_a_tenth_of_a_nat_is_given_away():
    level = best_level(lambda levels: -2.0 * levels, (1e-6, 1e3), 3)
    assert_allclose(level, 0.05, rtol=0.05)
    level = best_level(lambda levels: -1e5 * levels, (1e-6, 1e3), 3)
    assert_allclose(level, 2e-6, rtol=0.05)


def test_where_scores_are_equal_the_largest_level_is_taken():
    assert_allclose(best_level(np.zeros_like, (1e-6, 1e3), 3), 1e3)


def test_where_a_nat_is_rounding_a_level_is_found_all_the_same():
    random = np.random.default_rng(0)

    def scores(levels):
        rounding = 8.0 * random.integers(-1, 2, size=len(levels))
        return 1e17 - np.where(levels < 1e-3, 0.0, 1e3 * levels) + rounding

    with np.errstate(all="raise"):
        levels = [best_level(scores, (1e-6, 1e3), 3) for _ in range(50)]
    assert max(levels) < 1


def test_levels_that_overflow_are_passed_over():
    scores = peaks((0.02, 5.0))
    found = best_level(
        lambda levels: np.where(levels < 1e-4, np.nan, scores(levels)), (1e-6, 1e3), 3
    )
    assert_allclose(found, 0.02, rtol=0.05)


def test_levels_whose_kernel_is_singular_are_passed_over():
    scores = peaks((0.02, 5.0))
    found = best_level(
        lambda levels: np.where(levels < 0.015, -np.inf, scores(levels)), (1e-6, 1e3), 3
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
    found = find_noise_level(problem, criterion, (1e-6, 1e3), CholeskySolver(), np.arange(80))
    on_grid = criterion.scores(problem)(np.geomspace(1e-6, 1e3, 400))
    assert found.evaluation.score >= on_grid.max() - 0.01
    assert found.end is None
    assert_allclose(found.evaluation.score, evaluate(problem, criterion, found.level).score)


def smooth_problem(n, *, noise, seed=0, weight=None):
    """Return targets with a smooth mean, and noise of a known standard deviation."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, 2))
    y = np.sin(2 * X[:, 0]) + 0.5 * X[:, 1] + noise * random.normal(size=n)
    weight = np.ones(n) if weight is None else weight
    y -= np.average(y, weights=weight)
    kernel = nngp_kernel(X, X)
    unit = np.diagonal(kernel).mean()
    return NoiseProblem(kernel, unit, weight, weight, y[:, np.newaxis], True)


@pytest.mark.parametrize("n", [400, 800])
@pytest.mark.parametrize("noise", [0.1, 1.0])
@pytest.mark.parametrize("criterion", ["likelihood", "process", "ensemble", "error"])
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
    options = criterion, (1e-6, 1e3), CholeskySolver(), order
    few = find_noise_level(problem, *options)
    monkeypatch.setattr("skntk.inference.noise_level.search._N_LARGE", n)
    monkeypatch.setattr(type(criterion), "n_decomposed", n)
    full = find_noise_level(problem, *options)
    at_few, at_full = (evaluate(problem, criterion, found.level).score for found in (few, full))
    # In nats an observation, which is by how much standard deviations are too large: a hundredth
    # where the part is of 200 samples.
    tolerance = 0.1 if isinstance(criterion, ProfiledLikelihood) else 0.015 * n
    assert at_few > at_full - tolerance


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

    found = find_noise_level(twins, Least(), (1e-19, 1.0), CholeskySolver(), np.arange(24))
    # By powers of ten, until rounding does not hide it.
    assert 1e-18 < found.level < 1e-12
    assert found.end == "lower"
    assert np.isfinite(found.evaluation.score)
    with pytest.raises(SingularKernelError, match="duplicate rows"):
        find_noise_level(twins, Least(), (1e-19, 1e-18), CholeskySolver(), np.arange(24))


@pytest.mark.parametrize(
    "criterion", [ProfiledLikelihood(), LeaveOneOutError()], ids=["likelihood", "error"]
)
def test_a_kernel_that_no_level_makes_definite_is_an_error(criterion):
    kernel = -np.eye(3)
    problem = NoiseProblem(kernel, 1.0, np.ones(3), np.ones(3), np.ones((3, 1)), False)
    with pytest.raises(SingularKernelError, match="singular to working precision"):
        find_noise_level(problem, criterion, (1e-6, 0.5), CholeskySolver(), np.arange(3))


def test_the_last_factorization_is_handed_out_once_more():
    problem = smooth_problem(30, noise=0.3)
    made = []

    class Counting(CholeskySolver):
        def factorize(self, operator, noise, *, overwrite=False):
            made.append(noise)
            return super().factorize(operator, noise, overwrite=overwrite)

    found = find_noise_level(problem, ProfiledLikelihood(), (1e-6, 1e3), Counting(), np.arange(30))
    assert len(made) == 1
    noise = found.level * problem.pattern
    system = found.solver.factorize(DenseOperator(problem.kernel), noise)
    assert len(made) == 1
    assert_allclose(system.to_dense(), problem.kernel + np.diag(noise))
    found.solver.factorize(DenseOperator(problem.kernel), 2 * noise)
    assert len(made) == 2


def test_many_samples_take_at_most_three_factorizations():
    n = 600
    problem, made = smooth_problem(n, noise=0.3), []

    class Counting(CholeskySolver):
        def factorize(self, operator, noise, *, overwrite=False):
            made.append(noise)
            return super().factorize(operator, noise, overwrite=overwrite)

    find_noise_level(problem, ProfiledLikelihood(), (1e-6, 1e3), Counting(), np.arange(n))
    assert len(made) <= 3


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
        find_noise_level(problem, Fixed(slope), (1e-6, 1e3), CholeskySolver(), np.arange(10)).end
        for slope in (-10.0, 10.0)
    ]
    assert ends == ["lower", "upper"]
