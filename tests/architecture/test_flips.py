"""The mean over mirror images, and when half of its kernels are enough."""

import re

import numpy as np
import pytest

import skntk.gram.kernel_function as gram_module
from skntk import NTKRegressor, gram_diagonal, gram_matrix
from skntk.architecture import (
    AvgPool,
    Conv,
    ConvNet,
    Dense,
    Dropout,
    Flatten,
    FlipAverage,
    FullyConnected,
    GlobalAvgPool,
    Layer,
    Myrtle,
    Relu,
    Residual,
    Serial,
    Sum,
    WideResNet,
)

pytestmark = pytest.mark.usefixtures("quick_compilation")
BOTH = ("nngp", "ntk")
SHAPE = (4, 6, 2)


def conv(size=3, strides=None, padding="SAME"):
    return Conv((2, size), strides, padding, weight_std=1.4, bias_std=0.2)


def images(n, seed=0):
    return np.random.default_rng(seed).normal(size=(n, *SHAPE))


NETWORKS = {
    "equivalent": Serial([conv(), Relu(), GlobalAvgPool(), Dense(1.2, 0.1)]),
    "strides": Serial([conv(3, (1, 2)), Relu(), Flatten(), Dense(1.2, 0.1)]),
    "even": Serial([conv(2), Relu(), Flatten(), Dense(1.2, 0.1)]),
}
each_network = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)


def four_kernels(network, X, Y):
    views = [(a, b) for a in (X, X[:, :, ::-1]) for b in (Y, Y[:, :, ::-1])]
    kernels = [gram_matrix(network, *pair, kind=BOTH) for pair in views]
    return [np.mean(of_kind, axis=0) for of_kind in zip(*kernels, strict=True)]


@each_network
def test_the_kernel_is_the_mean_of_four(network):
    X, Y = images(40), images(3, seed=1)
    ours = gram_matrix(FlipAverage(network), X, Y, kind=BOTH)
    for kernel, expected in zip(ours, four_kernels(network, X, Y), strict=True):
        np.testing.assert_allclose(kernel, expected, rtol=1e-12)


@each_network
def test_the_symmetric_matrix_is_that_of_two_sets(network):
    """Forty samples are more than one panel of rows."""
    X = images(40)
    average = FlipAverage(network)
    ours = gram_matrix(average, X, kind=BOTH)
    for kernel, expected in zip(ours, four_kernels(network, X, X), strict=True):
        np.testing.assert_array_equal(kernel, kernel.T)
        np.testing.assert_allclose(kernel, expected, rtol=1e-7)
    diagonals = gram_diagonal(average, X, kind=BOTH)
    for diagonal, kernel in zip(diagonals, ours, strict=True):
        np.testing.assert_allclose(diagonal, np.diagonal(kernel), rtol=1e-12)


def test_mirror_images_are_the_same_to_the_average():
    X = images(3)
    network = FlipAverage(NETWORKS["strides"])
    kernel = gram_matrix(network, X, X[:, :, ::-1])
    np.testing.assert_allclose(kernel, gram_matrix(network, X), rtol=1e-7)


def test_averages_of_both_axes():
    X = images(3)
    inner = FlipAverage(NETWORKS["even"])
    ours = gram_matrix(FlipAverage(inner, axis=0), X, X)
    views = (X, X[:, ::-1])
    expected = np.mean([gram_matrix(inner, a, b) for a in views for b in views], axis=0)
    np.testing.assert_allclose(ours, expected, rtol=1e-12)


def test_a_sample_and_its_mirror_image_drop_out_independently():
    network = Serial([Flatten(), Dropout(0.5), Dense()])
    x = np.ones((1, *SHAPE))
    np.testing.assert_allclose(gram_matrix(network, x, kind="nngp"), 2.0)
    np.testing.assert_allclose(gram_matrix(FlipAverage(network), x, kind="nngp"), 1.5)
    np.testing.assert_allclose(gram_diagonal(FlipAverage(network), x, kind="nngp"), 1.5)


def test_training_on_all_mirror_images():
    """With the average, training on samples is training on them and on their mirror images."""
    X, X_test = images(8), images(3, seed=1)
    y = X.sum(axis=(1, 2, 3))
    network = NETWORKS["equivalent"]
    options = {"alpha_scale": "absolute", "normalize_y": False}
    ours = NTKRegressor(FlipAverage(network), alpha=0.25, **options).fit(X, y)
    both = np.concatenate([X, X[:, :, ::-1]]), np.concatenate([y, y])
    theirs = NTKRegressor(network, alpha=0.5, **options).fit(*both)
    np.testing.assert_allclose(ours.predict(X_test), theirs.predict(X_test), rtol=1e-8)


# When left and right are alike --------------------------------------------------------------------


class OfAUser(Layer):
    """A layer of which nothing is known."""


@pytest.mark.parametrize(
    ("network", "equivalent"),
    [
        (Serial([conv(3), Relu(), AvgPool((2, 2), (2, 2)), Flatten()]), True),
        (Serial([conv(2), GlobalAvgPool()]), False),
        (Serial([conv(2, padding="VALID"), GlobalAvgPool()]), True),
        (Serial([conv(3, (1, 2)), GlobalAvgPool()]), False),
        (Serial([conv(2, (1, 2), "VALID"), GlobalAvgPool()]), True),
        (Serial([conv(3, padding="CIRCULAR"), GlobalAvgPool()]), True),
        (Serial([conv(2, padding="CIRCULAR"), GlobalAvgPool()]), False),
        (Serial([Residual(conv(3)), GlobalAvgPool()]), True),
        (Serial([Residual(conv(3), conv(2)), GlobalAvgPool()]), False),
        (Serial([Sum([conv(3), conv(2)]), GlobalAvgPool()]), False),
        (Serial([Flatten(), FullyConnected(1)]), True),
        (ConvNet(1, pooling="blockwise", pool_shape=(2, 3)), True),
        (Myrtle(pool_shape=(2, 1)), True),
        (Serial([OfAUser(), GlobalAvgPool()]), False),
        (WideResNet(1), False),
        (WideResNet(1, groups=1), True),
    ],
    ids=lambda value: "" if isinstance(value, bool) else repr(value).replace("\n", " ")[:60],
)
def test_networks_that_treat_left_and_right_alike(network, equivalent):
    """Where it is said that they do, the kernels of the mirror images are the same."""
    assert FlipAverage(network).transforms_are_equivalent(SHAPE) is equivalent
    if equivalent and isinstance(network, Serial):
        X, Y = images(2), images(2, seed=1)
        for ours, expected in zip(
            gram_matrix(network, X[:, :, ::-1], Y[:, :, ::-1], kind=BOTH),
            gram_matrix(network, X, Y, kind=BOTH),
            strict=True,
        ):
            np.testing.assert_allclose(ours, expected, rtol=1e-12)


def test_equivalent_views_halve_the_work(monkeypatch):
    computed = []
    original = gram_module.kernel_matrices

    def counted(network, kinds, engine, left, right=None):
        if right is not None:
            computed.append(len(left) * len(right))
        return original(network, kinds, engine, left, right)

    monkeypatch.setattr(gram_module, "kernel_matrices", counted)
    X, Y = np.zeros((256, 1, 2, 1)), np.zeros((3, 1, 2, 1))
    network = FlipAverage(Serial([Flatten(), Dense()]))
    gram_matrix(network, X)
    assert sum(computed) < 0.6 * len(X) ** 2
    computed.clear()
    gram_matrix(network, X, Y)
    assert sum(computed) == 2 * len(X) * len(Y)


# Presets and errors -------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [ConvNet, Myrtle, WideResNet])
def test_presets_flip_on_request(cls):
    assert cls(horizontal_flip=True).build() == FlipAverage(cls().build())
    assert cls(horizontal_flip=True).n_transforms == 2


def test_flat_rows_are_flipped_as_images():
    X = images(3)
    network = ConvNet(1, horizontal_flip=True)
    flat = ConvNet(1, horizontal_flip=True, input_shape=SHAPE)
    expected = gram_matrix(network, X)
    rows = X.reshape(3, -1)
    np.testing.assert_array_equal(gram_matrix(flat, rows), expected)
    around = FlipAverage(ConvNet(1, input_shape=SHAPE))
    np.testing.assert_array_equal(gram_matrix(around, rows), expected)


@pytest.mark.parametrize(
    ("network", "error", "message"),
    [
        (Serial([FlipAverage(Flatten()), Dense()]), TypeError, "Serial cannot have FlipAverage as"),
        (Residual(ConvNet(horizontal_flip=True)), TypeError, "Put FlipAverage around the network"),
        (Sum([FlipAverage(Flatten())] * 2), TypeError, "Sum cannot have FlipAverage as a part"),
        (FlipAverage(Flatten(), axis=2), ValueError, "axis must be one of the 2 spatial axes"),
        (FlipAverage(Flatten(), axis=1.0), TypeError, "axis must be an integer, got float"),
        (FlipAverage(Flatten), TypeError, "FlipAverage takes layer objects, got the class Flatten"),
        (FlipAverage("relu"), TypeError, "FlipAverage takes layers of skntk.architecture, got str"),
        (FlipAverage(conv()), ValueError, "takes a network whose outputs are vectors"),
    ],
)
def test_what_cannot_be_averaged(network, error, message):
    with pytest.raises(error, match=re.escape(message)):
        gram_matrix(network, images(2))


def test_vectors_have_no_mirror_image():
    with pytest.raises(ValueError, match="axis must be one of the 0 spatial axes"):
        gram_matrix(FlipAverage(FullyConnected()), np.ones((2, 3)))
