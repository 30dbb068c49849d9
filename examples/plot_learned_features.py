r"""
Features that are learned
=========================

The kernel of an infinitely wide network is fixed before it sees any targets: of twenty features it
takes all for equally important. A recursive feature machine learns from the gradients of its own
predictions which directions matter, multiplies the inputs by what it has found, and fits anew.
"""

# %%
# Two features of twenty
# ----------------------
#
# The targets depend on the sum of the first two features, and on nothing else. 300 rows are few in
# twenty dimensions: the plain network sees little more than a slope.

import matplotlib.pyplot as plt
import numpy as np

from skntk import FeatureLearningRegressor, NNGPRegressor
from skntk.displays import FeatureMatrixDisplay

rng = np.random.default_rng(0)
X = rng.normal(size=(1300, 20))
y = np.sin(X[:, 0] + X[:, 1]) + 0.1 * rng.normal(size=1300)
train, test = slice(0, 300), slice(300, None)

plain = NNGPRegressor().fit(X[train], y[train])
learned = FeatureLearningRegressor(NNGPRegressor(), cv=3, random_state=0).fit(X[train], y[train])
for model in (plain, learned):
    print(f"{type(model).__name__:25} R2 = {model.score(X[test], y[test]):.3f}")

# %%
# The average gradient outer product says what predictions depend on. Its diagonal are the
# importances of features. Off the diagonal is what they do together: here both count as their sum.

figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
FeatureMatrixDisplay.from_estimator(learned, ax=axes[0], max_features=8)
FeatureMatrixDisplay.from_estimator(learned, ax=axes[1], kind="matrix")
plt.show()

# %%
# How the round was chosen
# ------------------------
#
# Every round was scored on rows that neither its matrix nor its ``alpha`` had seen. Leave-one-out
# in closed form would not do: the matrix has seen the row that is left out. We draw the best score
# of every round for the matrix and for its diagonal, which cannot rotate the inputs.

table = learned.cv_results_
rounds = np.arange(learned.n_rounds + 1)
error = -table["mean_test_score"]

figure, ax = plt.subplots(figsize=(5.5, 3.2), layout="constrained")
for matrix, color in (("full", "#0072B2"), ("diagonal", "#D55E00")):
    of_matrix = (table["param_matrix"] == matrix) | (table["param_n_rounds"] == 0)
    best = [error[of_matrix & (table["param_n_rounds"] == number)].min() for number in rounds]
    ax.plot(rounds, best, "o-", color=color, label=matrix)
ax.set(xlabel="round", ylabel="held-out error / variance", ylim=(0, None))
ax.set_xticks(rounds)
ax.legend(title="matrix")
plt.show()

# %%
# Along the direction
# -------------------
#
# In the direction that matters the predictions follow the sine, and are as sure as they may be.

along = np.linspace(-3, 3, 121)[:, np.newaxis] * np.eye(20)[:2].sum(axis=0) / 2
position = along[:, 0] + along[:, 1]

figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), sharey=True, layout="constrained")
for ax, model in zip(axes, (plain, learned), strict=True):
    mean, std = model.predict(along, return_std=True)
    ax.fill_between(position, mean - 2 * std, mean + 2 * std, color="#0072B2", alpha=0.2, lw=0)
    ax.plot(position, mean, color="#0072B2", lw=2, label="mean, 2 std")
    ax.plot(position, np.sin(position), color="black", ls="--", lw=1, label="truth")
    ax.set(title=type(model).__name__, xlabel="$x_0 + x_1$")
axes[0].legend()
plt.show()
