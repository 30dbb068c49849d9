"""Settings of JAX that find mistakes find none, and change no number.

A few computations that differ; tools/reference_under_settings.py computes all reference cases.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from skntk import FiniteWidthRegressor, gram_matrix
from skntk.architecture import (
    AvgPool,
    Conv,
    Dense,
    Dropout,
    Elementwise,
    Erf,
    Exp,
    Flatten,
    FullyConnected,
    GlobalAvgPool,
    InputScale,
    LayerNorm,
    LinearizedNetwork,
    Polynomial,
    RectifiedMonomial,
    Relu,
    Residual,
    SelfAttention,
    Serial,
    Sin,
)
from skntk.gram.engine.prepared_network import prepare
from skntk.gram.engine.programs import pair_program, sample_program, shift_program
from skntk.gram.engine.results import ArrayPool
from skntk.gram.gradient import contracted_gradient, unit_directions
from tests.architecture.networks import (
    as_network,
    as_spatial_network,
    examples,
    examples_of_engines,
    has_function,
    spatial_shape,
)
from tests.jax_settings import SETTINGS

pytestmark = pytest.mark.usefixtures("quick_compilation")

rng = np.random.default_rng(0)
VECTORS, IMAGES, SEQUENCES = (rng.normal(size=(3, *shape)) for shape in ((4,), (6, 6, 2), (4, 2)))
TARGETS = np.array([0.5, -1.0, 0.3])
BOTH = ("nngp", "ntk")


def wave(x):
    return jnp.sin(x) + 0.1 * x * x


# Of every kind of activation one.
ACTIVATIONS = [
    Relu(),
    Erf(),
    Sin(),
    Polynomial([0.1, 0.5, 0.2]),
    RectifiedMonomial(2),
    Exp(0.1),
    Elementwise(wave),
]
LAYERS = [layer for activation in ACTIVATIONS for layer in (Dense(0.9, 0.2), activation)]
VECTOR_NETWORK = Serial(
    [InputScale([0.5, 1.5, 0.0, 1.0]), *LAYERS, LayerNorm(), Residual(Dense()), Dropout(0.8)]
)
POOLED_NETWORK = Serial(
    [Conv((3, 3), (2, 2), "SAME", 1.3, 0.2), Relu(), AvgPool((2, 2)), GlobalAvgPool(), Dense()]
)
ATTENTION_NETWORK = Serial([Conv((2,)), *SelfAttention.examples(), Relu(), Flatten(), Dense()])


def finite_networks():
    network = Serial([InputScale([0.5, 1.0]), *ATTENTION_NETWORK.layers])
    model = FiniteWidthRegressor(
        network, width=4, n_networks=2, training_time=1.0, random_state=0
    ).fit(SEQUENCES, TARGETS)
    return model.predict(SEQUENCES)


def empirical_kernels():
    network = FullyConnected(1)
    with jax.transfer_guard("allow"):  # the parameters are the user's
        parameters = network.initialize(jax.random.key(0), (4,), 5, 2)
    linearized = LinearizedNetwork(network, parameters)
    return *gram_matrix(linearized, VECTORS, kind=BOTH), linearized(VECTORS)


def gradient():
    network = FullyConnected(1)
    directions, cotangents = unit_directions(network), [np.ones((3, 3))]
    return contracted_gradient(
        network, VECTORS, cotangents, kinds=("ntk",), directions=directions, n_jobs=1
    )


COMPUTATIONS = {
    "vectors": lambda: gram_matrix(VECTOR_NETWORK, VECTORS, VECTORS[:2], kind=BOTH),
    "many rows": lambda: gram_matrix(FullyConnected(1), rng_rows(300), kind="ntk", n_jobs=2),
    "pooled": lambda: gram_matrix(POOLED_NETWORK, IMAGES, kind=BOTH),
    "attention": lambda: gram_matrix(ATTENTION_NETWORK, SEQUENCES, kind=BOTH),
    "finite": finite_networks,
    "empirical": empirical_kernels,
    "gradient": gradient,
}


def rng_rows(n):
    return np.random.default_rng(1).normal(size=(n, 4))


@pytest.fixture(scope="module")
def expected(quick_compilation):
    return {name: compute() for name, compute in COMPUTATIONS.items()}


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_setting_changes_nothing(setting, expected):
    for name, compute in COMPUTATIONS.items():
        with SETTINGS[setting]():
            values = compute()
        for ours, wanted in zip(values, expected[name], strict=True):
            np.testing.assert_array_equal(ours, wanted, err_msg=name)


@pytest.mark.parametrize(
    ("is_spatial", "dtype"), [(False, "float64"), (False, "float32"), (True, "float64")]
)
def test_no_layer_needs_promotion(is_spatial, dtype):
    for example in examples("spatial") if is_spatial else examples_of_engines():
        if not example.id.endswith("-0"):
            continue
        (layer,) = example.values
        network = as_spatial_network(layer) if is_spatial else as_network(layer)
        shape = spatial_shape(layer) if is_spatial else (5,)
        with SETTINGS["promotion"](), jax.enable_x64(True):
            trace_kernels(network, shape, dtype)
            if has_function(layer) and dtype == "float64":
                trace_finite_network(network, shape)


def trace_kernels(network, sample_shape, dtype):
    """Find the shapes of kernels of samples and of pairs, without computing them."""
    prepared, device = prepare(network, sample_shape, dtype), jax.devices()[0]
    arguments, signature = prepared.arguments, prepared.signature

    def trace(program, *inputs, **options):
        return program.on(device, arguments.structure).eval_shape(arguments, *inputs, **options)

    X = jax.ShapeDtypeStruct((2, *sample_shape), signature.input_dtype)
    memory = jax.ShapeDtypeStruct((3, 2), signature.dtype)
    _, statistics = trace(sample_program, X, with_kernels=True)
    pairs = (X, statistics), (X, statistics), (memory, memory)
    if len(sample_shape) == 1:
        trace(pair_program, *pairs, np.int32(0), kinds=BOTH)
    else:
        trace(shift_program, *pairs, np.int32(0), np.int32(2), kinds=BOTH, shifts_per_step=1)


def trace_finite_network(network, input_shape):
    """Find the shapes of outputs, without computing them."""
    n_channels = input_shape[-1]

    def outputs(key, X):
        return network.apply(network.initialize(key, input_shape, n_channels, n_channels), X, key)

    key = jax.eval_shape(lambda: jax.random.key(0))
    jax.eval_shape(outputs, key, jax.ShapeDtypeStruct((2, *input_shape), np.float64))


def test_memory_of_results_holds_numbers_before_a_program_writes_them(monkeypatch):
    """What programs leave out is checked with ``jax_debug_nans``."""
    monkeypatch.setattr(np, "empty", lambda shape, dtype: np.full(shape, np.nan, dtype))
    array = ArrayPool(0).take((3, 2), np.float32, jax.local_devices()[0])
    assert np.isfinite(array).all()
