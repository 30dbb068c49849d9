"""Importances and matrices: what is drawn is the average gradient outer product."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skntk import FeatureLearningRegressor, NNGPRegressor, average_gradient_outer_product
from skntk.displays import FeatureMatrixDisplay

pytestmark = pytest.mark.usefixtures("quick_compilation")


@pytest.fixture(scope="module")
def table():
    X = np.random.default_rng(0).normal(size=(30, 3))
    return X, np.sin(X[:, 1])


@pytest.fixture(scope="module")
def fitted(network, table):
    return NNGPRegressor(network).fit(*table)


def test_bars_are_the_shares_of_the_diagonal(fitted, table):
    display = FeatureMatrixDisplay.from_estimator(fitted, table[0], feature_names=["a", "b", "c"])
    diagonal = np.diagonal(average_gradient_outer_product(fitted, table[0]))
    widths = [bar.get_width() for bar in display.bars_]
    np.testing.assert_allclose(widths, np.sort(diagonal / diagonal.sum())[::-1])
    labels = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert labels[0] == "b"
    assert display.ax_.get_title() == "NNGPRegressor"
    assert display.ax_.yaxis_inverted()


def test_the_image_is_the_matrix_with_colors_that_are_even_around_zero(fitted, table):
    display = FeatureMatrixDisplay.from_estimator(fitted, table[0], kind="matrix")
    matrix = average_gradient_outer_product(fitted, table[0])
    np.testing.assert_allclose(display.im_.get_array(), matrix / np.trace(matrix))
    low, high = display.im_.get_clim()
    assert low == -high
    assert display.bars_ is None
    given = display.plot(kind="matrix", im_kwargs={"cmap": "magma", "clim": (0, 1)})
    assert given.im_.get_clim() == (0, 1)


def test_a_learner_shows_its_own_matrix(network, table):
    model = make_pipeline(
        StandardScaler(),
        FeatureLearningRegressor(NNGPRegressor(network), n_rounds=1, cv=2, random_state=0),
    ).fit(*table)
    display = FeatureMatrixDisplay.from_estimator(model)
    np.testing.assert_array_equal(display.matrix, model[-1].feature_matrix_)
    np.testing.assert_allclose(display.importances, model[-1].feature_importances_)
    with_rows = FeatureMatrixDisplay.from_estimator(model, table[0])
    np.testing.assert_allclose(with_rows.matrix, display.matrix)


def test_few_bars_and_axes_of_ones_own(figures):
    _, ax = figures.subplots()
    display = FeatureMatrixDisplay(matrix=np.diag([1.0, 3.0, 2.0]))
    display.plot(ax, max_features=2, bar_kwargs={"color": "black"})
    assert display.ax_ is ax
    assert [bar.get_width() for bar in display.bars_] == [0.5, 2 / 6]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["1", "2"]


def test_says_what_is_wrong(fitted, table):
    draw = FeatureMatrixDisplay.from_estimator
    with pytest.raises(ValueError, match=r"NNGPRegressor has no feature_matrix_.*samples X"):
        draw(fitted)
    with pytest.raises(ValueError, match="2 names for 3 features"):
        draw(fitted, table[0], feature_names=["a", "b"])
    with pytest.raises(ValueError, match="kind must be one of"):
        draw(fitted, table[0], kind="bars")
    with pytest.raises(ValueError, match="max_features must be"):
        draw(fitted, table[0], max_features=0)
    with pytest.raises(TypeError, match="kernel of an infinitely wide network"):
        draw(Ridge().fit(*table), table[0])
