"""What the kernel of every registered class has to fulfill, computed in small blocks."""

import jax
import numpy as np
import pytest

from skntk import gram_diagonal, gram_matrix
from skntk.architecture import Identity
from skntk.architecture.core.registry import registered
from skntk.gram.engine.engine import engine_for
from skntk.gram.engine.prepared_network import PreparedNetwork
from skntk.gram.tiling.blocks import make_blocks
from tests.architecture.networks import (
    as_network,
    degenerate_inputs,
    examples_of_engines,
    inputs,
    nearly_parallel_inputs,
)

pytestmark = pytest.mark.usefixtures("quick_compilation")
BOTH = ("nngp", "ntk")
BLOCK = 8
N_SAMPLES = 2 * BLOCK + 3

every_example = pytest.mark.parametrize("layer", examples_of_engines())
every_bias = pytest.mark.parametrize("bias_std", [0.2, 0.0], ids=["bias", "no bias"])


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr("skntk.gram.engine.sizes.BLOCK_SIZES", (BLOCK,))


def test_the_samples_fill_several_blocks():
    with engine_for(1, 2**30) as engine:
        X = inputs(N_SAMPLES)
        network = PreparedNetwork.of(as_network(Identity()), X.shape[1:], "float64")
        job = engine.begin(network.signature, (), len(X))
        blocks = make_blocks(network, X, job.sizes.left, engine)
    assert [block.n_rows for block in blocks] == [BLOCK, BLOCK, 3]


def assert_close(actual, expected, relative):
    """Compare within a fraction of the largest entry."""
    assert np.isfinite(actual).all()
    assert np.abs(actual - expected).max() <= relative * np.abs(expected).max()


def without_diagonal(matrix):
    return matrix[~np.eye(len(matrix), dtype=bool)]


@every_example
@every_bias
@pytest.mark.parametrize(
    "samples", [inputs, lambda n: degenerate_inputs()], ids=["any", "degenerate"]
)
def test_symmetric_and_positive_semidefinite(layer, bias_std, samples):
    for matrix in gram_matrix(as_network(layer, bias_std), samples(N_SAMPLES), kind=BOTH):
        assert np.isfinite(matrix).all()
        np.testing.assert_array_equal(matrix, matrix.T)
        assert np.linalg.eigvalsh(matrix).min() >= -1e-10 * np.trace(matrix)


@every_example
@every_bias
def test_diagonal_alone_equals_the_diagonal(layer, bias_std):
    network, X = as_network(layer, bias_std), np.vstack([inputs(N_SAMPLES), degenerate_inputs()])
    diagonals = gram_diagonal(network, X, kind=BOTH)
    for diagonal, matrix in zip(diagonals, gram_matrix(network, X, kind=BOTH), strict=True):
        assert diagonal.shape == (len(X),)
        np.testing.assert_array_equal(diagonal, np.diagonal(matrix))


@every_example
def test_tiles_of_ragged_sizes_equal_single_tiles(layer):
    network, X = as_network(layer), inputs(N_SAMPLES)
    pieces = np.array_split(np.arange(N_SAMPLES), 4)
    assert all(len(piece) <= BLOCK for piece in pieces)
    tiled = gram_matrix(network, X, kind=BOTH)
    for rows in pieces:
        for columns in pieces:
            other = None if rows is columns else X[columns]
            single = gram_matrix(network, X[rows], other, kind=BOTH)
            for of_all, of_piece in zip(tiled, single, strict=True):
                assert_close(of_piece, of_all[np.ix_(rows, columns)], 1e-13)


@every_example
def test_permuted_rows_permute_the_matrix(layer):
    network, X = as_network(layer), np.vstack([inputs(N_SAMPLES - 7), degenerate_inputs()])
    order = np.random.default_rng(4).permutation(N_SAMPLES)
    permuted = gram_matrix(network, X[order], kind=BOTH)
    for matrix, ours in zip(gram_matrix(network, X, kind=BOTH), permuted, strict=True):
        assert_close(ours, matrix[np.ix_(order, order)], 1e-13)


@every_example
@every_bias
def test_cross_equals_symmetric_off_the_diagonal(layer, bias_std):
    network = as_network(layer, bias_std)
    X = np.vstack([inputs(N_SAMPLES - 7), degenerate_inputs()])
    cross = gram_matrix(network, X, X.copy(), kind=BOTH)
    for matrix, ours in zip(gram_matrix(network, X, kind=BOTH), cross, strict=True):
        assert_close(without_diagonal(ours), without_diagonal(matrix), 1e-13)


@every_example
@every_bias
def test_swapped_arguments_transpose_the_matrix(layer, bias_std):
    network, X, Y = as_network(layer, bias_std), inputs(N_SAMPLES), degenerate_inputs()
    transposed = gram_matrix(network, Y, X, kind=BOTH)
    for matrix, ours in zip(gram_matrix(network, X, Y, kind=BOTH), transposed, strict=True):
        assert_close(ours.T, matrix, 1e-13)


@every_example
@every_bias
def test_equal_samples_have_equal_rows(layer, bias_std):
    """Rows 0 and 1, and the two zeros at the end, are equal samples, though different ones."""
    for matrix in gram_matrix(as_network(layer, bias_std), degenerate_inputs(), kind=BOTH):
        np.testing.assert_allclose(matrix[0, 2:], matrix[1, 2:], rtol=1e-13)
        np.testing.assert_allclose(matrix[:-2, -1], matrix[:-2, -2], rtol=1e-13)


@every_example
@every_bias
def test_single_precision_is_near_double_precision(layer, bias_std):
    network = as_network(layer, bias_std)
    X = np.vstack([inputs(N_SAMPLES - 7), degenerate_inputs()])
    single = gram_matrix(network, X, kind=BOTH, dtype="float32")
    for ours, matrix in zip(single, gram_matrix(network, X, kind=BOTH), strict=True):
        assert ours.dtype == np.float32
        assert_close(ours, matrix, 3e-6)


@every_example
@every_bias
def test_single_precision_keeps_the_digits_of_nearly_parallel_samples(layer, bias_std):
    network, X = as_network(layer, bias_std), nearly_parallel_inputs(N_SAMPLES)
    single = gram_matrix(network, X, kind=BOTH, dtype="float32")
    for ours, matrix in zip(single, gram_matrix(network, X, kind=BOTH), strict=True):
        assert_close(ours, matrix, 2e-6)
        lowest = np.linalg.eigvalsh(ours.astype(float)).min()
        assert lowest >= -3e-6 * np.diagonal(matrix).mean()


@every_example
@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_extreme_scales_are_finite_or_refused(layer, scale):
    """Large inputs may overflow, as in an exponential; then the error says what to change."""
    network, X = as_network(layer), scale * np.vstack([inputs(3), degenerate_inputs()])
    try:
        matrices = gram_matrix(network, X, kind=BOTH)
    except ValueError as error:
        assert scale > 1
        assert "Rescale the inputs" in str(error)
    else:
        for matrix in matrices:
            assert np.isfinite(matrix).all()
            # Beside a bias the small samples are nearly equal, and the slope of a kink there is
            # known to half the digits: the angle between two samples moves by the square root of
            # the rounding of their covariance.
            rounding = np.sqrt(np.finfo(float).eps)
            assert np.linalg.eigvalsh(matrix).min() >= -rounding * np.trace(matrix)


@every_example
def test_unflattened_network_has_the_same_kernel(layer):
    network, X = as_network(layer), inputs(N_SAMPLES)
    restored = jax.tree.map(lambda leaf: leaf, network)
    for ours, matrix in zip(
        gram_matrix(restored, X, kind=BOTH), gram_matrix(network, X, kind=BOTH), strict=True
    ):
        np.testing.assert_array_equal(ours, matrix)


@every_example
def test_changed_leaves_compile_nothing(layer, monkeypatch):
    network, X = as_network(layer), inputs(N_SAMPLES)
    before = gram_matrix(network, X, kind=BOTH)
    traced = count_traces(monkeypatch, type(network))
    changed = jax.tree.map(lambda leaf: 0.9 * leaf, network)
    after = gram_matrix(changed, X, kind=BOTH)
    assert traced == []
    if jax.tree.leaves(network):
        assert not np.array_equal(before, after)


@pytest.mark.parametrize("name", ["FullyConnected", "Serial"])
def test_changed_shapes_compile_anew(name, monkeypatch):
    """The counter of the test above counts."""
    cls = registered()[name]
    traced = count_traces(monkeypatch, cls)
    gram_matrix(cls.examples()[0], np.ones((3, 7)), kind=BOTH)
    assert sorted(set(traced)) == ["propagate_pairs", "propagate_samples"]


def count_traces(monkeypatch, cls):
    """Return a list that grows whenever a compiled program calls a network of this class anew."""
    traced = []
    for name in ("propagate_samples", "propagate_pairs"):
        original = getattr(cls, name)

        def propagate(*arguments, original=original, name=name):
            traced.append(name)
            return original(*arguments)

        monkeypatch.setattr(cls, name, propagate)
    return traced
