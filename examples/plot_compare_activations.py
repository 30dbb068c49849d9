r"""
What an activation does to the kernel
=====================================

An infinitely wide network compares two inputs through its kernel, and the activation decides how.
For inputs of equal length, and without biases, only the angle between them counts, so that a whole
kernel is one curve. This example draws these curves for several activations, then the functions
that they stand for, then what they make of real data.
"""

# %%
# Kernels as functions of the angle
# ---------------------------------
#
# We place one input at the angle 0 of a circle and compare it with inputs all around. The radius
# is :math:`\sqrt 2`, so that the mean square of the two features is 1. Each kernel is divided by
# its value at the angle 0, which removes the activation's scale and leaves its shape. One
# activation is not in the library: any elementwise function written with ``jax.numpy`` will do.

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

from skntk import gram_matrix
from skntk.architecture import FullyConnected

angle = np.linspace(0, np.pi, 181)
circle = np.sqrt(2) * np.column_stack([np.cos(angle), np.sin(angle)])


def wiggle(x):
    """A straight line with ripples."""
    return x + jnp.sin(3 * x)


activations = {
    "relu": "relu",
    "gelu": "gelu",
    "erf": "erf",
    "abs": "abs",
    "sin": "sin",
    "rbf": "rbf",
    "x + sin 3x": wiggle,
}
colors = dict(zip(activations, plt.get_cmap("tab10").colors, strict=False))


def kernels_by_angle(network):
    """NNGP kernel and NTK between the angle 0 and all others, 1 at the angle 0."""
    return [
        kernel[0] / kernel[0, 0]
        for kernel in gram_matrix(network, circle[:1], circle, kind=("nngp", "ntk"))
    ]


def angle_axis(ax):
    ax.set(xlabel="angle between the inputs", xlim=(0, 180))
    ax.set_xticks([0, 45, 90, 135, 180], ["0°", "45°", "90°", "135°", "180°"])
    ax.axhline(0, color="0.8", lw=1, zorder=0)
    ax.spines[["top", "right"]].set_visible(False)


figure, panels = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True, layout="constrained")
for name, activation in activations.items():
    network = FullyConnected(depth=1, activation=activation, bias_std=None)
    for ax, kernel in zip(panels, kernels_by_angle(network), strict=True):
        ax.plot(np.degrees(angle), kernel, color=colors[name], lw=1.8, label=name)
for ax, title in zip(panels, ["NNGP: random weights", "NTK: trained weights"], strict=True):
    angle_axis(ax)
    ax.set_title(title)
panels[0].set_ylabel("kernel / its value at 0°")
figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right center", frameon=False)
plt.show()

# %%
# Three things to see:
#
# - **Symmetry.** An odd activation (erf, sin) makes the kernel of opposite inputs the negative of
#   the one at 0°: they get opposite outputs. With an even one (abs) the network cannot tell
#   :math:`x` from :math:`-x`.
# - **The slope at 0°.** The NNGP kernels all start flat. The NTK of an activation with a kink
#   (relu, abs) starts with a corner, and corners make rough functions.
# - **Width.** The faster a curve falls, the more local the model: what it learns at one input
#   says little about inputs in other directions.
#
# Depth
# -----
#
# Every hidden layer applies the activation's map once more. With relu the NNGP kernel is drawn
# toward a constant: to a deep network all inputs look alike. Its NTK first falls off faster,
# then levels off above zero. The erf network keeps opposite inputs apart at every depth, and
# tells neighbors apart better the deeper it is.

depths = [1, 2, 4, 8]
shades = plt.get_cmap("viridis")(np.linspace(0, 0.85, len(depths)))

figure, panels = plt.subplots(2, 2, figsize=(9, 6), sharex=True, sharey="row", layout="constrained")
for row, activation in zip(panels, ["relu", "erf"], strict=True):
    for depth, shade in zip(depths, shades, strict=True):
        network = FullyConnected(depth, activation, weight_std=np.sqrt(2), bias_std=None)
        for ax, kernel in zip(row, kernels_by_angle(network), strict=True):
            ax.plot(np.degrees(angle), kernel, color=shade, lw=1.8, label=f"{depth}")
    for ax, kind in zip(row, ["NNGP", "NTK"], strict=True):
        angle_axis(ax)
        ax.set_title(f"{activation}, {kind}")
        ax.label_outer()
    row[0].set_ylabel("kernel / its value at 0°")
figure.legend(
    *panels[0, 0].get_legend_handles_labels(),
    title="hidden\nlayers",
    loc="outside right center",
    frameon=False,
)
plt.show()

# %%
# The functions behind the kernels
# --------------------------------
#
# Before it has seen data, a regressor draws its samples from the prior. Each line is the output
# of one infinitely wide network with random weights. Here the biases matter: without them, in one
# dimension, a relu network is two straight lines that meet at zero.

from skntk import NNGPRegressor

x = np.linspace(-3, 3, 241)[:, np.newaxis]

figure, panels = plt.subplots(
    2, 4, figsize=(9, 4.2), sharex=True, sharey=True, layout="constrained"
)
for ax, (name, activation) in zip(panels.flat, activations.items(), strict=False):
    network = FullyConnected(depth=1, activation=activation, weight_std=2.0, bias_std=1.0)
    prior = NNGPRegressor(network)
    scale = prior.predict_std(x).mean()
    ax.plot(x, prior.sample_y(x, n_samples=6, random_state=0) / scale, color=colors[name], lw=1.2)
    ax.set_title(name)
    ax.set_yticks([])
    ax.spines[["top", "right", "left"]].set_visible(False)
panels.flat[-1].set_axis_off()
panels[0, 3].tick_params(labelbottom=True)
figure.supxlabel("input")
figure.supylabel("output (rescaled)")
plt.show()

# %%
# What they see in data
# ---------------------
#
# The same on the wine data: 178 wines of three growers, sorted by grower, with each feature
# scaled to unit variance. A useful kernel shows three bright blocks. Values are correlations, the
# kernel divided by the square roots of both diagonals, and each panel uses its own full range of
# colors. With abs a wine looks much like its opposite, and little of the growers is left.

from sklearn.datasets import load_wine
from sklearn.preprocessing import scale as standardize

X, grower = load_wine(return_X_y=True)
X = standardize(X[np.argsort(grower, kind="stable")])
borders = np.cumsum(np.bincount(grower))[:-1]

figure, panels = plt.subplots(1, 4, figsize=(9, 2.7), layout="constrained")
for ax, name in zip(panels, ["relu", "erf", "abs", "sin"], strict=True):
    network = FullyConnected(depth=2, activation=activations[name], bias_std=None)
    kernel = gram_matrix(network, X, kind="ntk")
    norm = np.sqrt(np.diag(kernel))
    ax.imshow(kernel / np.outer(norm, norm), cmap="magma", interpolation="nearest")
    for border in borders:
        ax.axhline(border - 0.5, color="w", lw=0.6)
        ax.axvline(border - 0.5, color="w", lw=0.6)
    ax.set_title(f"{name}, NTK")
    ax.set_xticks([])
    ax.set_yticks([])
plt.show()
