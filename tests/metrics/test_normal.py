import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.stats import norm

from skntk.metrics import (
    continuous_ranked_probability_score,
    interval_coverage,
    negative_log_predictive_density,
)

METRICS = [continuous_ranked_probability_score, interval_coverage, negative_log_predictive_density]


@pytest.fixture
def predictions():
    random = np.random.default_rng(0)
    y, mean = random.normal(size=(2, 7, 2))
    return y, mean, random.uniform(0.5, 2.0, size=(7, 2))


def test_density_is_that_of_scipy(predictions):
    y, mean, std = predictions
    expected = -norm.logpdf(y, mean, std).mean()
    assert negative_log_predictive_density(y, mean, std) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("y", "mean", "std"), [(0.3, -1.0, 0.7), (2.0, 2.0, 3.0), (9.0, 0.0, 1.0)])
def test_crps_is_its_defining_integral(y, mean, std):
    below = quad(lambda x: norm.cdf(x, mean, std) ** 2, mean - 12 * std, y, epsabs=1e-12)[0]
    above = quad(lambda x: norm.sf(x, mean, std) ** 2, y, y + 24 * std, epsabs=1e-12)[0]
    found = continuous_ranked_probability_score([y], [mean], [std])
    assert found == pytest.approx(below + above, rel=1e-9)


def test_coverage_counts_the_intervals_that_scipy_names(predictions):
    y, mean, std = predictions
    lower, upper = norm.interval(0.5, mean, std)
    expected = np.mean((lower <= y) & (y <= upper))
    assert interval_coverage(y, mean, std, level=0.5) == expected


@pytest.mark.parametrize("metric", METRICS)
def test_weights_are_repetitions_and_outputs_are_averaged(metric, predictions):
    weight = np.array([1, 2, 0, 1, 3, 1, 1])
    repeated = [np.repeat(values, weight, axis=0) for values in predictions]
    weighted = metric(*predictions, sample_weight=weight)
    assert weighted == pytest.approx(metric(*repeated), rel=1e-12)
    outputs = [metric(*(values[:, k] for values in predictions)) for k in range(2)]
    assert_allclose(metric(*predictions), np.mean(outputs), rtol=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_predictions_that_are_no_distribution_are_refused(metric):
    with pytest.raises(ValueError, match=r"y_std must be positive.*0: add the noise"):
        metric([1.0], [1.0], [0.0])
    with pytest.raises(ValueError, match=r"one shape, got \(2,\), \(2,\) and \(1,\)"):
        metric([1.0, 2.0], [1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="y_mean contains NaN"):
        metric([1.0], [np.nan], [1.0])


@pytest.mark.parametrize("level", [0.0, 1.0, 95])
def test_level_is_a_probability(level):
    with pytest.raises(ValueError, match="between 0 and 1, got"):
        interval_coverage([1.0], [1.0], [1.0], level=level)
