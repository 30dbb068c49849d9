"""Scales of the features: the kernels of scaled inputs, wherever the layer stands first."""

import numpy as np
import pytest

from skntk import gram_diagonal, gram_matrix
from skntk.architecture import (
    Conv,
    Dense,
    Flatten,
    FlipAverage,
    FullyConnected,
    InputScale,
    Relu,
    Serial,
)

SCALES = np.array([0.5, 2.0])
KINDS = ("nngp", "ntk")
random = np.random.default_rng(0)
VECTORS, IMAGES = random.normal(size=(5, 2)), random.normal(size=(3, 4, 3, 2))


@pytest.mark.parametrize(
    ("network", "without", "X"),
    [
        (Serial([InputScale(SCALES), FullyConnected(1)]), FullyConnected(1), VECTORS),
        (
            Serial([Serial([InputScale(SCALES), Dense()]), Relu()]),
            Serial([Dense(), Relu()]),
            VECTORS,
        ),
        (
            FlipAverage(Serial([InputScale(SCALES), Conv((2, 2)), Relu(), Flatten()])),
            FlipAverage(Serial([Conv((2, 2)), Relu(), Flatten()])),
            IMAGES,
        ),
    ],
    ids=["preset", "nested", "images"],
)
def test_kernels_are_those_of_scaled_inputs(network, without, X):
    for Y in (None, X[:2]):
        scaled = None if Y is None else Y * SCALES
        matrices = gram_matrix(network, X, Y, kind=KINDS)
        for matrix, expected in zip(
            matrices, gram_matrix(without, X * SCALES, scaled, kind=KINDS), strict=True
        ):
            np.testing.assert_allclose(matrix, expected, rtol=1e-12, atol=1e-14)
    diagonals = (
        gram_diagonal(network, X, kind=KINDS),
        gram_diagonal(without, X * SCALES, kind=KINDS),
    )
    np.testing.assert_allclose(*diagonals, rtol=1e-12)
