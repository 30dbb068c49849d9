"""Networks of images and sequences: invariants of all spatial layers, and the choice of offsets."""

from collections import Counter
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.sparse import eye_array

from skntk import NTKRegressor, gram_diagonal, gram_matrix
from skntk.architecture import (
    Aggregate,
    AvgPool,
    Concat,
    Conv,
    ConvLocal,
    ConvTranspose,
    Dense,
    Dropout,
    Flatten,
    FullyConnected,
    GlobalAvgPool,
    ImageResize,
    LayerNorm,
    Relu,
    Residual,
    Serial,
    Sum,
    Tanh,
)
from skntk.architecture.propagation.fusion import FusionBarriers
from skntk.architecture.propagation.pixel_covariance import Grid, input_covariance, input_grid
from skntk.architecture.propagation.windows import Window
from tests.architecture.networks import (
    as_spatial_network,
    examples,
    first_examples,
    spatial_inputs,
)

pytestmark = pytest.mark.usefixtures("quick_compilation")
BOTH = ("nngp", "ntk")
WHOLE_NETWORKS = {
    "tanh": Serial([Conv((2, 2), bias_std=0.3), Tanh(), GlobalAvgPool(), Dense()]),
    "dropout": Serial([Conv((3, 3)), Dropout(0.7), Relu(), AvgPool((2, 2)), Flatten()]),
    "norm": Serial(
        [
            Conv((3, 3)),
            LayerNorm(),
            Relu(),
            Dense(1.2, 0.3),
            LayerNorm([1], 0.1),
            Conv((2, 2), (2, 2)),
            GlobalAvgPool(),
        ]
    ),
    "residual": Serial(
        [
            Conv((3, 3), weight_std=1.4),
            Residual(
                Serial([Relu(), Conv((3, 3), (2, 2)), Relu(), Conv((3, 3))]), Conv((1, 1), (2, 2))
            ),
            AvgPool((2, 2), (2, 2), "SAME"),
            GlobalAvgPool(),
            Dense(1.2, 0.2),
        ]
    ),
    "concat": Serial(
        [
            Concat([Conv((2, 2), (1, 2)), AvgPool((2, 2), (2, 2), "SAME")], axis=0),
            Relu(),
            GlobalAvgPool(),
        ]
    ),
    "pools": Serial(
        [Conv((3, 3)), Relu(), AvgPool((3, 2), (2, 2), "SAME"), AvgPool((2, 2)), Flatten()]
    ),
}


def networks_and_inputs(registered):
    """Return networks with examples of the registry in them, and samples, as test parameters."""
    return [
        pytest.param(
            as_spatial_network(example.values[0]),
            spatial_inputs(example.values[0], 7),
            id=example.id,
        )
        for example in registered
    ] + [
        pytest.param(network, spatial_inputs(None, 7), id=name)
        for name, network in WHOLE_NETWORKS.items()
    ]


SPATIAL = ("spatial", "spatial_preset")
every_network = pytest.mark.parametrize(("network", "X"), networks_and_inputs(examples(*SPATIAL)))
# For tests that compile a program of their own.
every_class = pytest.mark.parametrize(
    ("network", "X"), networks_and_inputs(first_examples(*SPATIAL))
)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Cut seven samples into two blocks."""
    monkeypatch.setattr("skntk.gram.engine.sizes.IMAGE_BLOCK_SIZES", (4,))


@every_network
def test_symmetric_and_positive_semidefinite(network, X):
    for kernel in gram_matrix(network, X, kind=BOTH):
        np.testing.assert_array_equal(kernel, kernel.T)
        assert np.linalg.eigvalsh(kernel).min() > -1e-12 * np.abs(kernel).max()


@every_network
def test_diagonal_alone_equals_the_diagonal(network, X):
    diagonals, matrices = (each(network, X, kind=BOTH) for each in (gram_diagonal, gram_matrix))
    for diagonal, matrix in zip(diagonals, matrices, strict=True):
        np.testing.assert_allclose(diagonal, np.diag(matrix), rtol=1e-12)


@every_network
def test_tiles_equal_matrices_of_single_tiles(network, X):
    """Of no more than four samples a side there is one tile, of the same compiled program."""
    tiled = gram_matrix(network, X, X[:5], kind=BOTH)
    for rows, columns in product((slice(0, 3), slice(3, 7)), (slice(0, 4), slice(4, 5))):
        single = gram_matrix(network, X[rows], X[columns], kind=BOTH)
        for of_all, ours in zip(tiled, single, strict=True):
            np.testing.assert_allclose(of_all[rows, columns], ours, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("network", WHOLE_NETWORKS.values(), ids=WHOLE_NETWORKS)
def test_tiles_equal_one_tile(network, monkeypatch):
    X = spatial_inputs(None, 7)
    tiled = gram_matrix(network, X, X[:5], kind=BOTH)
    monkeypatch.setattr("skntk.gram.engine.sizes.IMAGE_BLOCK_SIZES", (8,))
    for ours, expected in zip(tiled, gram_matrix(network, X, X[:5], kind=BOTH), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=1e-14)


@every_network
def test_swapped_arguments_transpose_the_matrix(network, X):
    swapped = gram_matrix(network, X[:3], X[3:], kind=BOTH)
    for ours, expected in zip(swapped, gram_matrix(network, X[3:], X[:3], kind=BOTH), strict=True):
        np.testing.assert_allclose(ours, expected.T, rtol=1e-12, atol=1e-14)


@every_class
def test_single_precision_is_near_double_precision(network, X):
    single, double = (gram_matrix(network, X, kind=BOTH, dtype=d) for d in ("float32", "float64"))
    for ours, expected in zip(single, double, strict=True):
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@every_network
def test_equal_opposite_and_blank_images_are_finite(network, X):
    X = np.concatenate([X[:2], X[:2], -X[:2], np.zeros_like(X[:1])])
    for kernel in gram_matrix(network, X, kind=BOTH):
        assert np.isfinite(kernel).all()
        if not any(isinstance(layer, Dropout) for layer in getattr(network, "layers", ())):
            np.testing.assert_allclose(kernel[:2], kernel[2:4], rtol=1e-12)


@every_class
def test_derivatives_by_hyperparameters(network, X):
    def of_leaves(network):
        grid = input_grid(network, X.shape[1:-1])
        pads = [(0, places - n) for n, places in zip(*grid, strict=True)]
        images = jnp.moveaxis(jnp.pad(X, [(0, 0), *pads, (0, 0)]), (-1, 0), (0, -1))
        barriers = FusionBarriers(jnp.square(images))
        inputs = input_covariance(images, images, grid, barriers, is_diagonal=True)
        field, _ = network.propagate_sample_pixels(inputs, ())
        return jnp.sum(field.at(()).ntk)

    with jax.enable_x64(True):
        network = jax.tree.map(lambda leaf: jnp.asarray(leaf, float), network)
        random = np.random.default_rng(0)
        along = jax.tree.map(lambda leaf: random.normal() * jnp.abs(leaf), network)
        # One program for all three, forward as kernels of images are differentiated.
        value_and_slope = jax.jit(lambda network: jax.jvp(of_leaves, (network,), (along,)))
        _, slope = value_and_slope(network)
        forward, backward = (
            value_and_slope(jax.tree.map(lambda leaf, d, s=s: leaf + s * d, network, along))[0]
            for s in (1e-5, -1e-5)
        )
    slope, difference = float(slope), float(forward) - float(backward)
    assert np.isfinite(slope)
    assert difference / 2e-5 == pytest.approx(slope, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("last", [Flatten(), GlobalAvgPool()])
def test_branches_stand_in_a_row(last):
    """What ends in positions of their own shares nothing: a pool averages the branches' kernels."""
    X = np.random.default_rng(0).normal(size=(5, 6, 2))
    branches = [Conv((3,), bias_std=0.4), AvgPool((2,), (2,))]
    parts = [2 / 3, 1 / 3]
    if isinstance(last, GlobalAvgPool):
        parts = [part**2 for part in parts]
    single = [gram_matrix(Serial([branch, last]), X, kind=BOTH) for branch in branches]
    joined = gram_matrix(Serial([Concat(branches, axis=0), last]), X, kind=BOTH)
    for ours, *of_branches in zip(joined, *single, strict=True):
        expected = sum(part * each for part, each in zip(parts, of_branches, strict=True))
        np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("last", [Flatten(), GlobalAvgPool()])
def test_branches_of_different_strides_add(last):
    """They end in equal sizes, though on periods of different sizes."""
    X = np.random.default_rng(0).normal(size=(5, 6, 2))
    branches = [Conv((4,), padding="VALID"), AvgPool((2,), (2,))]
    single = [gram_matrix(Serial([branch, last]), X, kind=BOTH) for branch in branches]
    added = gram_matrix(Serial([Sum(branches), last]), X, kind=BOTH)
    for ours, *of_branches in zip(added, *single, strict=True):
        np.testing.assert_allclose(ours, sum(of_branches), rtol=1e-12, atol=1e-14)


WITH_PARAMETERS = [
    *(
        (ConvTranspose((3,), (stride,), padding), (4, 2))
        for stride, padding in ((1, "SAME"), (2, "SAME"), (2, "VALID"), (4, "CIRCULAR"))
    ),
    (ConvTranspose((2, 3), (3, 2)), (2, 3, 1)),
    (ConvLocal((3, 2), (2, 1)), (4, 3, 1)),
]


@pytest.mark.parametrize(("layer", "shape"), WITH_PARAMETERS)
def test_one_layer_of_weights_has_the_kernel_of_its_derivatives(layer, shape):
    """The NTK of a finite network that is linear in its weights is the infinite one."""
    X = np.random.default_rng(0).normal(size=(5, *shape))
    network = Serial([layer, GlobalAvgPool()])
    with jax.enable_x64(True):
        weights = network.initialize(jax.random.key(0), shape, 1, 1)
        derivatives = jax.jacobian(lambda weights: network.apply(weights, jnp.asarray(X)))(weights)
        rows = [leaf.reshape(len(X), -1) for leaf in jax.tree.leaves(derivatives)]
        expected = np.asarray(sum(each @ each.T for each in rows))
    np.testing.assert_allclose(gram_matrix(network, X), expected, rtol=1e-12)


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize(("size", "stride"), [(1, 1), (3, 1), (4, 2), (3, 2), (2, 3)])
def test_transposed_convolution_is_that_of_jax(padding, size, stride):
    X, weights = np.ones((1, 5, 1)), np.arange(1.0, size + 1).reshape(size, 1, 1)
    layer = ConvTranspose((size,), (stride,), padding, weight_std=np.sqrt(size))
    ours = layer.apply((weights, np.zeros(1)), jnp.asarray(X))
    expected = jax.lax.conv_transpose(
        jnp.asarray(X, ours.dtype),
        jnp.asarray(weights, ours.dtype),
        (stride,),
        padding,
        dimension_numbers=("NHC", "HIO", "NHC"),
    )
    np.testing.assert_allclose(ours, expected, rtol=1e-6)
    assert layer.output_shape(X.shape[1:]) == ours.shape[1:]


WITHOUT_PARAMETERS = {
    "norm": (LayerNorm("all"), (3, 4, 2)),
    "norm of rows": (LayerNorm([1], 0.1), (3, 4, 2)),
    "norm of a sequence": (LayerNorm([0]), (5, 2)),
    "nearest": (ImageResize((5, 3), "nearest"), (3, 4, 1)),
    "bilinear": (ImageResize((2, 4)), (5, 3, 1)),
    "bicubic": (ImageResize((7,), "bicubic"), (3, 2)),
    "aliases": (ImageResize((2,), antialias=False), (7, 2)),
    "graph": (Aggregate([[0, 2, 0], [0, 1, 0.5], [3, 0, 0]]), (3, 2)),
}


@pytest.mark.parametrize(
    ("layer", "shape"), WITHOUT_PARAMETERS.values(), ids=WITHOUT_PARAMETERS.keys()
)
@pytest.mark.parametrize("last", [Flatten(), GlobalAvgPool()])
def test_layers_without_parameters_act_on_inputs_and_kernels_alike(layer, shape, last):
    X = np.random.default_rng(0).normal(size=(5, *shape))
    with jax.enable_x64(True):
        mapped = np.asarray(layer.apply((), jnp.asarray(X)))
    if isinstance(last, GlobalAvgPool):
        mapped = mapped.mean(axis=tuple(range(1, mapped.ndim - 1)))
    features = mapped.reshape(len(X), -1)
    expected = features @ features.T / features.shape[1]
    # Behind one layer of weights both kernels are the inner products of the inputs.
    for kernel in gram_matrix(Serial([Dense(), layer, last]), X, kind=BOTH):
        np.testing.assert_allclose(kernel, expected, rtol=1e-9, atol=1e-12)


# Offsets ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("padding", ["SAME", "VALID", "CIRCULAR"])
@pytest.mark.parametrize(("size", "stride"), [(1, 1), (2, 1), (3, 1), (3, 2), (2, 3)])
@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("normalize_edges", [True, False])
def test_windows_read_what_nested_loops_read(padding, size, stride, paired, normalize_edges):
    n = 7
    window = Window(size, stride, padding, paired, normalize_edges)
    n_output, before = window.output_size(n), window.before(n)
    period = stride * max(n_output, -(-n // stride))
    kernel = np.random.default_rng(0).normal(size=(n, n))

    def read(i):
        """Return the pixels of a window and the weight of each place."""
        places = [(stride * i + u - before, u) for u in range(size)]
        if padding == "CIRCULAR":
            return {u: (at % n, 1.0) for at, u in places}
        inside = {u: at for at, u in places if 0 <= at < n}
        scale = size / len(inside) if normalize_edges else 1.0
        return {u: (at, scale) for u, at in inside.items()}

    for offset, i in product(range(period // stride), range(n_output)):
        j = (i + offset) % (period // stride)
        ours = 0.0
        for shift in window.shifts(n, period):
            below = (stride * offset + shift) % period
            for u, weight in enumerate(window.weights(n, period, shift)[offset, i]):
                left = stride * i + u - before
                left = left % n if padding == "CIRCULAR" else left
                ours += weight * kernel[left, (left + below) % period] if weight else 0.0
        expected = 0.0
        if j < n_output:
            for (u, (left, a)), (v, (right, b)) in product(read(i).items(), read(j).items()):
                expected += a * b * kernel[left, right] * (u == v or not paired)
        assert ours == pytest.approx(expected, abs=1e-12)


def test_only_needed_offsets_are_computed():
    grid = Grid((8, 8), (8, 8))
    up_to_here = Serial([Conv((3, 3)), Relu(), Conv((3, 3), (2, 2)), Relu()])
    pooled = Serial([*up_to_here.layers, GlobalAvgPool()])
    flat = Serial([*up_to_here.layers, Flatten()])
    assert pooled.input_offsets((), grid, is_diagonal=False) == ((0, 2, 4, 6),) * 2
    assert flat.input_offsets((), grid, is_diagonal=False) == ((0,),) * 2
    neighbors = Serial([Conv((3, 3)), AvgPool((2, 2), (2, 2)), Flatten()])
    assert neighbors.input_offsets((), grid, is_diagonal=False) == ((0, 1, 7),) * 2


def test_branches_share_what_stands_below(monkeypatch):
    """A layer is entered in the program as often with two blocks above it as with none."""
    block = Residual(Serial([Relu(), Conv((3, 3), (2, 2))]), Conv((1, 1), (2, 2)))
    network = Serial([Conv((3, 3)), *[block] * 3, GlobalAvgPool()])
    calls = []
    original = Relu.propagate_pairs

    def counted(self, state, left, right):
        calls.append(state.nngp.shape)
        return original(self, state, left, right)

    monkeypatch.setattr(Relu, "propagate_pairs", counted)
    X = np.random.default_rng(0).normal(size=(3, 16, 16, 1))
    gram_matrix(network, X[:1], X[1:])
    n_pairs = max(shape[-1] for shape in calls)
    of_pairs = Counter(shape for shape in calls if shape[-1] == n_pairs)
    assert set(of_pairs) == {(16, 16, n_pairs), (8, 8, n_pairs), (4, 4, n_pairs)}
    assert len(set(of_pairs.values())) == 1


# What users get -----------------------------------------------------------------------------------


def test_estimators_take_images():
    random = np.random.default_rng(0)
    X = random.normal(size=(12, 4, 4, 1))
    y = X.mean(axis=(1, 2, 3))
    network = Serial([Conv((3, 3), weight_std=1.5), Relu(), GlobalAvgPool(), Dense()])
    model = NTKRegressor(network).fit(X[:9], y[:9])
    mean, std = model.predict(X[9:], return_std=True)
    assert mean.shape == std.shape == (3,)
    assert (std > 0).all()


@pytest.mark.parametrize(
    ("network", "shape", "error", "message"),
    [
        (Serial([Conv((3, 3)), Flatten()]), (9,), ValueError, "takes images"),
        (Serial([Conv((3,)), Flatten()]), (4, 4, 1), ValueError, "1 entries, but .* 2 spatial"),
        (Serial([Conv((5, 5), padding="VALID"), Flatten()]), (4, 4, 1), ValueError, "not fit into"),
        (Serial([Conv((3, 3), padding="same"), Flatten()]), (4, 4, 1), ValueError, "one of"),
        (Serial([Conv(3), Flatten()]), (4, 4, 1), TypeError, "tuple of integers"),
        (Serial([Conv((3, 0)), Flatten()]), (4, 4, 1), ValueError, "at least 1"),
        (Serial([Conv((3, 3))]), (4, 4, 1), ValueError, r"end in Flatten\(\) or GlobalAvgPool\(\)"),
        (Serial([GlobalAvgPool()]), (4,), ValueError, "takes images or sequences"),
        (FullyConnected(2), (4, 4, 1), ValueError, "takes vectors"),
        (Serial([ImageResize((2,)), Flatten()]), (4, 4, 1), ValueError, "1 entries, but .* 2 spa"),
        (Serial([ImageResize((2, 0)), Flatten()]), (4, 4, 1), ValueError, "at least 1"),
        (Serial([ImageResize(2), Flatten()]), (4, 1), TypeError, "tuple of integers"),
        (Serial([ImageResize((2,), "best"), Flatten()]), (4, 1), ValueError, "method must be one"),
        (Serial([Aggregate(np.eye(4)), Flatten()]), (4, 4, 1), ValueError, "takes the nodes"),
        (Serial([Aggregate(np.eye(3)), Flatten()]), (4, 1), ValueError, r"have 4 nodes: .*\(4, 4"),
        (Serial([Aggregate([[np.nan]]), Flatten()]), (1, 1), ValueError, "must be finite"),
        (Serial([Aggregate(eye_array(4)), Flatten()]), (4, 1), TypeError, r"with \.toarray"),
        (
            Serial([ConvTranspose((2,)), Flatten()]),
            (4, 4, 1),
            ValueError,
            "1 entries, but .* 2 spatial",
        ),
        (
            Serial([Concat([Conv((2, 2)), Conv((2, 2), (2, 2))], 1), Flatten()]),
            (4, 4, 1),
            ValueError,
            r"do not fit side by side: \[\(4, 4, 1\), \(2, 2, 1\)\]",
        ),
        (
            Serial([Concat([Conv((2, 2)), Flatten()]), Flatten()]),
            (4, 4, 1),
            ValueError,
            "do not fit side by side",
        ),
        (
            Serial([Concat([Conv((2, 2))], 2), Flatten()]),
            (4, 4, 1),
            ValueError,
            r"the spatial axes of the branches are \[0, 1\]",
        ),
        (
            Serial([Concat([Conv((2, 2))], 0, [1]), Flatten()]),
            (4, 4, 1),
            ValueError,
            "channels are for axis='channels', not 0",
        ),
        (Serial([LayerNorm([0, 2]), Flatten()]), (4, 4, 1), ValueError, r"axes .* are \[0, 1\]"),
        (Serial([LayerNorm([0, 0]), Flatten()]), (4, 4, 1), ValueError, "names an axis twice"),
        (Serial([Dense(), Relu(), Dense()]), (4, 4, 1), ValueError, "ends with 2 spatial axes"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(network, shape, error, message):
    with pytest.raises(error, match=message):
        gram_matrix(network, np.ones((2, *shape)))


@pytest.mark.parametrize("shape", [(4, 3, 2), (5, 2)], ids=["images", "sequences"])
def test_a_dense_layer_between_a_convolution_and_a_pool(shape):
    """The pool asks for no offset of samples with themselves, and so does the layer below."""
    X = np.random.default_rng(0).normal(size=(3, *shape))
    conv = Conv((2,) * (len(shape) - 1))
    expected = gram_matrix(Serial([conv, GlobalAvgPool()]), X, kind="nngp")
    kernel = gram_matrix(Serial([conv, Dense(2.0), GlobalAvgPool()]), X, kind="nngp")
    np.testing.assert_allclose(kernel, 4 * expected, rtol=1e-12)
