"""How good predictive distributions are: metrics of arrays, and scorers for model selection.

Regression is judged by a mean and a standard deviation of every observation, classification by
probabilities. Metrics take arrays as those of `sklearn.metrics` do; scorers are passed as
``scoring=`` to `sklearn.model_selection.cross_validate`, `sklearn.model_selection.GridSearchCV`
and the like.
"""

from skntk.metrics.calibration import expected_calibration_error
from skntk.metrics.normal import (
    continuous_ranked_probability_score,
    interval_coverage,
    negative_log_predictive_density,
)
from skntk.metrics.scorers import (
    interval_coverage_scorer,
    neg_continuous_ranked_probability_score_scorer,
    neg_expected_calibration_error_scorer,
    neg_interval_coverage_error_scorer,
    neg_log_predictive_density_scorer,
)

__all__ = [
    "continuous_ranked_probability_score",
    "expected_calibration_error",
    "interval_coverage",
    "interval_coverage_scorer",
    "neg_continuous_ranked_probability_score_scorer",
    "neg_expected_calibration_error_scorer",
    "neg_interval_coverage_error_scorer",
    "neg_log_predictive_density_scorer",
    "negative_log_predictive_density",
]
