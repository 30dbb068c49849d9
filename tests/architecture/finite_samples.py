"""Kernels of sampled finite networks, beside those of the infinite networks that they approach.

Behind one hidden layer the mean over all networks of one width is the infinite kernel itself.
Behind several it is off by a term in 1 / width, which networks of twice that width cancel: 2 (mean
at 2 width) - (mean at width) is off by a term in 1 / width^2 alone, far below the error of the
mean of N networks. That error has to be a few of its own standard errors, which fall with 1 /
sqrt(N), for few networks and for sixteen times as many.
"""

from functools import cache, partial
from zlib import crc32

import jax
import jax.numpy as jnp
import numpy as np

from skntk import gram_matrix
from skntk.architecture import AttentionNet, Dense, SelfAttention, Serial
from skntk.architecture.core.categories import CATEGORIES
from tests.architecture.networks import (
    as_spatial_network,
    examples,
    inputs,
    spatial_inputs,
)

N_OUTPUTS = 16
FEW, MANY = 128, 16 * 128

# Of some 2000 normal numbers the largest is 3.5 on average, and reaches 5 once in 900 times.
MOST_STANDARD_ERRORS = 5

# The one program of which running takes as long as compiling it.
OPTIMIZED = {"xla_backend_optimization_level": 3, "xla_llvm_disable_expensive_passes": False}


def network_and_widths(layer):
    """Return a network around the layer, and the weight of each width in the estimate."""
    category = type(layer).category
    if category == "spatial":
        # The scores of attention are products of what the layer before it gives.
        widths = {32: -1, 64: 2} if isinstance(layer, SelfAttention) else {16: 1}
        return as_spatial_network(layer), widths
    if category == "spatial_preset":
        return layer, ({32: -1, 64: 2} if isinstance(layer, AttentionNet) else {8: -1, 16: 2})
    if layer.scales_inputs or layer.reads_features:
        network = Serial([layer, Dense(1.3, 0.2), Dense(1.1, 0.1)])
    elif category == "preset":
        network = layer
    else:
        network = Serial([Dense(1.3, 0.2), layer, Dense(1.1, 0.1)])
    return network, ({128: 1} if category == "activation" else {32: -1, 64: 2})


def samples(layer):
    """Return inputs for the network around the layer."""
    if type(layer).category in ("spatial", "spatial_preset"):
        return 0.7 * spatial_inputs(layer, 2, seed=5)
    return 0.7 * inputs(3, seed=5)


def kernels_of_one_network(network, parameters, key, X):
    """Return f(x) f(z), averaged over outputs, and the NTK of the first output: shape (2, n, n)."""
    outputs = network.apply(parameters, X, key)
    jacobian = jax.jacrev(lambda weights: network.apply(weights, X, key)[:, 0])(parameters)
    by_layer = [leaf.reshape(len(X), -1) for leaf in jax.tree.leaves(jacobian)]
    return jnp.stack([outputs @ outputs.T / N_OUTPUTS, sum(leaf @ leaf.T for leaf in by_layer)])


@partial(jax.jit, compiler_options=OPTIMIZED)
def kernels_of_networks(network, parameters, keys, X):
    """Return the kernels of one network after the other: shape (n_networks, 2, n, n).

    Convolutions with filters of each network's own, side by side, would take ten times as long.
    """
    return jax.lax.map(lambda each: kernels_of_one_network(network, *each, X), (parameters, keys))


def sampled_kernels(network, width, seed, X):
    """Return the kernels of MANY networks: shape (MANY, 2, n, n)."""

    def draw(key):
        return network.initialize(key, X.shape[1:], width, N_OUTPUTS)

    batches = []
    for key in jax.random.split(jax.random.key(seed), MANY // FEW):
        weight_keys, mask_keys = jax.random.split(key, (2, FEW))
        # Drawing stays outside of the compiled program: compiling random numbers takes longer than
        # drawing them. Normal numbers of single precision take a third less, and are as random.
        with jax.enable_x64(False):
            drawn = jax.vmap(draw)(weight_keys)
        parameters = jax.tree.map(lambda leaf: np.asarray(leaf, X.dtype), drawn)
        batches.append(np.asarray(kernels_of_networks(network, parameters, mask_keys, X)))
    return np.concatenate(batches)


@cache
def estimates(name):
    """Return the infinite kernels and, by number of networks, estimates and standard errors."""
    layer = next(example.values[0] for example in examples(*CATEGORIES) if example.id == name)
    network, weights = network_and_widths(layer)
    X = samples(layer)
    infinite = np.stack(gram_matrix(network, X, kind=("nngp", "ntk")))
    sampled = {}
    with jax.enable_x64(True):
        for width in weights:
            sampled[width] = sampled_kernels(network, width, crc32(f"{name} {width}".encode()), X)
    by_number = {}
    for number in (FEW, MANY):
        kernels = {width: weights[width] * each[:number] for width, each in sampled.items()}
        estimate = sum(each.mean(0) for each in kernels.values())
        variance = sum(each.var(0, ddof=1) for each in kernels.values()) / number
        by_number[number] = estimate, np.sqrt(variance)
    # Those of all networks would fill gigabytes. Weights of one shape are drawn by one program.
    kernels_of_networks.clear_cache()
    return infinite, by_number


def assert_within_standard_errors(name, number):
    infinite, by_number = estimates(name)
    estimate, standard_error = by_number[number]
    # What does not depend on the sampled weights (the square of a sign) agrees to rounding.
    allowed = MOST_STANDARD_ERRORS * standard_error + 1e-12 * np.abs(infinite).max()
    assert np.all(np.abs(estimate - infinite) <= allowed)


def assert_many_networks_tell_small_differences(name):
    infinite, by_number = estimates(name)
    largest = np.abs(infinite).max(axis=(1, 2), keepdims=True)
    assert np.all(by_number[MANY][1] <= 0.05 * largest)


def assert_errors_fall_with_the_square_root_of_the_number(names):
    """Errors are as large as their standard errors; sixteen times the networks quarter them."""
    mean_squares, decays = [], []
    for name in names:
        infinite, by_number = estimates(name)
        random = by_number[FEW][1] > 1e-9 * np.abs(infinite).max()
        errors = [(by_number[number][0] - infinite)[random] for number in (FEW, MANY)]
        standardized = [
            errors[0] / by_number[FEW][1][random],
            errors[1] / by_number[MANY][1][random],
        ]
        mean_squares.append([np.mean(ratios**2) for ratios in standardized])
        decays.append(np.linalg.norm(errors[0]) / np.linalg.norm(errors[1]))
    assert np.all(np.abs(np.mean(mean_squares, axis=0) - 1) < 0.35)
    assert 3 < np.exp(np.mean(np.log(decays))) < 5.3
