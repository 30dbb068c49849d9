"""Kernels of networks in extended precision, by the published formulas, slow and independent.

Nothing here comes from the package: activations are written anew and integrated densely, windows
are read in loops. Numbers are `numpy.longdouble`: 80 bits where the machine has them.

The kernels of n samples with P positions each (1 for vectors) are arrays of shape (n, n, P, P).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import factorial

import numpy as np
from numpy.polynomial import Polynomial, hermite_e
from scipy.special import erf

Function = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Kernels:
    """The two kernels behind a layer, and how many pixels each spatial axis has there."""

    nngp: np.ndarray
    ntk: np.ndarray
    sizes: tuple[int, ...] = ()
    # Of shape (n, n_features), before the first layer that changes them.
    inputs: np.ndarray | None = None

    def mapped(self, change: Callable[[np.ndarray], np.ndarray], sizes=None) -> Kernels:
        return Kernels(change(self.nngp), change(self.ntk), self.sizes if sizes is None else sizes)


def kernels_in_extended_precision(network, X):
    """Return the NNGP kernel and the NTK of samples, each of shape (n, n)."""
    X = np.asarray(X, np.longdouble)
    pixels = X.reshape(len(X), -1, X.shape[-1])
    covariance = np.einsum("ipc,jqc->ijpq", pixels, pixels) / X.shape[-1]
    if type(network.layers[0]).__name__ == "InputScale":
        pixels = pixels * np.asarray(network.layers[0].scales, np.longdouble)
        covariance = np.einsum("ipc,jqc->ijpq", pixels, pixels) / X.shape[-1]
    start = Kernels(covariance, np.zeros_like(covariance), X.shape[1:-1], pixels[:, 0])
    kernels = behind(network, start)
    return kernels.nngp[:, :, 0, 0], kernels.ntk[:, :, 0, 0]


def behind(layer, kernels):
    """Return the kernels behind a layer, by the name of its class."""
    name = type(layer).__name__
    if kernels.sizes and name in FORMULAS:
        return FORMULAS[name](layer, kernels)
    if name in FUNCTIONS:
        return activation(FUNCTIONS[name](layer), kernels)
    return LAYERS[name](layer, kernels)


# Activations --------------------------------------------------------------------------------------


def gauss_legendre(n_nodes):
    """Return nodes and weights of the integral from 0 to 1."""
    nodes, weights = np.polynomial.legendre.leggauss(n_nodes)
    return (nodes.astype(np.longdouble) + 1) / 2, weights.astype(np.longdouble) / 2


# Dense where the variables are 0 and functions change most: near radius 0, and near the ends of a
# sector, of which the angles are parts.
RADIUS = 11
EVEN, EVEN_WEIGHTS = gauss_legendre(56)
RADII, RADIAL_WEIGHTS = RADIUS * EVEN**2, 2 * RADIUS * EVEN * EVEN_WEIGHTS
EVEN, EVEN_WEIGHTS = gauss_legendre(40)
ANGLES, ANGULAR_WEIGHTS = EVEN**2 * (3 - 2 * EVEN), EVEN_WEIGHTS * 6 * EVEN * (1 - EVEN)
STEP = np.longdouble(5e-4)
PI = np.arctan2(np.longdouble(0), -1)


def activation(branches, kernels):
    """Return E[f(u) f(v)] and T E[f'(u) f'(v)], one pair after the other."""
    nngp, slope = np.empty_like(kernels.nngp), np.empty_like(kernels.nngp)
    stds = np.sqrt(np.einsum("iipp->ip", kernels.nngp))
    for i, j, p, q in np.ndindex(nngp.shape):
        if (j, q) < (i, p):
            nngp[i, j, p, q], slope[i, j, p, q] = nngp[j, i, q, p], slope[j, i, q, p]
        else:
            u, v, weights = normal_pair(stds[i, p], stds[j, q], kernels.nngp[i, j, p, q])
            values = [value_and_slope(branches, x) for x in (u, v)]
            nngp[i, j, p, q], slope[i, j, p, q] = (
                np.sum(weights * left * right) for left, right in zip(*values, strict=True)
            )
    return Kernels(nngp, kernels.ntk * slope, kernels.sizes)


def normal_pair(left_std, right_std, covariance):
    """Return nodes of two normal variables, and their weights.

    In polar coordinates u = s r cos(a) and v = t r cos(a - b), with cos(b) the correlation. Each
    sector in which neither changes its sign is integrated by itself, as functions have their kinks
    at 0.
    """
    between = angle(covariance, left_std * right_std)
    half = PI / 2
    radial = RADIAL_WEIGHTS * RADII * np.exp(-(RADII**2) / 2)
    nodes, weights = [], []
    for start, width in [(0, between), (between, 2 * half - between)]:
        for opposite in (0, 2 * half):
            nodes.append(opposite + start - half + width * ANGLES)
            weights.append(width * ANGULAR_WEIGHTS / (4 * half))
    angles = np.concatenate(nodes)[:, np.newaxis]
    u = left_std * RADII * np.cos(angles)
    v = right_std * RADII * np.cos(angles - between)
    return u, v, np.concatenate(weights)[:, np.newaxis] * radial


def angle(covariance, scale):
    """Return the arccosine of a correlation, exact where the variables are multiples."""
    determinant = scale**2 - covariance**2
    determinant = np.where(determinant < 1e-17 * scale**2, 0, determinant)
    return np.arctan2(np.sqrt(determinant), covariance)


def value_and_slope(branches, x):
    """Return f(x) and f'(x), the latter by differences within the branch of x."""
    negative, positive = branches
    with np.errstate(over="ignore"):  # in the branch that is not chosen
        at = [
            np.where(x < 0, negative(x + shift), positive(x + shift))
            for shift in (0, STEP, -STEP, 2 * STEP, -2 * STEP)
        ]
    return at[0], (8 * (at[1] - at[2]) - (at[3] - at[4])) / (12 * STEP)


def smooth(function: Function) -> tuple[Function, Function]:
    return function, function


def lines(negative, positive):
    return lambda x: negative * x, lambda x: positive * x


def erf_of(x):
    return erf(x.astype(np.float64))


def softplus(x):
    return np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def hermite(degree):
    coefficients = np.zeros(degree + 1)
    coefficients[-1] = 1 / np.sqrt(float(factorial(degree)))
    return lambda x: hermite_e.hermeval(x, coefficients)


SELU_SCALE, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717

FUNCTIONS = {
    "ABRelu": lambda layer: lines(layer.slope_negative, layer.slope_positive),
    "Abs": lambda layer: lines(-1, 1),
    "Cos": lambda layer: smooth(lambda x: layer.a * np.cos(layer.b * x + layer.c)),
    "Elementwise": lambda layer: smooth({"tanh": np.tanh, "square": np.square}[name_of(layer)]),
    "Elu": lambda layer: (lambda x: layer.alpha * np.expm1(x), lambda x: x),
    "Erf": lambda layer: smooth(lambda x: layer.a * erf_of(layer.b * x) + layer.c),
    "Exp": lambda layer: smooth(lambda x: layer.a * np.exp(layer.b * x)),
    "Gabor": lambda layer: smooth(lambda x: np.exp(-x * x) * np.sin(x)),
    "Gaussian": lambda layer: smooth(lambda x: layer.a * np.exp(layer.b * x * x)),
    "Gelu": lambda layer: smooth(lambda x: x * (1 + erf_of(x / np.sqrt(2))) / 2),
    "Hermite": lambda layer: smooth(hermite(layer.degree)),
    "LeakyRelu": lambda layer: lines(layer.negative_slope, 1),
    "Mish": lambda layer: smooth(lambda x: x * np.tanh(softplus(x))),
    "Monomial": lambda layer: smooth(lambda x: x**layer.degree),
    "Polynomial": lambda layer: smooth(Polynomial(layer.coefficients)),
    "Rbf": lambda layer: smooth(
        lambda x: np.sqrt(2) * np.sin(np.sqrt(2 * layer.gamma) * x + np.pi / 4)
    ),
    "RectifiedMonomial": lambda layer: (lambda x: 0 * x, lambda x: x**layer.degree),
    "Relu": lambda layer: lines(0, 1),
    "Selu": lambda layer: (
        lambda x: SELU_SCALE * SELU_ALPHA * np.expm1(x),
        lambda x: SELU_SCALE * x,
    ),
    "Sigmoid": lambda layer: smooth(sigmoid),
    "SigmoidLike": lambda layer: smooth(lambda x: (1 + erf_of(x / 2.4020563531719796)) / 2),
    "Sign": lambda layer: (lambda x: 0 * x - 1, lambda x: 0 * x + 1),
    "Silu": lambda layer: smooth(lambda x: x * sigmoid(x)),
    "Sin": lambda layer: smooth(lambda x: layer.a * np.sin(layer.b * x + layer.c)),
    "Softplus": lambda layer: smooth(softplus),
    "Tanh": lambda layer: smooth(np.tanh),
}
"""From the name of a class to its function for negative, and for positive arguments."""


def name_of(elementwise):
    return elementwise.function.__name__


def relu(layer, kernels):
    """Return the arc-cosine kernels of order 1 and 0 of Cho and Saul."""
    scale = own_scale(kernels, np.sqrt)
    between = angle(kernels.nngp, scale)
    nngp = scale * (np.sin(between) + (PI - between) * np.cos(between)) / (2 * PI)
    return Kernels(nngp, kernels.ntk * (PI - between) / (2 * PI), kernels.sizes)


def error_function(layer, kernels):
    """Return the arcsine kernel of Williams."""
    factor = 2 * np.longdouble(layer.b) ** 2
    scale = own_scale(kernels, lambda variances: np.sqrt(1 + factor * variances))
    sine = factor * kernels.nngp / scale
    power = 2 * np.longdouble(layer.a) ** 2 / PI
    slope = power * factor / (scale * np.sqrt(1 - sine**2))
    return Kernels(power * np.arcsin(sine) + layer.c**2, kernels.ntk * slope, kernels.sizes)


FORMULAS = {"Relu": relu, "Erf": error_function}
"""For the many pairs of pixels."""


def exp_normalized(layer, kernels):
    scale = own_scale(kernels, np.sqrt)
    growth = np.exp(layer.gamma * (kernels.nngp / scale + layer.shift))
    return Kernels(scale * growth, layer.gamma * kernels.ntk * growth, kernels.sizes)


def own_scale(kernels, root):
    """Return products of what a function makes of the variances of both sides of a pair."""
    roots = root(np.einsum("iipp->ip", kernels.nngp))
    return np.einsum("ip,jq->ijpq", roots, roots)


# Layers -------------------------------------------------------------------------------------------


def dense(layer, kernels):
    bias_variance = (layer.bias_std or 0) ** 2
    weight_variance = np.longdouble(layer.weight_std) ** 2
    nngp = weight_variance * kernels.nngp + bias_variance
    if layer.parameterization == "ntk":
        trained = nngp
    else:
        trained = layer.fan_in * kernels.nngp + (layer.bias_std is not None)
    return Kernels(nngp, trained + weight_variance * kernels.ntk, kernels.sizes)


def dropout(layer, kernels):
    own = np.einsum("ij,pq->ijpq", np.eye(len(kernels.nngp)), np.eye(kernels.nngp.shape[-1]))
    return kernels.mapped(lambda kernel: np.where(own == 1, kernel / layer.keep_rate, kernel))


def layer_norm(layer, kernels):
    def root(variances):
        if layer.axes == "all":
            variances = np.broadcast_to(variances.mean(1, keepdims=True), variances.shape)
        return np.sqrt(variances + layer.eps)

    scale = own_scale(kernels, root)
    return kernels.mapped(lambda kernel: kernel / scale)


def convolution(layer, kernels):
    sizes, places = windows(layer, layer.filter_shape, kernels.sizes)
    weight_variance = np.longdouble(layer.weight_std) ** 2 / len(places)

    def sum_of_places(kernel):
        return weight_variance * sum(place @ kernel @ place.T for place in places)

    nngp = sum_of_places(kernels.nngp) + (layer.bias_std or 0) ** 2
    return Kernels(nngp, nngp + sum_of_places(kernels.ntk), sizes)


def local_convolution(layer, kernels):
    shared = convolution(layer, kernels)
    return shared.mapped(lambda kernel: kernel * np.eye(kernel.shape[-1]))


def pool(layer, kernels):
    sizes, places = windows(layer, layer.window_shape, kernels.sizes)
    sums = sum(places)
    if type(layer).__name__ == "AvgPool":
        n_read = sums.sum(1, keepdims=True) if layer.normalize_edges else len(places)
        sums = sums / n_read
    return kernels.mapped(lambda kernel: sums @ kernel @ sums.T, sizes)


def windows(layer, shape, sizes):
    """Return the output sizes and, by place in the window, which pixel each output reads."""
    strides = layer.strides or (1,) * len(sizes)
    if layer.padding == "VALID":
        outputs = [(n - w) // s + 1 for n, w, s in zip(sizes, shape, strides, strict=True)]
        before = [0] * len(sizes)
    else:
        outputs = [-(-n // s) for n, s in zip(sizes, strides, strict=True)]
        before = [
            max((m - 1) * s + w - n, 0) // 2
            for m, s, w, n in zip(outputs, strides, shape, sizes, strict=True)
        ]
    pixels = {pixel: number for number, pixel in enumerate(np.ndindex(*sizes))}
    places = []
    for place in np.ndindex(*shape):
        reads = np.zeros((np.prod(outputs), len(pixels)), np.longdouble)
        for number, output in enumerate(np.ndindex(*outputs)):
            at = tuple(
                s * o + u - b for s, o, u, b in zip(strides, output, place, before, strict=True)
            )
            if layer.padding == "CIRCULAR":
                at = tuple(a % n for a, n in zip(at, sizes, strict=True))
            if at in pixels:
                reads[number, pixels[at]] = 1
        places.append(reads)
    return tuple(outputs), places


def flatten(layer, kernels):
    return kernels.mapped(
        lambda kernel: np.einsum("ijpp->ij", kernel)[:, :, None, None] / kernel.shape[-1], ()
    )


def global_pool(layer, kernels):
    n_read = kernels.nngp.shape[-1] if type(layer).__name__ == "GlobalAvgPool" else 1
    return kernels.mapped(lambda kernel: kernel.sum((2, 3), keepdims=True) / n_read**2, ())


def serial(layer, kernels):
    for member in layer.layers:
        kernels = behind(member, kernels)
    return kernels


def weighted_sum(weights, branches):
    nngp, ntk = (
        sum(
            weight * getattr(branch, kind) for weight, branch in zip(weights, branches, strict=True)
        )
        for kind in ("nngp", "ntk")
    )
    return Kernels(nngp, ntk, branches[0].sizes)


def all_of(branches, kernels):
    return [kernels if branch is None else behind(branch, kernels) for branch in branches]


def concat(layer, kernels):
    channels = np.asarray(layer.channels or [1] * len(layer.branches), np.longdouble)
    return weighted_sum(channels / channels.sum(), all_of(layer.branches, kernels))


def product_of_branches(layer, kernels):
    first, *others = all_of(layer.branches, kernels)
    for other in others:
        tangent = first.ntk * other.nngp + first.nngp * other.ntk
        first = Kernels(first.nngp * other.nngp, tangent, kernels.sizes)
    return first


# Layers that read features ------------------------------------------------------------------------


def of_pairs(kernel, kernels):
    """Return the kernels behind a first layer, given both of a pair of samples."""
    X = kernels.inputs
    pairs = np.array([[kernel(x, z) for z in X] for x in X])
    return Kernels(*np.moveaxis(pairs, -1, 0)[..., np.newaxis, np.newaxis])


def for_each_feature(values, X):
    values = 1 if values is None else values
    return np.broadcast_to(np.asarray(values, np.longdouble), X.shape[1:])


def one_feature_dense(layer, kernels):
    """Integrate over the thresholds, of units with weights of either sign."""
    low, high, weights = (
        for_each_feature(values, kernels.inputs)
        for values in (layer.low, layer.high, layer.feature_weights)
    )

    def of_feature(x, z, low, high):
        x, z = np.clip([x, z], low, high)
        std = (high - low) / np.sqrt(np.longdouble(12))
        ends = low, min(x, z), max(x, z), high
        value = tangent = 0
        for start, end in pairwise(ends):
            t = start + (end - start) * EVEN
            density = (end - start) * EVEN_WEIGHTS / (high - low)
            for sign in (1, -1):
                u, v = sign * (x - t) / std, sign * (z - t) / std
                are_active = (u > 0) & (v > 0)
                if layer.activation == "step":
                    value += np.sum(density * are_active)
                else:
                    # Squares of the weights are 1 on average.
                    value += np.sum(density * are_active * u * v) / 2
                    tangent += np.sum(density * are_active * (u * v + 1)) / 2
        return np.array([value, tangent])

    def kernel(x, z):
        features = zip(x, z, low, high, weights, strict=True)
        return sum(weight * of_feature(*others) for *others, weight in features) / np.sum(weights)

    return of_pairs(kernel, kernels)


def feature_product(layer, kernels):
    lengths, interactions = (
        for_each_feature(values, kernels.inputs)
        for values in (layer.length_scales, layer.interactions)
    )
    is_category = np.isin(np.arange(kernels.inputs.shape[1]), layer.categorical or [])

    def kernel(x, z):
        alike = np.where(is_category, np.rint(x) == np.rint(z), np.exp(-np.abs(x - z) / lengths))
        return np.array([np.prod((1 + interactions * alike) / (1 + interactions)), 0])

    return of_pairs(kernel, kernels)


def p_norm_exponential(layer, kernels):
    lengths = for_each_feature(layer.length_scales, kernels.inputs)
    p, q = np.longdouble(layer.p), np.longdouble(layer.p if layer.q is None else layer.q)

    def kernel(x, z):
        total = np.sum(np.abs(x - z) ** p / lengths**p)
        return np.array([np.exp(-(total ** (q / p))), 0])

    return of_pairs(kernel, kernels)


LAYERS = {
    "AvgPool": pool,
    "Concat": concat,
    "Conv": convolution,
    "ConvLocal": local_convolution,
    "Dense": dense,
    "Dropout": dropout,
    "ExpNormalized": exp_normalized,
    "FeatureProduct": feature_product,
    "Flatten": flatten,
    "GlobalAvgPool": global_pool,
    "GlobalSumPool": global_pool,
    "Identity": lambda layer, kernels: kernels,
    "InputScale": lambda layer, kernels: kernels,
    "LayerNorm": layer_norm,
    "OneFeatureDense": one_feature_dense,
    "PNormExponential": p_norm_exponential,
    "Product": product_of_branches,
    "Residual": lambda layer, kernels: weighted_sum(
        [1, 1], all_of([layer.main, layer.shortcut], kernels)
    ),
    "Serial": serial,
    "Sum": lambda layer, kernels: weighted_sum(
        [1] * len(layer.branches), all_of(layer.branches, kernels)
    ),
    "SumPool": pool,
}
"""From the name of a class to the kernels behind a layer."""
