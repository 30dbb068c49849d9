"""What the public functions refuse, and what they say."""

import re

import numpy as np
import pytest

from skntk import NTKKernel, gram_diagonal, gram_matrix
from skntk.architecture import Dense, FullyConnected, Gaussian, Relu, Serial
from tests.gram.networks import NETWORK, samples

X = samples(3)


@pytest.mark.parametrize("function", [gram_matrix, gram_diagonal])
@pytest.mark.parametrize(
    ("kind", "shown"),
    [("ntkgp", "'ntkgp'"), ([], "[]"), (("ntk", "x"), "('ntk', 'x')"), (None, "None"), (1, "1")],
)
def test_kind(function, kind, shown):
    expected = f"kind must be 'nngp', 'ntk' or a sequence of these, got {shown}."
    with pytest.raises(ValueError, match=re.escape(expected)):
        function(NETWORK, X, kind=kind)


@pytest.mark.parametrize("function", [gram_matrix, gram_diagonal])
@pytest.mark.parametrize("dtype", ["float16", "int64", "complex128", "double precision", None, 64])
def test_dtype(function, dtype):
    expected = f"dtype must be 'float64' or 'float32', got {dtype!r}."
    with pytest.raises(ValueError, match=re.escape(expected)):
        function(NETWORK, X, dtype=dtype)


@pytest.mark.parametrize("function", [gram_matrix, gram_diagonal])
@pytest.mark.parametrize("architecture", [FullyConnected, "relu", [Dense(), Relu()], None])
def test_architecture_is_an_object(function, architecture):
    with pytest.raises(TypeError, match=r"architecture must be an object such as FullyConnected"):
        function(architecture, X)


@pytest.mark.parametrize("function", [gram_matrix, gram_diagonal])
def test_swapped_arguments(function):
    with pytest.raises(TypeError, match="The architecture comes first") as refusal:
        function(X, FullyConnected(3))
    assert "FullyConnected(...) stands in the place of X, and ndarray" in str(refusal.value)


@pytest.mark.parametrize("function", [gram_matrix, gram_diagonal])
@pytest.mark.parametrize(
    ("architecture", "error", "message"),
    [
        (FullyConnected(depth=0), ValueError, "FullyConnected(depth=0): depth must be at least 1."),
        (FullyConnected(depth=-2), ValueError, "depth must be at least 1."),
        (FullyConnected(depth=1.5), TypeError, "depth must be an integer, got float."),
        (FullyConnected(weight_std=-1.0), ValueError, "weight_std must be >= 0."),
        (FullyConnected(activation="rulu"), ValueError, "Did you mean 'relu'?"),
        (FullyConnected(activation=Relu), TypeError, "write activation=Relu(...)."),
        (Serial([Dense(np.nan)]), ValueError, "Dense(weight_std=nan): weight_std must be finite."),
        (Serial([]), ValueError, "Serial(layers=[]) needs at least one layer."),
    ],
)
def test_hyperparameters(function, architecture, error, message):
    with pytest.raises(error, match=re.escape(message)):
        function(architecture, X)


@pytest.mark.parametrize("function", [gram_matrix, gram_diagonal])
@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (np.array([[1.0, np.nan]]), "Input X contains NaN"),
        (np.array([[1.0, np.inf]]), "Input X contains infinity"),
        (np.ones(3), "Expected 2D array, got 1D array"),
        (np.ones((0, 2)), "Found array with 0 sample(s)"),
        (np.ones((2, 0)), "Found array with 0 feature(s)"),
        (np.ones((2, 4, 4, 3)), "Flatten the samples with X.reshape(len(X), -1)."),
        ([["a", "b"]], "could not convert string to float"),
    ],
)
def test_inputs(function, inputs, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        function(NETWORK, inputs)


def test_right_inputs_are_checked_as_the_left_ones():
    with pytest.raises(ValueError, match="Input Y contains NaN"):
        gram_matrix(NETWORK, X, np.full((2, 4), np.nan))
    with pytest.raises(
        ValueError, match=r"X and Y must have samples of one shape, got \(4,\) and \(3,\)"
    ):
        gram_matrix(NETWORK, X, samples(2, n_features=3))


@pytest.mark.parametrize("function", [gram_matrix, gram_diagonal])
@pytest.mark.parametrize(
    ("architecture", "scale", "dtype"),
    [
        (NETWORK, 1e200, "float64"),
        (NETWORK, 1e30, "float32"),
        (FullyConnected(2, "exp"), 100.0, "float64"),
        (Serial([Gaussian(b=1.0)]), 1.0, "float64"),
    ],
)
def test_overflow_names_the_sample_and_the_remedy(function, architecture, scale, dtype):
    # Row 70 is not in the first block.
    many = np.zeros((80, 4))
    many[70] = scale
    message = (
        rf"The NNGP kernel of sample 70 with itself is not finite in {dtype}.*Rescale the inputs"
    )
    with pytest.raises(ValueError, match=message):
        function(architecture, many, dtype=dtype)


def test_overflow_of_the_tangent_kernel_alone():
    # Each hidden layer keeps the variance of a sine of a large argument, and multiplies the slope.
    steep = FullyConnected(4, "sin", weight_std=1e80)
    with pytest.raises(ValueError, match="The NTK kernel of sample 0 with itself is not finite"):
        gram_matrix(steep, X)


@pytest.mark.parametrize("n_jobs", [0])
def test_no_workers(n_jobs):
    with pytest.raises(ValueError, match="n_jobs == 0"):
        gram_matrix(NETWORK, X, n_jobs=n_jobs)


@pytest.mark.parametrize("function", [gram_matrix, gram_diagonal])
@pytest.mark.parametrize("n_jobs", [1.5, "2", True, [1]])
def test_workers_are_counted(function, n_jobs):
    message = f"n_jobs must be an integer or None, got {n_jobs!r}: the number of workers"
    with pytest.raises(TypeError, match=re.escape(message)):
        function(NETWORK, X, n_jobs=n_jobs)
    kernel = NTKKernel(NETWORK, n_jobs=n_jobs)
    for call in (kernel, kernel.diag, lambda rows: kernel(rows, eval_gradient=True)):
        with pytest.raises(TypeError, match="n_jobs must be an integer"):
            call(X)


def test_samples_that_are_none():
    message = "X is None: pass samples as an array"
    for call in (
        lambda: gram_matrix(NETWORK, None),
        lambda: gram_matrix(NETWORK, None, X),
        lambda: gram_diagonal(NETWORK, None),
        lambda: NTKKernel(NETWORK)(None),
        lambda: NTKKernel(NETWORK).diag(None),
    ):
        with pytest.raises(ValueError, match=message):
            call()


@pytest.mark.parametrize("checkpoint", [3, True, 1.5, ["a"]])
def test_a_checkpoint_is_a_path(checkpoint):
    message = f"checkpoint must be the path of a file, got {checkpoint!r}"
    with pytest.raises(TypeError, match=re.escape(message)):
        gram_matrix(NETWORK, X, checkpoint=checkpoint)
