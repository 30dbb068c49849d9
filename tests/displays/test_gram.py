"""Kernel matrices as images: the entries drawn are those of the kernel, in the order said."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skntk import NNGPRegressor, NTKClassifier, NTKRegressor, gram_matrix
from skntk.architecture import FullyConnected
from skntk.displays import GramDisplay


@pytest.fixture(name="X")
def inputs(data):
    return data[0]


@pytest.mark.parametrize("kind", ["ntk", "nngp"])
def test_draws_the_kernel_of_an_architecture(network, X, kind):
    display = GramDisplay.from_architecture(network, X, kind=kind)
    np.testing.assert_array_equal(display.im_.get_array(), gram_matrix(network, X, kind=kind))
    assert display.colorbar_.ax.get_ylabel() == {"ntk": "NTK", "nngp": "NNGP kernel"}[kind]
    assert display.ax_.get_xlabel() == "sample"


@pytest.mark.parametrize(
    ("estimator", "kind"), [(NTKRegressor(), "ntk"), (NNGPRegressor(), "nngp")]
)
def test_an_estimator_shows_the_kernel_of_its_mean(X, estimator, kind):
    display = GramDisplay.from_estimator(estimator, X)
    np.testing.assert_array_equal(display.matrix, gram_matrix(FullyConnected(), X, kind=kind))
    asked = GramDisplay.from_estimator(estimator, X, kind="nngp")
    np.testing.assert_array_equal(asked.matrix, gram_matrix(FullyConnected(), X, kind="nngp"))


def test_classes_come_together_and_are_named(network, X):
    classes = np.array(["b", "a", "c", "b", "a", "c", "b", "b", "b", "b"])
    pipeline = make_pipeline(StandardScaler(), NTKClassifier(network)).fit(X, classes)
    display = GramDisplay.from_estimator(pipeline, X, classes)
    order = np.argsort(classes, kind="stable")
    kernel = gram_matrix(network, pipeline[0].transform(X))
    np.testing.assert_array_equal(display.matrix, kernel[np.ix_(order, order)])
    np.testing.assert_array_equal(display.y, list("aabbbbbbcc"))
    assert [text.get_text() for text in display.ax_.get_yticklabels()] == ["a", "b", "c"]
    np.testing.assert_array_equal(display.ax_.get_xticks(), [0.5, 4.5, 8.5])
    levels = [line.get_ydata()[0] for line in display.separators_[::2]]
    assert levels == [1.5, 7.5]


def test_targets_order_the_rows_without_ticks_of_classes(network, X):
    display = GramDisplay.from_architecture(network, X, X[:, 0])
    ascending = np.sort(X, axis=0)
    np.testing.assert_allclose(display.matrix, gram_matrix(network, ascending), rtol=1e-12)
    assert display.separators_ == []
    assert display.ax_.get_ylabel() == "sample, by its target"


def test_draws_into_the_axes_given(figures):
    figure, ax = figures.subplots()
    display = GramDisplay.from_matrix(np.eye(3), ax=ax, colorbar=False, im_kwargs={"cmap": "magma"})
    assert (display.ax_, display.figure_, display.colorbar_) == (ax, figure, None)
    assert display.im_.get_cmap().name == "magma"
    assert figure.axes == [ax]
    named = GramDisplay.from_matrix(np.eye(3), name="rbf")
    assert named.colorbar_.ax.get_ylabel() == "rbf"


def test_names_what_is_wrong(network, X):
    with pytest.raises(ValueError, match="square"):
        GramDisplay.from_matrix(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        GramDisplay.from_matrix(np.eye(3), [0, 1])
    with pytest.raises(ValueError, match="one for a picture"):
        GramDisplay.from_architecture(network, X, kind=("ntk", "nngp"))
    with pytest.raises(TypeError, match=r"not SVC.*from_matrix"):
        GramDisplay.from_estimator(SVC(), X)
