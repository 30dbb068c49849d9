r"""
A whole training run, infinite and finite
=========================================

How an infinitely wide ensemble is trained is known in closed form: its predictions and its losses
at every time, with their spread from network to network. This example draws them, and beside them a
hundred networks of finite width that make their steps of gradient descent one after the other.
"""

# %%
# The same training twice
# -----------------------
#
# Seven noisy observations of a sine, and its values at fifty inputs to test on.

import matplotlib.pyplot as plt
import numpy as np

from skntk import FiniteWidthRegressor, NTKRegressor
from skntk.architecture import FullyConnected
from skntk.displays import (
    PredictionBandDisplay,
    TrainingDynamicsDisplay,
    TrainingHistoryDisplay,
)

X = np.array([-2.6, -2.1, -1.3, -0.2, 0.9, 1.4, 2.7])[:, np.newaxis]
X_test = np.linspace(-3, 3, 50)[:, np.newaxis]
x = np.linspace(-4, 4, 201)


def truth(x):
    return np.sin(x[:, 0])


noise = 0.2 * np.random.default_rng(0).normal(size=len(X))
y, y_test = truth(X) + noise, truth(X_test)

# %%
# :class:`~skntk.NTKRegressor` needs a kernel and an eigendecomposition for the whole run,
# :class:`~skntk.FiniteWidthRegressor` makes every step with every network. Both count the time in
# steps, here of the length 0.05.

network = FullyConnected(depth=1, activation="erf", weight_std=1.5, bias_std=1.0)
n_steps, rate = 500, 0.05
same = {"alpha": 0.0, "normalize_y": False, "training_time": n_steps, "learning_rate": rate}
infinite = NTKRegressor(network, training_method="gradient_descent", **same).fit(X, y)
finite = FiniteWidthRegressor(network, width=256, n_networks=100, random_state=0, **same).fit(X, y)

# %%
# On the left are the predictions after 500 steps. The shaded band covers 90 % of the infinite
# ensemble, which is Gaussian: 1.645 standard deviations on either side. The dashed lines are the
# 5th percentile, the mean and the 95th percentile of the hundred networks, counted at every input.
# On the right are the losses, half the mean squared error. Every network has its own; lines are
# means over the networks, and bands reach one standard deviation to either side, solid and shaded
# for infinite width, dashed for the hundred networks.

DASHED = {"color": "black", "linestyle": "--", "linewidth": 1.2}
BLUE, ORANGE = "#0072B2", "#D55E00"

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
PredictionBandDisplay.from_estimator(
    infinite, X, y, grid=x, n_std=1.645, ax=left, name="infinite width", legend=False
)
networks = finite.predict_networks(x[:, np.newaxis])
low, high = np.percentile(networks, [5, 95], axis=0)
left.plot(x, networks.mean(axis=0), label="100 networks of width 256", **DASHED)
left.plot(x, np.stack([low, high], axis=1), label=["_low", "_high"], **DASHED | {"linewidth": 0.8})
left.legend(loc="upper left")
left.set_xlim(-4, 4)
left.set_title("Predictions after 500 steps: mean, 5 % and 95 %")

times = np.unique(np.logspace(0, np.log10(n_steps), 40).round().astype(int))
TrainingHistoryDisplay.from_estimator(
    infinite, X_test, y_test, training_times=times, ax=right, name="infinite width"
)
history = TrainingHistoryDisplay(**finite.training_history(X_test, y_test, times), name="width 256")
for loss_type, color in [("train", BLUE), ("test", ORANGE)]:
    outline = {"facecolor": "none", "edgecolor": color, "alpha": 1.0, "linewidth": 1.0}
    history.plot(
        right,
        loss_type=loss_type,
        line_kwargs=DASHED | {"color": color},
        fill_between_kwargs=outline | {"linestyle": "--", "label": "_band"},
    )
right.set(xlim=(1, n_steps), ylim=(1e-3, 5), yscale="log")
right.set_ylabel("loss (half the mean squared error)")
right.legend(loc="lower left")
right.set_title("Losses while training: mean ± 1 std")
plt.show()

# %%
# What is learned when
# --------------------
#
# The same run, seen in two other ways. On the left are the predictions of the infinite ensemble
# over the whole input at five times: at the time 0 it is the prior. On the right two inputs are
# followed through the training, one at a training point and one beyond the last, where the
# training moves the networks but does not make them agree. The dashed lines are the networks of
# finite width.

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
TrainingDynamicsDisplay.from_estimator(
    infinite, X, y, training_times=[0, 1, 10, 100, 500], grid=x, ax=left
)
left.set_title("Infinite ensemble")

points = np.array([[0.9], [3.6]])
display = TrainingDynamicsDisplay.from_estimator(
    infinite, points, training_times=times, kind="prediction_vs_time", ax=right
)
stages = np.array(list(finite.staged_predict(points, times)))
for point, line in enumerate(display.lines_):
    right.plot(times, stages[:, point], color=line.get_color(), linestyle="--", linewidth=1.2)
right.set_title("Two inputs (dashed: 100 networks)")
plt.show()
