r"""
When to stop
============

Training that stops early is a regularization. For an infinitely wide network the stopping time is a
hyperparameter like any other, and can be searched like any other. But all times of one training
come from one eigendecomposition, so that a whole curve of scores costs hardly more than one point.
"""

# %%
# A curve over the training time
# ------------------------------
#
# The task is to predict the progress of diabetes from ten noisy measurements. Nothing regularizes
# but the time: ``alpha`` is 0. :func:`~skntk.training_time_curve` trains a network on every fold,
# and scores it at all times. What it returns is what
# :func:`sklearn.model_selection.validation_curve` returns, so that scikit-learn draws it.

import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import GridSearchCV, KFold, ValidationCurveDisplay
from sklearn.preprocessing import scale

from skntk import NTKRegressor, training_time_curve
from skntk.architecture import FullyConnected

X, y = load_diabetes(return_X_y=True)
X = scale(X)
folds = KFold(5, shuffle=True, random_state=0)
model = NTKRegressor(FullyConnected(depth=2, activation="erf"), alpha=0.0)
times = np.logspace(-1, 5, 25)

start = time.perf_counter()
train_scores, test_scores = training_time_curve(
    model, X, y, training_times=times, cv=folds, scoring="r2"
)
seconds_curve = time.perf_counter() - start

figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ValidationCurveDisplay(
    param_name="training_time",
    param_range=times,
    train_scores=train_scores,
    test_scores=test_scores,
    score_name="R2",
).plot(ax, fill_between_kw={"alpha": 0.2})
best = times[test_scores.mean(axis=1).argmax()]
ax.axvline(best, color="0.5", linestyle=":")
ax.set(ylim=(-0.1, 1.05), xlabel="training time (steps)")
plt.show()

# %%
# The same scores by a search
# ---------------------------
#
# A grid search trains anew for every time and every fold. It finds the same time, because its
# scores are the same.

start = time.perf_counter()
search = GridSearchCV(model, {"training_time": times}, cv=folds, scoring="r2").fit(X, y)
seconds_search = time.perf_counter() - start
difference = np.abs(search.cv_results_["mean_test_score"] - test_scores.mean(axis=1)).max()

print(f"best time: {best:.0f} by the curve, {search.best_params_['training_time']:.0f} by search")
print(f"largest difference of two scores: {difference:.0e}")
print(f"the search takes {seconds_search / seconds_curve:.0f} times as long as the curve")

# %%
# What the stopping changes
# -------------------------
#
# Predictions for held-out rows at the best time, and after a training without end, which fits the
# noise of every row.

train, test = next(folds.split(X))
figure, panels = plt.subplots(
    1, 2, figsize=(8, 3.8), sharex=True, sharey=True, layout="constrained"
)
for ax, training_time, title in zip(
    panels, [best, None], [f"stopped at {best:.0f}", "never stopped"], strict=True
):
    stopped = model.set_params(training_time=training_time).fit(X[train], y[train])
    ax.axline((150, 150), slope=1, color="0.6", linestyle=":")
    ax.scatter(stopped.predict(X[test]), y[test], s=16, color="#0072B2", edgecolor="white")
    ax.set(title=f"{title}: R2 = {stopped.score(X[test], y[test]):.2f}", xlabel="predicted")
panels[0].set_ylabel("observed")
plt.show()
