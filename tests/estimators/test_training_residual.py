"""A fit in single precision checks its own equations in double precision."""

import warnings

import numpy as np
import pytest

from skntk import NNGPClassifier, NNGPRegressor, NTKClassifier, NTKRegressor
from skntk.architecture import ConvNet, FullyConnected
from skntk.gram.kernel_function import KernelFunction

pytestmark = pytest.mark.usefixtures("quick_compilation")
NETWORK = FullyConnected(depth=2, bias_std=0.05)
X = np.linspace(-2, 2, 100)[:, np.newaxis]
Y = np.sin(3 * X[:, 0]) + 0.1 * np.random.default_rng(0).normal(size=100)


@pytest.mark.parametrize("family", [NNGPRegressor, NTKRegressor])
def test_rows_on_a_line_are_learned_as_in_double_precision(family):
    single, double = (
        family(NETWORK, alpha=1e-3, dtype=dtype).fit(X, Y) for dtype in ("float32", "float64")
    )
    np.testing.assert_allclose(single.predict(X), double.predict(X), atol=1e-3)


@pytest.mark.parametrize("family", [NNGPClassifier, NTKClassifier])
def test_a_precise_fit_says_nothing(family):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        family(NETWORK, alpha=1e-2, dtype="float32").fit(X, Y > 0)


def test_an_imprecise_fit_names_the_remedies(monkeypatch):
    gram = KernelFunction.gram

    def rounded(self, X, Y=None, **options):
        """Return kernels in single precision that are wrong in the third digit."""
        matrices = gram(self, X, Y, **options)
        if self.dtype == "float64":
            return matrices
        noise = np.random.default_rng(0).normal(size=matrices[0].shape)
        return tuple(matrix * (1 + 1e-4 * (noise + noise.T)) for matrix in matrices)

    monkeypatch.setattr(KernelFunction, "gram", rounded)
    model = NNGPRegressor(NETWORK, alpha=1e-2, dtype="float32")
    message = r"dtype='float32' is not precise enough.*Set dtype='float64', or a larger alpha"
    with pytest.warns(UserWarning, match=message):
        model.fit(X, Y)


def test_only_some_rows_are_computed_again(monkeypatch):
    shapes, gram = [], KernelFunction.gram

    def counted(self, X, Y=None, **options):
        shapes.append((self.dtype, len(X), None if Y is None else len(Y)))
        return gram(self, X, Y, **options)

    monkeypatch.setattr(KernelFunction, "gram", counted)
    NNGPRegressor(NETWORK, alpha=1e-2, dtype="float32").fit(X, Y)
    assert shapes == [("float32", 100, None), ("float64", 4, 100)]
    shapes.clear()
    NNGPRegressor(NETWORK, alpha=1e-2).fit(X, Y)
    assert shapes == [("float64", 100, None)]


def test_images_that_are_multiples_of_one_another_are_reported():
    """Their pixels are nearly parallel, and covariances of pixels keep no more digits."""
    image = np.random.default_rng(2).normal(size=(4, 4, 1))
    images = np.linspace(1, 2, 60)[:, None, None, None] * image
    targets = np.sin(20 * np.linspace(1, 2, 60))
    model = NTKRegressor(ConvNet(2, weight_std=1.5, bias_std=0.05), alpha=1e-3, dtype="float32")
    with pytest.warns(UserWarning, match="not precise enough"):
        model.fit(images, targets)
