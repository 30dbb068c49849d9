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
from skntk.displays import PredictionBandDisplay

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
# For :class:`~skntk.NNGPRegressor`, ``alpha`` is the variance of the noise. By default ``fit``
# finds it. We know it here, in the units of ``y``, so that we give it, set
# ``alpha_scale="absolute"`` and leave ``y`` as it is. The standard deviation that ``predict``
# returns is that of the function (dark). A new observation carries noise as well: its variance is
# larger by ``alpha`` (light). Far beyond the data the erf network levels off, whatever the truth
# does there: the band is right only if the prior is.

in_units_of_y = {"alpha_scale": "absolute", "normalize_y": False}
bayesian = NNGPRegressor(network, alpha=noise_std**2, **in_units_of_y).fit(X, y)

BLUE, ORANGE = "#0072B2", "#D55E00"


def draw(ax, model, color, **options):
    return PredictionBandDisplay.from_estimator(
        model, X, y, grid=x[:, 0], ax=ax, line_kwargs={"color": color}, legend=False, **options
    )


figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
dark = {"alpha": 0.35, "label": "function: ± 2 std"}
function = draw(ax, bayesian, BLUE, name="mean", fill_between_kwargs=dark)
PredictionBandDisplay.from_predictions(
    x,
    function.y_pred,
    np.sqrt(function.y_std**2 + noise_std**2),
    ax=ax,
    line_kwargs={"color": BLUE, "label": "_mean"},
    fill_between_kwargs={"alpha": 0.15, "label": "observations: ± 2 std with noise"},
    legend=False,
)
ax.plot(x, truth(x), "k--", lw=1, label="truth")
ax.set(xlim=(-4.5, 4.5), ylim=(-3.6, 3.6))
ax.legend(loc="lower right", frameon=False)
plt.show()

# %%
# The trained ensemble
# --------------------
#
# :class:`~skntk.NTKRegressor` is the ensemble of all networks that start from random weights and
# are trained until nothing moves. Each thin line is one member. Here a number for ``alpha`` is not
# the noise of a statistical model but a penalty on how far the weights move while training.
#
# The last panel compares what the two call uncertainty. The Bayesian network knows that an
# observation is noisy, and stays unsure of the function even where it has seen it. The ensemble
# measures how far its members disagree, which is hardly at all where they have learned the same
# data, noise included. In the gap they still show where they came from.

ensemble = NTKRegressor(network, alpha=noise_std**2, **in_units_of_y).fit(X, y)

figure, panels = plt.subplots(1, 3, figsize=(11, 3.7), layout="constrained")
for ax, model, color, title in zip(
    panels, [bayesian, ensemble], [BLUE, ORANGE], ["NNGP", "NTK"], strict=False
):
    display = draw(ax, model, color, n_samples=6)
    ax.set(xlim=(-4.5, 4.5), ylim=(-3.6, 3.6), title=title)
    panels[2].plot(x, display.y_std, color=color, lw=2, label=title)
panels[2].plot(x, NNGPRegressor(network).predict_std(x), color="0.6", lw=2, label="prior")
panels[2].plot(X, np.zeros_like(X), "k|", ms=9)
panels[2].set(xlim=(-4.5, 4.5), ylim=(0, None), xlabel="input", title="standard deviation")
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
    draw(ax, model, shade, n_samples=6)
    ax.set(xlim=(-4.5, 4.5), ylim=(-3.6, 3.6), title=f"time {training_time:,}")
    ax.set_xticks([-3, 0, 3])
    ax.label_outer()
plt.show()

# %%
# A good time can be found as any other hyperparameter, by cross-validation. Here we know the
# truth, and can measure how far the mean is from it inside the range of the data. A fitted model
# predicts at all times by ``staged_predict``. Between too early and too late there is a wide
# valley: a grid of powers of ten is fine enough.

inside = (x[:, 0] > X.min()) & (x[:, 0] < X.max())
grid = np.logspace(-2, 5, 22)
errors = [
    np.sqrt(np.mean((mean - truth(x[inside])) ** 2))
    for mean in model.staged_predict(x[inside], grid)
]

figure, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
ax.semilogx(grid, errors, color=ORANGE, lw=2)
ax.axvline(grid[np.argmin(errors)], color="0.6", ls=":", lw=1.5)
ax.set(xlabel="training time", ylabel="distance to the truth (rms)", ylim=(0, None))
plt.show()
