"""The contract of scikit-learn for networks of finite width."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from tests.estimators.test_check_estimator import ARRAY_API, FINITE, check_without_skipping

pytestmark = pytest.mark.usefixtures("quick_compilation")


@pytest.mark.filterwarnings(ARRAY_API)
@parametrize_with_checks(FINITE)
def test_check_estimator(estimator, check):
    check_without_skipping(estimator, check)
