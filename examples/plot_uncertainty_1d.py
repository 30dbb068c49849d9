r"""
Uncertainty in one dimension
============================

There are two ways to make an infinitely wide network fit data: draw its weights given the data
(NNGP), or train it from a random start (NTK). Both give a Gaussian distribution over functions. In
one dimension we can look at all of it: mean, standard deviation and samples, while training goes on
and at its end.
"""

# %%
# Data with a gap
# ---------------
#
# Eighteen noisy observations of a smooth function, none of them in the middle. A good model is
# sure where there are data and unsure in the gap and beyond the ends.

import matplotlib.pyplot as plt
import numpy as np

from skntk import NNGPRegressor, NTKRegressor
from skntk.architecture import Dense, FullyConnected

noise_std = 0.15
rng = np.random.default_rng(1)
X = np.concatenate([rng.uniform(-3.2, -0.6, 11), rng.uniform(1.0, 2.6, 7)])[:, np.newaxis]
x = np.linspace(-4.5, 4.5, 361)[:, np.newaxis]


def truth(x):
    return np.sin(2 * x[:, 0]) + 0.4 * x[:, 0]


y = truth(X) + noise_std * rng.normal(size=len(X))

# %%
# The network has one hidden layer. A single feature needs large weights and biases in it: the
# weights decide how fast the functions vary, the biases spread these variations along the axis.
# The last layer decides how large they are.

network = FullyConnected(
    depth=1,
    activation="erf",
    weight_std=4.0,
    bias_std=3.0,
    last_layer=Dense(weight_std=1.5, bias_std=0.5),
)

# %%
# The Bayesian network
# --------------------
#
# For :class:`~skntk.NNGPRegressor`, ``alpha`` is the variance of the noise. We know it here, in
# the units of ``y``, so that we set ``alpha_scale="absolute"`` and leave ``y`` as it is. The
# standard deviation that ``predict`` returns is that of the function (dark). A new observation
# carries noise as well: its variance is larger by ``alpha`` (light). Far beyond the data the erf
# network levels off, whatever the truth does there: the band is right only if the prior is.

in_units_of_y = {"alpha_scale": "absolute", "normalize_y": False}
bayesian = NNGPRegressor(network, alpha=noise_std**2, **in_units_of_y).fit(X, y)


def draw_band(ax, model, color, extra_variance=0.0, opacity=0.18, **label):
    mean, std = model.predict(x, return_std=True)
    half_width = 2 * np.sqrt(std**2 + extra_variance)
    ax.fill_between(
        x[:, 0], mean - half_width, mean + half_width, color=color, alpha=opacity, lw=0, **label
    )
    ax.plot(x, mean, color=color, lw=2.2)


def draw_data(ax):
    ax.plot(X, y, "o", color="k", mec="w", ms=5, mew=0.7, zorder=5)
    ax.set(xlim=(-4.5, 4.5), ylim=(-3.6, 3.6), xlabel="input")
    ax.spines[["top", "right"]].set_visible(False)


figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
draw_band(ax, bayesian, "C0", noise_std**2, opacity=0.12, label="observations: ± 2 std with noise")
draw_band(ax, bayesian, "C0", opacity=0.28, label="function: ± 2 std")
ax.plot(x, truth(x), "k--", lw=1, label="truth")
draw_data(ax)
ax.set_ylabel("output")
ax.legend(loc="lower right", frameon=False)
plt.show()

# %%
# The trained ensemble
# --------------------
#
# :class:`~skntk.NTKRegressor` is the ensemble of all networks that start from random weights and
# are trained until nothing moves. Each thin line is one member. Here ``alpha`` is not the noise
# of a statistical model but a penalty on how far the weights move while training.
#
# The last panel compares what the two call uncertainty. The Bayesian network knows that an
# observation is noisy, and stays unsure of the function even where it has seen it. The ensemble
# measures how far its members disagree, which is hardly at all where they have learned the same
# data, noise included. In the gap they still show where they came from.

ensemble = NTKRegressor(network, alpha=noise_std**2, **in_units_of_y).fit(X, y)

figure, panels = plt.subplots(1, 3, figsize=(11, 3.7), layout="constrained")
for ax, model, color, title in zip(
    panels, [bayesian, ensemble], ["C0", "C1"], ["NNGP", "NTK"], strict=False
):
    draw_band(ax, model, color)
    ax.plot(x, model.sample_y(x, n_samples=6, random_state=0), color=color, lw=0.7, alpha=0.7)
    draw_data(ax)
    ax.set_title(title)
    panels[2].plot(x, model.predict_std(x), color=color, lw=2, label=title)
panels[2].plot(x, NNGPRegressor(network).predict_std(x), color="0.6", lw=2, label="prior")
panels[2].plot(X, np.zeros_like(X), "k|", ms=9)
panels[2].set(xlim=(-4.5, 4.5), ylim=(0, None), xlabel="input", title="standard deviation")
panels[2].spines[["top", "right"]].set_visible(False)
panels[2].legend(loc="center left", frameon=False)
plt.show()

# %%
# While training goes on
# ----------------------
#
# With ``training_time`` the training stops early. At the time 0 the ensemble is the prior. First
# it learns what the kernel finds easy, the slow variations; fast ones, and with them the noise,
# come last, and after a very long time every member swings wildly to hit each noisy point.
# Stopping is therefore a regularization of its own: here ``alpha`` is 0 throughout.

times = [0, 1, 10, 1_000, 100_000]

figure, panels = plt.subplots(
    1, len(times), figsize=(11, 2.9), sharex=True, sharey=True, layout="constrained"
)
shades = plt.get_cmap("plasma")(np.linspace(0.1, 0.75, len(times)))
for ax, training_time, shade in zip(panels, times, shades, strict=True):
    model = NTKRegressor(network, alpha=0.0, training_time=training_time, **in_units_of_y)
    model.fit(X, y)
    draw_band(ax, model, shade)
    ax.plot(x, model.sample_y(x, n_samples=6, random_state=0), color=shade, lw=0.7, alpha=0.7)
    draw_data(ax)
    ax.set_title(f"time {training_time:,}")
    ax.set_xticks([-3, 0, 3])
panels[0].set_ylabel("output")
plt.show()

# %%
# A good time can be found as any other hyperparameter, by cross-validation. Here we know the
# truth, and can measure how far the mean is from it inside the range of the data. Between too
# early and too late there is a wide valley: a grid of powers of ten is fine enough.

inside = (x[:, 0] > X.min()) & (x[:, 0] < X.max())
grid = np.logspace(-2, 5, 22)
errors = []
for training_time in grid:
    model = NTKRegressor(network, alpha=0.0, training_time=training_time, **in_units_of_y)
    difference = model.fit(X, y).predict(x[inside]) - truth(x[inside])
    errors.append(np.sqrt(np.mean(difference**2)))

figure, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
ax.semilogx(grid, errors, color="C1", lw=2)
ax.axvline(grid[np.argmin(errors)], color="0.6", ls=":", lw=1.5)
ax.set(xlabel="training time", ylabel="distance to the truth (rms)", ylim=(0, None))
ax.spines[["top", "right"]].set_visible(False)
plt.show()
