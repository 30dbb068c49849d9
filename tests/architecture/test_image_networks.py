"""The presets for images are the networks of the literature, layer by layer, and check shapes."""

import re

import numpy as np
import pytest
from sklearn.base import clone

from skntk import gram_matrix
from skntk.architecture import (
    AvgPool,
    Conv,
    ConvNet,
    Dense,
    Erf,
    Flatten,
    GlobalAvgPool,
    LeakyRelu,
    Myrtle,
    Relu,
    Residual,
    Serial,
    WideResNet,
    registered,
)

PRESETS = [ConvNet, Myrtle, WideResNet]
BOTH = ("nngp", "ntk")


def conv(strides=None):
    return Conv((3, 3), strides, weight_std=1.5, bias_std=0.1)


def dense():
    return Dense(1.5, 0.1)


def pool():
    return AvgPool((2, 2), (2, 2), padding="SAME")


def block(mismatch=False, strides=None):
    main = Serial([Relu(), conv(strides), Relu(), conv()])
    return Residual(main, conv(strides) if mismatch else None)


STDS = {"weight_std": 1.5, "bias_std": 0.1}
HAND_BUILT = {
    "conv3-flatten": (ConvNet(3, **STDS), [*[conv(), Relu()] * 3, Flatten(), dense()]),
    "conv3-gap": (
        ConvNet(3, pooling="global", **STDS),
        [*[conv(), Relu()] * 3, GlobalAvgPool(), dense()],
    ),
    "wrn1": (
        WideResNet(1, **STDS),
        [
            conv(),
            block(True),
            block(True, (2, 2)),
            block(True, (2, 2)),
            GlobalAvgPool(),
            dense(),
        ],
    ),
    "wrn2 of two groups": (
        WideResNet(2, groups=2, strides=(1, 2), activation="erf", pooling="none", **STDS),
        [
            conv(),
            *(
                each.set_params(main__0=Erf(), main__2=Erf())
                for each in (block(True), block(), block(True, (1, 2)), block())
            ),
            Flatten(),
            dense(),
        ],
    ),
    "blockwise": (
        ConvNet(3, (5, 5), LeakyRelu(0.2), "blockwise", block_depth=2, pool_shape=(2, 4)),
        [
            *[Conv((5, 5), None, "SAME", 1.5, 0.1), LeakyRelu(0.2)] * 2,
            AvgPool((2, 4), (2, 4)),
            Conv((5, 5), None, "SAME", 1.5, 0.1),
            LeakyRelu(0.2),
            Flatten(),
            dense(),
        ],
    ),
    "sequences": (
        ConvNet(2, (3,), padding="VALID", strides=(2,), last_layer=Dense(2.0)),
        [*[Conv((3,), (2,), "VALID", 1.5, 0.1), Relu()] * 2, Flatten(), Dense(2.0)],
    ),
}


@pytest.mark.parametrize(("preset", "layers"), HAND_BUILT.values(), ids=HAND_BUILT)
def test_presets_are_networks_built_by_hand(preset, layers):
    assert preset.build() == Serial(layers)


@pytest.mark.parametrize("depth", [5, 7, 10])
def test_myrtle_layers(depth):
    """At 32 x 32 pixels the global mean is three pools of 2 x 2."""
    numbers = {5: (2, 1, 1), 7: (2, 2, 2), 10: (3, 3, 3)}[depth]
    layers = [[*[conv(), Relu()] * number, AvgPool((2, 2), (2, 2))] for number in numbers]
    expected = [layer for group in layers for layer in group][:-1]
    assert Myrtle(depth).build() == Serial([*expected, GlobalAvgPool(), dense()])
    assert Myrtle(depth).output_shape((32, 32, 3)) == (3,)


def test_pools_of_halves_are_a_global_mean():
    """What the source of the Myrtle networks writes as three pools of 2 x 2 pixels of 8 x 8."""
    X = np.random.default_rng(0).normal(size=(3, 4, 4, 2))
    pools = Serial([conv(), Relu(), pool(), pool(), Flatten(), dense()])
    mean = Serial([conv(), Relu(), GlobalAvgPool(), dense()])
    for ours, expected in zip(
        gram_matrix(mean, X, kind=BOTH), gram_matrix(pools, X, kind=BOTH), strict=True
    ):
        np.testing.assert_allclose(ours, expected, rtol=1e-12)


def test_a_search_reaches_every_choice():
    for cls in PRESETS:
        names = set(cls().get_params())
        assert {"filter_shape", "activation", "pooling", "padding"} <= names
        assert {"weight_std", "bias_std", "last_layer"} <= names
    network = ConvNet().set_params(
        last_layer=Dense(), last_layer__weight_std=0.5, activation="gelu", filter_shape=[3]
    )
    assert network.build().layers[-1] == Dense(0.5)
    assert network.output_shape((8, 2)) == (16,)


def test_registered_for_images_alone():
    assert set(PRESETS) <= set(registered("spatial_preset").values())
    assert not set(PRESETS) & set(registered("preset").values())


@pytest.mark.parametrize(
    ("network", "shape", "error", "message"),
    [
        (ConvNet(), (64,), ValueError, "ConvNet takes images, X of shape (n_samples, height"),
        (Myrtle(), (8, 1), ValueError, "Myrtle(filter_shape=(3, 3)) takes images, but one sample"),
        (ConvNet(1, (3,)), (8, 8, 1), ValueError, "takes sequences, but one sample has shape"),
        (WideResNet(1, (3, 3, 3)), (8, 8, 1), ValueError, "one entry for every axis but the last"),
        (
            ConvNet(4, padding="VALID"),
            (8, 8, 1),
            ValueError,
            "ConvNet(filter_shape=(3, 3), padding='VALID'): the images shrink from layer to layer, "
            "and (2, 2) pixels are left",
        ),
        (
            ConvNet(2, pooling="blockwise"),
            (8, 6, 1),
            ValueError,
            "ConvNet: (4, 3) pixels stand before a pool of pool_shape=(2, 2)",
        ),
        (Myrtle(), (28, 30, 1), ValueError, "(14, 15) pixels stand before a pool of pool_shape"),
        (Myrtle(6), (8, 8, 1), ValueError, "Myrtle(depth=6): depth must be 5, 7 or 10."),
        (ConvNet(0), (8, 8, 1), ValueError, "ConvNet(depth=0): depth must be at least 1."),
        (ConvNet(2.5), (8, 8, 1), TypeError, "depth must be an integer, got float."),
        (WideResNet(0), (8, 8, 1), ValueError, "WideResNet(blocks=0): blocks must be at least 1"),
        (WideResNet(groups=0), (8, 8, 1), ValueError, "groups must be at least 1"),
        (ConvNet(block_depth=0), (8, 8, 1), ValueError, "block_depth must be at least 1"),
        (
            ConvNet(pooling="max"),
            (8, 8, 1),
            ValueError,
            "ConvNet(pooling='max'): pooling must be one of 'none', 'global', 'blockwise'.",
        ),
        (Myrtle(pooling=None), (8, 8, 1), ValueError, "pooling must be one of 'none', 'global'."),
        (ConvNet(padding="same"), (8, 8, 1), ValueError, "must be one of 'SAME', 'VALID', 'CIRC"),
        (WideResNet(padding="VALID"), (8, 8, 1), ValueError, "must be one of 'SAME', 'CIRCULAR'."),
        (ConvNet(2, 3), (8, 8, 1), TypeError, "ConvNet(filter_shape=3): filter_shape must be a t"),
        (ConvNet(2, (3, 0)), (8, 8, 1), ValueError, "filter_shape must be at least 1."),
        (ConvNet(2, ()), (8, 8, 1), ValueError, "filter_shape must have at least one entry"),
        (ConvNet(strides=(2,)), (8, 8, 1), ValueError, "strides must have 2 entries, one for ev"),
        (WideResNet(strides=2), (8, 8, 1), TypeError, "strides must be a tuple of integers."),
        (Myrtle(pool_shape=(2, 2, 2)), (8, 8, 1), ValueError, "pool_shape must have 2 entries"),
        (ConvNet(last_layer=Flatten()), (8, 8, 1), TypeError, "last_layer must be a Dense layer"),
        (
            ConvNet(horizontal_flip="yes"),
            (8, 8, 1),
            TypeError,
            "ConvNet(horizontal_flip='yes'): horizontal_flip must be True or False, got str.",
        ),
        (ConvNet(weight_std=-1.0), (8, 8, 1), ValueError, "weight_std must be >= 0."),
        (ConvNet(activation="rulu"), (8, 8, 1), ValueError, "Did you mean 'relu'?"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_what_does_not_fit_is_refused_before_any_work(network, shape, error, message, monkeypatch):
    monkeypatch.setattr("skntk.gram.engine.prepared_network.PreparedNetwork.of", pytest.fail)
    with pytest.raises(error, match=re.escape(message)):
        gram_matrix(clone(network), np.ones((2, *shape)))
