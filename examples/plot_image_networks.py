r"""
Networks that know what an image is
===================================

To a fully connected network an image is a list of numbers: shuffle the pixels of all images in the
same way, and it learns as before. A convolutional network knows which pixels are neighbors, and one
with pools also that a shape may stand a little elsewhere. This example compares infinitely wide
networks of each kind on scikit-learn's digits, 8 x 8 pixels each.
"""

# %%
# One kernel for each network
# ---------------------------
#
# All that training and testing need of a network is its kernel between all pairs of images. We
# compute it once for 600 images, the NNGP kernel and the NTK together, and cut training and test
# sets of any size out of it. In single precision that takes seconds, most of them for compilation.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.utils import shuffle

from skntk import gram_matrix
from skntk.architecture import ConvNet, FullyConnected, WideResNet

rows, digits = shuffle(*load_digits(return_X_y=True), random_state=0)
rows, digits = rows[:600] / 16, digits[:600]

image = {"input_shape": (8, 8, 1)}
networks = {
    "fully connected": FullyConnected(depth=3, bias_std=0.1),
    "convolutional": ConvNet(depth=3, **image),
    "convolutional, pools of 2 x 2": ConvNet(depth=2, pooling="blockwise", **image),
    "wide residual": WideResNet(blocks=1, groups=2, **image),
}
kernels = {
    name: gram_matrix(network, rows, kind=("nngp", "ntk"), dtype="float32")
    for name, network in networks.items()
}

# %%
# Accuracy and the number of training images
# ------------------------------------------
#
# For each size we draw training sets at random, learn the ten one-hot targets by kernel
# regression, which is what training to convergence amounts to, and test on the other images.

from sklearn.kernel_ridge import KernelRidge

sizes = [20, 40, 80, 160, 320]
targets = np.eye(10)[digits]


def accuracy(kernel, size, random):
    train = random.choice(len(rows), size, replace=False)
    test = np.setdiff1d(np.arange(len(rows)), train)
    alpha = 1e-3 * kernel[train, train].mean()
    model = KernelRidge(alpha=alpha, kernel="precomputed")
    model.fit(kernel[np.ix_(train, train)].astype(float), targets[train])
    scores = model.predict(kernel[np.ix_(test, train)])
    return np.mean(scores.argmax(axis=1) == digits[test])


figure, panels = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
for ax, title, number in zip(panels, ["NNGP", "NTK"], [0, 1], strict=True):
    for name, both in kernels.items():
        scores = [
            [accuracy(both[number], size, np.random.default_rng(draw)) for draw in range(20)]
            for size in sizes
        ]
        error = np.std(scores, axis=1) / np.sqrt(20)
        ax.errorbar(sizes, np.mean(scores, axis=1), error, marker="o", ms=4, label=name)
    ax.set(title=title, xlabel="training images", xscale="log")
    ax.set_xticks(sizes, sizes)
    ax.minorticks_off()
    ax.spines[["top", "right"]].set_visible(False)
panels[0].set_ylabel("accuracy on the other images")
panels[1].legend(frameon=False, loc="lower right")
plt.show()

# %%
# Bars are standard errors over twenty draws. With small pools a network needs far fewer images. The
# convolutions alone gain nothing here, and this is a matter of width: in a finite network the same
# weights look at every position, but in an infinitely wide one without pools nothing is left of
# that, and each position is only compared with the same position of the other image. On digits,
# which are centered and fill their frame, that is not better than comparing pixels. The wide
# residual network ends with the mean over all positions. It gives up knowing where a stroke is, and
# on centered digits that costs more than it brings, until there are hundreds to learn from. On
# photographs the order is another one, see :doc:`/networks_on_cifar10`.
#
# What a shift does
# -----------------
#
# Why do pools help? We shift digits sideways, and ask each kernel: what share of all images of
# other digits looks less like the original than its own shifted copy does? Similarities are
# correlations: the kernel divided by the square roots of both diagonals.

n_digits, shifts = 40, [-2, -1, 0, 1, 2]
padded = np.pad(rows[:n_digits].reshape(-1, 8, 8), [(0, 0), (0, 0), (2, 2)])
copies = [padded[:, :, 2 - shift : 10 - shift].reshape(n_digits, -1) for shift in shifts]
others = rows[n_digits:400]
differ = digits[:n_digits, np.newaxis] != digits[n_digits:400]


def shares(network):
    everything = np.vstack([rows[:n_digits], others, *copies])
    # Both kernels again: what was compiled above serves here.
    _, kernel = gram_matrix(network, everything, kind=("nngp", "ntk"), dtype="float32")
    norm = np.sqrt(np.diag(kernel))
    similarity = kernel[:n_digits] / np.outer(norm[:n_digits], norm)
    to_others, to_copies = np.split(similarity[:, n_digits:], [len(others)], axis=1)
    of_shift = [np.diagonal(each)[:, np.newaxis] for each in np.split(to_copies, len(shifts), 1)]
    return [np.mean((to_others < each)[differ]) for each in of_shift]


figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
for name, network in networks.items():
    ax.plot(shifts, shares(network), marker="o", ms=4, label=name)
ax.set(xlabel="shift in pixels", ylabel="share of others less similar", ylim=(0, 1.05))
ax.set_xticks(shifts)
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False, loc="lower center")
plt.show()

# %%
# To a network without pools, a digit shifted by one pixel looks less like itself than most other
# digits do. Two pools of 2 x 2 forgive one pixel, as far as they can: what was cut into different
# blocks stays different. The wide residual network halves the image by taking every second
# position, without a mean. A shift by two pixels therefore shows it the same positions again, moved
# by one, and the mean at its end forgives that; a shift by one shows it others.
# ``pooling="global"`` of a `~skntk.architecture.ConvNet` forgives every shift, up to what leaves
# the frame, and costs more.
