"""Weights of metrics and scorers are checked as those of estimators are."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier

from skntk.metrics import (
    continuous_ranked_probability_score,
    expected_calibration_error,
    interval_coverage,
    neg_expected_calibration_error_scorer,
    negative_log_predictive_density,
)

Y, MEAN, STD = np.array([1.0, 0.0, 1.0]), np.zeros(3), np.ones(3)
PROBA = np.array([0.2, 0.6, 0.7])
WRONG = {
    "NaN": ([1.0, np.nan, 1.0], "sample_weight contains NaN"),
    "infinite": ([1.0, np.inf, 1.0], "sample_weight contains infinity"),
    "negative": ([1.0, -1.0, 1.0], r"sample_weight has negative values \(sample 1\)"),
    "zero": ([0.0, 0.0, 0.0], "All values of sample_weight are zero"),
    "length": ([1.0, 2.0], r"sample_weight has shape \(2,\), but X has 3 samples"),
}
CALLS = {
    "density": lambda w: negative_log_predictive_density(Y, MEAN, STD, sample_weight=w),
    "crps": lambda w: continuous_ranked_probability_score(Y, MEAN, STD, sample_weight=w),
    "coverage": lambda w: interval_coverage(Y, MEAN, STD, sample_weight=w),
    "calibration": lambda w: expected_calibration_error(Y, PROBA, sample_weight=w),
    "scorer": lambda w: neg_expected_calibration_error_scorer(
        DummyClassifier().fit(Y[:, np.newaxis], Y), Y[:, np.newaxis], Y, w
    ),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(("weight", "message"), WRONG.values(), ids=WRONG)
def test_weights_that_are_not_valid(call, weight, message):
    with pytest.raises(ValueError, match=message):
        call(weight)
    assert np.isfinite(call([1.0, 0.0, 2.0]))
