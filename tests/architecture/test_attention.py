"""Attention against its formulas, position by position, and what it refuses."""

import re

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

from skntk import NNGPRegressor, NTKRegressor, gram_matrix
from skntk.architecture import (
    AttentionNet,
    AvgPool,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool,
    LayerNorm,
    PositionEmbedding,
    Relu,
    Residual,
    SelfAttention,
    Serial,
)

KEEP_RATE = 0.7
WEIGHTS = {
    "softmax": lambda scores: np.exp(scores) / np.exp(scores).sum(-1, keepdims=True),
    "relu": lambda scores: np.maximum(scores, 0),
    "abs": np.abs,
}


@pytest.mark.parametrize("mechanism", WEIGHTS)
def test_formula_on_a_canvas_with_places_beyond_the_image(mechanism):
    """The pool makes a canvas of 4 x 4 places of 3 x 3 pixels; Dropout tells pixels from equals."""
    X = np.random.default_rng(0).normal(size=(3, 3, 3, 2))
    network = Serial(
        [
            Dropout(KEEP_RATE),
            SelfAttention(True, mechanism, 1.1, 0.9, 1.2, 0.8, 0.3),
            AvgPool((2, 2), (2, 2), "SAME"),
            Flatten(),
        ]
    )
    pixels = X.reshape(3, 9, 2)
    kernel = np.einsum("ipc,jqc->ijpq", pixels, pixels) / 2
    same = np.eye(3)[:, :, None, None] * np.eye(9)
    kernel = np.where(same, kernel / KEEP_RATE, kernel)
    weights = WEIGHTS[mechanism](1.1 * 0.9 * np.einsum("iipq->ipq", kernel))
    summed = (1.2 * 0.8) ** 2 * np.einsum("ipa,ijac,jqc->ijpq", weights, kernel, weights)
    windows = np.kron(*[np.array([[1, 1, 0], [0, 0, 1]]) / 2] * 2)
    for ours, factor in zip(gram_matrix(network, X, kind=("nngp", "ntk")), (1, 2), strict=True):
        pooled = np.einsum("up,ijpq,uq->ij", windows, factor * summed + 0.3**2, windows) / 4
        np.testing.assert_allclose(ours, pooled, rtol=1e-12)


def test_permuted_positions_without_embedding_have_the_same_kernel():
    X = np.random.default_rng(0).normal(size=(1, 5, 2))
    X = np.concatenate([X, X[:, [3, 1, 4, 0, 2]]])
    blind = gram_matrix(Serial([SelfAttention(), GlobalAvgPool()]), X)
    np.testing.assert_allclose(blind, blind[0, 0], rtol=1e-12)
    embedding = PositionEmbedding(decay_rate=0.2)
    seeing = gram_matrix(Serial([SelfAttention(position_embedding=embedding), GlobalAvgPool()]), X)
    assert abs(seeing[0, 0] / seeing[1, 1] - 1) > 1e-3


@pytest.mark.parametrize(
    ("layer", "error", "message"),
    [
        (SelfAttention(mechanism="hardmax"), ValueError, "mechanism must be one of 'softmax'"),
        (SelfAttention(mechanism=None), ValueError, "mechanism must be one of 'softmax'"),
        (SelfAttention(False), ValueError, "use mechanism='identity' or linear_scaling=True"),
        (SelfAttention(1), TypeError, "linear_scaling must be True or False"),
        (SelfAttention(position_in_values=None), TypeError, "must be True or False"),
        (SelfAttention(key_std=-1.0), ValueError, "SelfAttention(key_std=-1.0): key_std must be"),
        (SelfAttention(out_std="1"), TypeError, "out_std must be a real number"),
        (SelfAttention(bias_std=np.inf), ValueError, "bias_std must be finite"),
        (SelfAttention(position_embedding="sum"), TypeError, "must be a PositionEmbedding(...)"),
        (SelfAttention(position_embedding=Dense()), TypeError, "must be a PositionEmbedding(...)"),
        (
            SelfAttention(position_embedding=PositionEmbedding(std=-1)),
            ValueError,
            "PositionEmbedding(std=-1): std must be >= 0",
        ),
        (PositionEmbedding("add"), ValueError, "mode must be one of 'sum', 'concat'"),
        (PositionEmbedding(decay_rate=-1), ValueError, "decay_rate must be >= 0"),
        (PositionEmbedding(p_norm=0), ValueError, "p_norm must be > 0"),
        (PositionEmbedding(p_norm=3), ValueError, "p_norm must be <= 2"),
        (PositionEmbedding(channel_ratio=-1), ValueError, "channel_ratio must be >= 0"),
    ],
    ids=lambda value: repr(value) if isinstance(value, SelfAttention | PositionEmbedding) else "",
)
def test_refused_values(layer, error, message):
    with pytest.raises(error, match=re.escape(message)):
        gram_matrix(Serial([layer, Flatten()]), np.ones((2, 4, 3)))


@pytest.mark.parametrize("layer", [SelfAttention(), PositionEmbedding()], ids=repr)
def test_vectors_are_refused(layer):
    with pytest.raises(ValueError, match=r"takes images.* or sequences.* shape \(4,\)"):
        gram_matrix(Serial([layer, Flatten()]), np.ones((2, 4)))


# The preset ---------------------------------------------------------------------------------------


def test_preset_is_made_of_blocks():
    dense, attention = Dense(1.5, 0.1), SelfAttention(False, "identity", bias_std=0.2)
    block = [
        Residual(Serial([LayerNorm(), attention])),
        Residual(Serial([LayerNorm(), dense, Relu(), dense])),
    ]
    built = AttentionNet(attention=attention, bias_std=0.1).build()
    assert built == Serial([dense, *block, *block, LayerNorm(), GlobalAvgPool(), dense])


def test_preset_without_norms_shortcuts_and_pool():
    net = AttentionNet(1, "relu", SelfAttention(), "none", False, False, 1.2, None, Dense(0.7))
    dense = Dense(1.2, None)
    blocks = [Serial([SelfAttention()]), Serial([dense, Relu(), dense])]
    assert net.build() == Serial([dense, *blocks, Flatten(), Dense(0.7)])


def test_default_forecasts_a_seasonal_series():
    """The global pool does not forget in which order the values of a window came."""
    time = np.arange(88)
    series = np.sin(2 * np.pi * time / 8) + 0.1 * np.random.default_rng(0).normal(size=88)
    X = np.lib.stride_tricks.sliding_window_view(series, 8)[:80, :, np.newaxis]
    model = NNGPRegressor(AttentionNet(depth=1)).fit(X[:40], series[8:48])
    assert model.score(X[40:], series[48:]) > 0.9


def test_flat_rows_and_grids():
    """Rows are sequences of the shape that the network was told; a grid reaches every choice."""
    X = np.random.default_rng(0).normal(size=(6, 3, 2))
    attention = SelfAttention(position_embedding=PositionEmbedding())
    network = AttentionNet(1, attention=attention, input_shape=(3, 2))
    grid = {
        "architecture__attention__key_std": [1.0, 2.0],
        "architecture__attention__position_embedding__std": [0.5],
        "architecture__weight_std": [1.2],
    }
    search = GridSearchCV(NTKRegressor(network, alpha=0.1), grid, cv=2, error_score="raise")
    best = search.fit(X.reshape(6, 6), X[:, 0, 0]).best_estimator_
    assert best.architecture.attention.position_embedding.std == 0.5
    flat, unflat = gram_matrix(network, X.reshape(6, 6)), gram_matrix(network, X)
    np.testing.assert_array_equal(flat, unflat)


@pytest.mark.parametrize(
    ("network", "shape", "error", "message"),
    [
        (AttentionNet(0), (4, 3), ValueError, "depth must be at least 1"),
        (AttentionNet(pooling="mean"), (4, 3), ValueError, "one of 'global', 'none'"),
        (AttentionNet(residual=1), (4, 3), TypeError, "residual must be True or False"),
        (AttentionNet(layer_norm="no"), (4, 3), TypeError, "layer_norm must be True or False"),
        (AttentionNet(attention="softmax"), (4, 3), TypeError, "must be a SelfAttention layer"),
        (AttentionNet(attention=SelfAttention(False)), (4, 3), ValueError, "linear_scaling=True"),
        (AttentionNet(activation="softmax"), (4, 3), ValueError, "Unknown activation='softmax'"),
        (AttentionNet(last_layer=Relu()), (4, 3), TypeError, "last_layer must be a Dense layer"),
        (AttentionNet(), (12,), ValueError, "AttentionNet takes images"),
        (AttentionNet(input_shape=(4, 3)), (13,), ValueError, "flat rows of 12 features"),
    ],
    ids=lambda value: repr(value) if isinstance(value, AttentionNet) else "",
)
def test_preset_refuses(network, shape, error, message):
    with pytest.raises(error, match=message):
        gram_matrix(network, np.ones((2, *shape)))
