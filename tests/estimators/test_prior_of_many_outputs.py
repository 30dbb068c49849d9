"""Before fit, a regressor has as many outputs as n_targets says, as scikit-learn's has."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessRegressor

from skntk import ClosedFormSearchCV, NNGPKernel, NNGPRegressor, NTKRegressor
from tests.estimators.problems import NETWORK, regression

each_family = pytest.mark.parametrize("family", [NNGPRegressor, NTKRegressor])
X, Y, X_TEST = regression(n_outputs=3)


@each_family
@pytest.mark.parametrize("n_targets", [None, 1, 3])
def test_shapes_and_values_are_those_of_scikit_learn(family, n_targets):
    ours = family(NETWORK, n_targets=n_targets)
    theirs = GaussianProcessRegressor(NNGPKernel(NETWORK), n_targets=n_targets)
    assert_array_equal(ours.predict(X_TEST), theirs.predict(X_TEST))
    for spread in ("return_std", "return_cov"):
        found, expected = (m.predict(X_TEST, **{spread: True}) for m in (ours, theirs))
        for value, reference in zip(found, expected, strict=True):
            assert value.shape == reference.shape
            assert_allclose(value, reference, rtol=1e-12)
    assert ours.sample_y(X_TEST, 2).shape == theirs.sample_y(X_TEST, 2).shape


def test_outputs_of_the_prior_are_independent():
    draws = NNGPRegressor(NETWORK, n_targets=2).sample_y(X_TEST[:1], 2000)[0]
    assert abs(np.corrcoef(draws)[0, 1]) < 0.1


@each_family
def test_another_number_of_targets_is_refused_by_fit(family):
    model = family(NETWORK, n_targets=2)
    for y, n_outputs in ((Y, 3), (Y[:, 0], 1)):
        with pytest.raises(ValueError, match=f"parameter `n_targets`. Got {n_outputs} != 2"):
            clone(model).fit(X, y)
    fitted = model.set_params(n_targets=3).fit(X, Y)
    assert_array_equal(fitted.predict(X_TEST), family(NETWORK).fit(X, Y).predict(X_TEST))


@pytest.mark.parametrize("n_targets", [0, 1.5, "2"])
def test_numbers_that_are_not_valid(n_targets):
    with pytest.raises(ValueError, match="'n_targets' parameter of NNGPRegressor must be an int"):
        NNGPRegressor(n_targets=n_targets).predict(X_TEST)


def test_a_search_takes_it():
    search = ClosedFormSearchCV(NNGPRegressor(NETWORK, n_targets=3), {"alpha": [0.1]}, cv=2)
    assert search.fit(X, Y).predict(X_TEST).shape == (9, 3)
