"""
Searching for an architecture
=============================

The network is a hyperparameter of the estimator. A grid search can therefore compare networks as it
compares any other values: their depth, their activation, shortcuts around their layers, or all of
these at once. Nothing is trained step by step: each candidate is a kernel matrix and a linear
solve.
"""

# %%
# A pipeline and a grid
# ---------------------
#
# The data are Friedman's: five features make a smooth function with a product, a square and two
# linear parts, five more are decoys, and the observations are noisy. ``architecture`` can take
# any network, and ``architecture__depth`` and the like reach into whichever network is there: the
# grid combines both. ``alpha`` has no place in it: each fit finds the value that suits its network.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_friedman1
from sklearn.model_selection import GridSearchCV, KFold, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skntk import NTKRegressor
from skntk.architecture import FullyConnected, ResidualFullyConnected

X, y = make_friedman1(1000, n_features=10, noise=1.0, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=300, random_state=0)

pipeline = Pipeline([("scale", StandardScaler()), ("network", NTKRegressor())])
grid = {
    "network__architecture": [FullyConnected(), ResidualFullyConnected()],
    "network__architecture__depth": [1, 3],
    "network__architecture__activation": ["relu", "gelu", "erf"],
}
folds = KFold(5, shuffle=True, random_state=0)
search = GridSearchCV(pipeline, grid, cv=folds).fit(X_train, y_train)

# %%
# These are 12 candidates in 5 folds. Compiled code depends only on the structure of a network, so
# that the folds share it. The best candidate, trained on all training rows, is an estimator like
# any other:

search.best_estimator_

# %%
print(search.best_estimator_["network"].architecture_)
print(f"alpha = {search.best_estimator_['network'].hyperparameters_['alpha']:.2g}")
print(f"R2 in cross-validation: {search.best_score_:.3f}")
print(f"R2 on new data: {search.score(X_test, y_test):.3f}")

# %%
# Which choices mattered
# ----------------------
#
# For each network we draw its score in each fold (small) and their mean (large). Some folds are
# harder than others, for all networks alike. We take this out by giving all folds the same average
# over the networks: what is left of the spread tells how far the order of the rows can be trusted.

results = search.cv_results_
fold_scores = np.column_stack([results[f"split{fold}_test_score"] for fold in range(5)])
scores_of = {}
for parameters, scores in zip(results["params"], fold_scores, strict=True):
    network = (
        type(parameters["network__architecture"]).__name__,
        parameters["network__architecture__activation"],
        parameters["network__architecture__depth"],
    )
    scores_of[network] = scores
ranking = sorted(scores_of, key=lambda network: scores_of[network].mean())
scores = np.array([scores_of[network] for network in ranking])
scores += scores.mean() - scores.mean(axis=0)

colors = {"relu": "C0", "gelu": "C2", "erf": "C1"}
markers = {"FullyConnected": "o", "ResidualFullyConnected": "D"}

figure, ax = plt.subplots(figsize=(8, 4.6), layout="constrained")
for row, (preset, activation, _) in enumerate(ranking):
    color, marker = colors[activation], markers[preset]
    ax.axhline(row, color="0.92", lw=0.8, zorder=0)
    ax.plot(scores[row], [row] * 5, marker, color=color, ms=4.5, alpha=0.4, mew=0)
    ax.plot(scores[row].mean(), row, marker, color=color, ms=9, mec="w")
names = [f"{preset}({depth}, {activation!r})" for preset, activation, depth in ranking]
ax.set_yticks(range(len(names)), names, family="monospace", fontsize=9)
ax.set_xlabel("R2 in cross-validation")
ax.spines[["top", "right", "left"]].set_visible(False)
ax.tick_params(left=False)
plt.show()

# %%
# The activation decides most: erf levels off, and the data contain a square and two straight
# lines. One hidden layer does better than three with every activation, and the best few networks
# are too close to call.
#
# Numbers cost nothing
# --------------------
#
# ``weight_std`` and ``bias_std`` are numbers in the kernel's formula, not parts of its structure:
# a grid over them compiles nothing after its first kernel.

weight_stds, bias_stds = [0.7, 1.0, 1.4, 2.0], [0.0, 0.1, 0.3, 1.0]
fine_grid = {
    "network__architecture__weight_std": weight_stds,
    "network__architecture__bias_std": bias_stds,
}
fine_search = GridSearchCV(search.best_estimator_, fine_grid, cv=folds).fit(X_train, y_train)
score_of = {
    (stds["network__architecture__weight_std"], stds["network__architecture__bias_std"]): score
    for stds, score in zip(
        fine_search.cv_results_["params"], fine_search.cv_results_["mean_test_score"], strict=True
    )
}
score_table = np.array([[score_of[w, b] for w in weight_stds] for b in bias_stds])

figure, ax = plt.subplots(figsize=(5, 4), layout="constrained")
ax.imshow(score_table, cmap="viridis", origin="lower")
for (row, column), score in np.ndenumerate(score_table):
    ink = "k" if score > score_table.mean() else "w"
    ax.text(column, row, f"{score:.3f}", ha="center", va="center", color=ink)
ax.set_xticks(range(4), weight_stds)
ax.set_yticks(range(4), bias_stds)
ax.set(xlabel="weight_std", ylabel="bias_std", title="R2 in cross-validation")
plt.show()

# %%
# The biases matter most: with them the bend of the activation lies in many places, without them
# only where its input is zero. Small weights help a little more. The best value is in a corner of
# the grid: the next search would start there.
