"""The level of noise that training data tell, against models that are trained one by one."""

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize, minimize_scalar
from scipy.stats import multivariate_normal, norm

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
from skntk.inference.noise_level.problem import NoiseProblem
from skntk.inference.noise_level.search import find_noise_level
from skntk.inference.noise_level.tridiagonal import TridiagonalForm

from .problems import UNIT, evaluate, noise_problem

LEVELS = np.array([1e-3, 0.05, 0.4, 30.0])
WEIGHTS = {
    "ones": np.ones(12),
    "twos": np.full(12, 2.0),
    "halves": np.full(12, 0.5),
    "mixed": np.random.default_rng(3).choice([0.3, 0.5, 1.0, 1.4, 2.0, 3.0], size=12),
}
EACH_WEIGHT = pytest.mark.parametrize("weight", WEIGHTS.values(), ids=WEIGHTS.keys())
CENTERED = pytest.mark.parametrize("is_centered", [False, True], ids=["as given", "centered"])


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
@EACH_WEIGHT
@pytest.mark.parametrize(
    "criterion",
    [
        ProfiledLikelihood(),
        LeaveOneOutDensity(ProcessVariance()),
        LeaveOneOutError(),
        "ensemble",
    ],
    ids=["likelihood", "process", "error", "ensemble"],
)
def test_the_slope_is_that_of_the_score(criterion, weight, is_centered):
    problem, nngp = noise_problem(weight, is_centered=is_centered)
    if criterion == "ensemble":
        criterion = LeaveOneOutDensity(EnsembleVariance(nngp))
    everything, step = np.arange(12), 1e-4
    for level in LEVELS:
        noise = level * problem.pattern
        system = CholeskySolver().factorize(DenseOperator(problem.kernel), noise)
        slope = criterion.slope(problem, system, level, everything)
        below, above = (
            evaluate(problem, criterion, level * np.exp(move)).score for move in (-step, step)
        )
        assert_allclose(slope, (above - below) / (2 * step), rtol=1e-5, atol=1e-5)


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
        log_prior = -0.5 * (position[1] - np.log(1e-2)) ** 2 / (2 * np.log(10)) ** 2
        return -multivariate_normal.logpdf(y, cov=np.exp(position[0]) * covariance) - log_prior

    best = min(
        (minimize(misfit, (0.0, start), method="Nelder-Mead") for start in (-5.0, -1.0, 3.0)),
        key=lambda found: found.fun,
    )
    found = find_noise_level(
        problem, ProfiledLikelihood(), (1e-6, 1e3), 1e-2, CholeskySolver(), np.arange(12)
    )
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


def test_errors_count_where_they_are_asked_to():
    problem, nngp = noise_problem(WEIGHTS["mixed"])
    counted = np.arange(12) % 3 > 0
    criterion = LeaveOneOutError(counted)
    squares = np.array([np.mean(leave_out(problem, nngp, i, 0.3).residual ** 2) for i in range(12)])
    for rows in (np.arange(12), np.array([0, 1, 5])):
        error = np.average(squares[rows], weights=(problem.sample_weight * counted)[rows])
        expected = -0.5 * problem.n_observations * np.log(2 * np.pi * np.e * error)
        system = CholeskySolver().factorize(DenseOperator(problem.kernel), 0.3 * problem.pattern)
        assert_allclose(criterion.evaluate(problem, system, 0.3, rows).score, expected, rtol=1e-9)
    assert_allclose(
        criterion.scores(problem)(np.array([0.3])), evaluate(problem, criterion, 0.3).score
    )
    part = criterion.on(np.array([1, 3, 4]))
    assert_allclose(part.counted, [True, False, True])
    # Where none counts, all do.
    nothing = LeaveOneOutError(np.zeros(12, dtype=bool))
    assert evaluate(problem, nothing, 0.3).score == evaluate(problem, LeaveOneOutError(), 0.3).score


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
