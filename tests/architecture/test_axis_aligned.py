"""Layers that read the features one by one, and networks on them."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skntk import FiniteWidthRegressor, NNGPRegressor, gram_matrix
from skntk.architecture import (
    AxisAlignedNet,
    Concat,
    Dense,
    Erf,
    FeatureProduct,
    FeatureProductNet,
    Identity,
    InputScale,
    OneFeatureDense,
    PNormExponential,
    Product,
    Relu,
    Residual,
    Serial,
    Sum,
)
from skntk.gram.gradient import contracted_gradient, unit_directions
from tests.architecture.extended_precision import kernels_in_extended_precision

pytestmark = pytest.mark.usefixtures("quick_compilation")
BOTH = ("nngp", "ntk")
X = np.random.default_rng(0).normal(size=(6, 3)) * [1.0, 2.0, 3.0]
X[5, :2] = X[4, :2]

LAYERS = [
    OneFeatureDense("step", -2.0, [2.0, 3.0, 1.0], [1.0, 0.5, 2.0]),
    OneFeatureDense("relu", -2.0, 2.5),
    FeatureProduct([0.5, 1.0, 3.0], [1.0, 0.2, 3.0], categorical=[2]),
    FeatureProduct(0.01),
    PNormExponential([1.0, 2.0, 4.0]),
    PNormExponential(2.0, 2.0, 1.0),
    PNormExponential(2.0, 0.7),
]


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_networks_in_extended_precision(layer):
    network = Serial([InputScale([1.0, 0.5, 0.8]), layer, Dense(1.3, 0.2), Relu(), Dense(1.1, 0.1)])
    expected = kernels_in_extended_precision(network, X)
    for kernel, exact in zip(gram_matrix(network, X, kind=BOTH), expected, strict=True):
        np.testing.assert_allclose(kernel, np.asarray(exact, float), rtol=1e-10)


def test_stumps_are_a_sum_over_features():
    layer = OneFeatureDense(low=[-1.0, 0.0], high=[1.0, 4.0], feature_weights=[1.0, 3.0])
    x, z = [0.5, 9.0], [-5.0, 1.0]
    gaps = (0.5 + 1.0) / 2, (4.0 - 1.0) / 4  # clipped to the ranges
    expected = 1 - (gaps[0] + 3 * gaps[1]) / 4
    np.testing.assert_allclose(gram_matrix(layer, [x], [z], kind="nngp"), expected, rtol=1e-14)


@pytest.mark.parametrize("activation", ["step", "relu"])
def test_units_read_features_in_proportion_to_their_weights(activation):
    mixed = gram_matrix(OneFeatureDense(activation, feature_weights=[1.0, 0.0, 3.0]), X, kind=BOTH)
    alone = [
        gram_matrix(OneFeatureDense(activation), X[:, [column]], kind=BOTH) for column in (0, 2)
    ]
    for of_all, first, second in zip(mixed, *alone, strict=True):
        np.testing.assert_allclose(of_all, (first + 3 * second) / 4, atol=1e-14)


def test_a_product_is_a_sum_over_all_sets_of_features():
    s, lengths = np.array([0.3, 2.0]), np.array([1.0, 4.0])
    k = [
        np.exp(-np.abs(np.subtract.outer(x, x)) / length)
        for x, length in zip(X.T[:2], lengths, strict=True)
    ]
    expanded = 1 + s[0] * k[0] + s[1] * k[1] + s[0] * s[1] * k[0] * k[1]
    kernel = gram_matrix(FeatureProduct(lengths, s), X[:, :2], kind="nngp")
    np.testing.assert_allclose(kernel, expanded / np.prod(1 + s), rtol=1e-14)


def test_values_far_from_zero_are_as_near_as_others():
    """Exponentials of single samples overflow there."""
    layer, far = FeatureProduct(1.0, 2.0), X + 5000
    near = gram_matrix(layer, far - 5000, kind="nngp")
    for dtype, tolerance in (("float64", 1e-14), ("float32", 1e-6)):
        kernel = gram_matrix(layer, far, kind="nngp", dtype=dtype)
        np.testing.assert_allclose(kernel, near, rtol=tolerance)


@pytest.mark.parametrize(
    ("narrow", "layer"),
    [
        (
            OneFeatureDense("relu", feature_weights=[1.0, 2.0, 1.0]),
            OneFeatureDense("relu", feature_weights=[1.0, 2.0, 1.0, *[0.0] * 40]),
        ),
        (FeatureProduct(), FeatureProduct()),
    ],
    ids=["sum", "product"],
)
def test_many_features_have_the_kernels_of_few(narrow, layer):
    """Above a number of features their loop has another form; those that are equal add nothing."""
    wide = np.hstack([X, np.tile(X[0, :1], (len(X), 40))])
    for dtype, tolerance in (("float64", 1e-14), ("float32", 1e-6)):
        for of_wide, of_narrow in zip(
            gram_matrix(layer, wide, kind=BOTH, dtype=dtype),
            gram_matrix(narrow, X, kind=BOTH, dtype=dtype),
            strict=True,
        ):
            np.testing.assert_allclose(of_wide, of_narrow, atol=tolerance)


SENSITIVE = [
    Serial([LAYERS[0], Dense(1.3, 0.2), Relu(), Dense(), Erf(), Dense()]),
    Serial([Sum([LAYERS[1], Dense(0.5, 0.1)]), Relu(), Dense(1.1)]),
    Serial([Residual(LAYERS[2]), Dense(1.0, 0.5), Relu(), Dense()]),
    Serial([LAYERS[6], Relu(), Dense()]),
]


@pytest.mark.parametrize("network", SENSITIVE, ids=range(len(SENSITIVE)))
@settings(max_examples=8, deadline=None, derandomize=True)
@given(
    spread=st.integers(-6, 0).map(lambda power: 10.0**power),
    start=st.sampled_from([0.0, 1.2, 1000.0]),
)
def test_single_precision_of_near_and_equal_rows(network, spread, start):
    rows = start + spread * np.random.default_rng(1).normal(size=(20, 3))
    rows = np.vstack([rows, rows[:2], rows[:1] + np.array([spread, 0.0, 0.0])])
    matrices = gram_matrix(network, rows, kind=BOTH)
    for ours, matrix in zip(
        gram_matrix(network, rows, kind=BOTH, dtype="float32"), matrices, strict=True
    ):
        assert np.abs(ours - matrix).max() <= 2e-6 * np.abs(matrix).max()
        lowest = np.linalg.eigvalsh(ours.astype(float)).min()
        assert lowest >= -3e-6 * np.diagonal(matrix).mean()


@pytest.mark.parametrize(
    "network",
    [
        AxisAlignedNet(1, feature_weights=[1.0, 2.0, 0.5]),
        AxisAlignedNet(0, first_activation="relu", feature_weights=[1.0, 2.0, 0.5]),
        Serial([FeatureProduct([1.0, 2.0, 3.0], [0.5, 0.1, 1.0], [1]), Dense(1.0, 0.5)]),
        Serial([FeatureProduct(0.02, [0.5, 0.1, 1.0]), Dense(1.0, 0.5)]),
        Serial([PNormExponential([1.0, 2.0, 3.0], 1.5, 0.8), Dense(1.0, 0.5)]),
    ],
    ids=repr,
)
def test_gradients_by_the_numbers_of_each_feature(network):
    """Also at equal features, where the distance has a kink."""
    cotangents = list(np.random.default_rng(2).normal(size=(2, len(X), len(X))))
    directions = unit_directions(network)
    gradient = contracted_gradient(network, X, cotangents, kinds=BOTH, directions=directions)
    assert np.isfinite(gradient).all()

    def contracted(direction, change):
        moved = jax.tree.map(lambda leaf, step: leaf + change * step, network, direction)
        return sum(map(np.vdot, cotangents, gram_matrix(moved, X, kind=BOTH)))

    for slope, direction in zip(gradient, directions, strict=True):
        expected = (contracted(direction, 1e-5) - contracted(direction, -1e-5)) / 2e-5
        np.testing.assert_allclose(slope, expected, rtol=1e-6, atol=1e-7)


def test_weights_of_features_are_learned():
    random = np.random.default_rng(3)
    rows = random.uniform(-2, 2, size=(60, 2))
    y = 0.3 * np.sign(rows[:, 0]) + np.sign(rows[:, 1] - 0.3) + 0.1 * random.normal(size=60)
    model = NNGPRegressor(
        AxisAlignedNet(0, feature_weights=[1.0, 1.0]),
        alpha=1e-2,
        optimizer="fmin_l_bfgs_b",
        architecture_bounds={"weight_std": "fixed", "bias_std": "fixed"},
    ).fit(rows, y)
    first, second = model.architecture_.feature_weights
    assert second > 3 * first


def test_branches_read_the_features_side_by_side():
    stumps, product = OneFeatureDense(), FeatureProduct()
    expected = [gram_matrix(layer, X, kind="nngp") for layer in (stumps, product)]
    np.testing.assert_allclose(
        gram_matrix(Sum([stumps, product]), X, kind="nngp"), sum(expected), rtol=1e-14
    )
    np.testing.assert_allclose(
        gram_matrix(Product([stumps, product]), X, kind="nngp"), np.prod(expected, axis=0)
    )
    np.testing.assert_allclose(
        gram_matrix(Concat([stumps, product]), X, kind="nngp"), sum(expected) / 2, rtol=1e-14
    )


def test_scales_before_the_layer_scale_its_features():
    network = Serial([InputScale([0.5, 1.0, 2.0]), PNormExponential()])
    np.testing.assert_allclose(
        gram_matrix(network, X, kind="nngp"),
        gram_matrix(PNormExponential([2.0, 1.0, 0.5]), X, kind="nngp"),
    )


def test_a_finite_network_of_stumps_is_trained():
    random = np.random.default_rng(4)
    rows = random.uniform(-2, 2, size=(40, 2))
    y = np.sign(rows[:, 0])
    model = FiniteWidthRegressor(
        AxisAlignedNet(0, weight_std=1.0, bias_std=None), width=256, n_networks=2, random_state=0
    ).fit(rows, y)
    assert model.score(rows, y) > 0.8


@pytest.mark.parametrize(
    "network",
    [
        Serial([Dense(), OneFeatureDense()]),
        Serial([Relu(), Residual(FeatureProduct())]),
        Serial([Identity(), Serial([PNormExponential()])]),
        Serial([FeatureProductNet(), AxisAlignedNet()]),
    ],
    ids=repr,
)
def test_features_are_read_at_the_inputs(network):
    with pytest.raises(TypeError, match=r"reads the features of the inputs.* Put it first"):
        gram_matrix(network, X)


def test_images_have_no_features():
    with pytest.raises(ValueError, match="OneFeatureDense takes vectors"):
        gram_matrix(OneFeatureDense(), np.ones((2, 4, 4, 1)))


@pytest.mark.parametrize(
    ("layer", "error", "message"),
    [
        (OneFeatureDense("erf"), ValueError, "activation must be one of 'step', 'relu'"),
        (OneFeatureDense(low=1.0, high=1.0), ValueError, "high must be greater than low"),
        (OneFeatureDense(low=[0.0, 1.0]), ValueError, r"low has shape \(2,\)"),
        (OneFeatureDense(feature_weights=[0.0] * 3), ValueError, "one feature at least"),
        (OneFeatureDense(feature_weights=-1.0), ValueError, "feature_weights must be >= 0"),
        (FeatureProduct(length_scales=0.0), ValueError, "length_scales must be > 0"),
        (FeatureProduct(length_scales=[1.0, 0.0, 1.0]), ValueError, "finite and greater than 0"),
        (FeatureProduct(interactions=[1.0, -1.0, 0.0]), ValueError, "finite and at least 0"),
        (FeatureProduct(categorical=[3]), ValueError, "numbered from 0 to 2"),
        (FeatureProduct(categorical=[True]), ValueError, "mask has 1 entries"),
        (FeatureProduct(categorical="all"), TypeError, "numbers of columns, or a mask"),
        (FeatureProduct(categorical=1), TypeError, "numbers of columns, or a mask"),
        (PNormExponential(p=2.5), ValueError, "p must be <= 2"),
        (PNormExponential(p=0), ValueError, "p must be > 0"),
        (PNormExponential(p=1.0, q=1.5), ValueError, "q must be <= 1"),
        (AxisAlignedNet(-1), ValueError, "depth must be at least 0"),
    ],
    ids=lambda value: repr(value) if isinstance(value, OneFeatureDense) else None,
)
def test_hyperparameters_that_are_not_valid(layer, error, message):
    with pytest.raises(error, match=message):
        gram_matrix(layer, X)


def test_a_mask_of_categories_is_as_good_as_their_numbers():
    masked = FeatureProduct(categorical=np.array([False, True, False]))
    np.testing.assert_array_equal(
        gram_matrix(masked, X), gram_matrix(FeatureProduct(categorical=[1]), X)
    )
