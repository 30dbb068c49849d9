"""A new row may equal one of training: rows that repeat are as good as rows that nearly do."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.metrics import log_loss

from skntk import ClosedFormSearchCV, NNGPClassifier, NTKClassifier, make_tabular_classifier
from skntk.architecture import FullyConnected
from skntk.estimators.search import subset_fit

NETWORK = FullyConnected(1, "erf", 1.5, 0.5)
EARLY = {"training_time": 50.0}
# The temperature of finite times comes from folds that differ: it takes more rows to be the same.
CLASSIFIERS = {
    "nngp": (NNGPClassifier(NETWORK), 150),
    "ntk": (NTKClassifier(NETWORK), 150),
    "softmax": (NNGPClassifier(NETWORK, likelihood="softmax"), 80),
    "softmax with a given alpha": (NNGPClassifier(NETWORK, likelihood="softmax", alpha=1.0), 80),
    "finite time": (NTKClassifier(NETWORK, **EARLY), 400),
    "finite time of the last layer": (NNGPClassifier(NETWORK, **EARLY), 400),
    "log-loss": (NTKClassifier(NETWORK, loss="log_loss", alpha=0.01, **EARLY), 80),
}
TABLES = [(3, 2), (10, 2), (50, 2), (3, 5), (10, 5), (50, 5)]


def table(n_distinct, n_classes, n_train, seed=2):
    """Return rows that repeat, and classes whose probabilities depend on them, 200 to test with."""
    random = np.random.default_rng(seed)
    rows, logits = random.normal(size=(n_distinct, 3)), random.normal(size=(n_distinct, n_classes))
    drawn = random.integers(n_distinct, size=n_train + 200)
    noisy = 1.5 * logits[drawn] + random.gumbel(size=(len(drawn), n_classes))
    X, y = rows[drawn], noisy.argmax(axis=1)
    return X[:n_train], y[:n_train], X[n_train:], y[n_train:]


def differing(X):
    return X + 1e-5 * np.random.default_rng(len(X)).normal(size=X.shape)


def losses(classifier, X, y, X_test, y_test):
    """Return the log-loss with rows that repeat, and with rows of which no two are equal."""
    repeated = clone(classifier).fit(X, y)
    alone = clone(classifier).fit(differing(X), y)
    return [
        log_loss(y_test, model.predict_proba(inputs), labels=model.classes_)
        for model, inputs in ((repeated, X_test), (alone, differing(X_test)))
    ]


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize(("n_distinct", "n_classes"), TABLES)
def test_probabilities_are_those_of_rows_that_differ(name, n_distinct, n_classes):
    classifier, n_train = CLASSIFIERS[name]
    repeated, alone = losses(classifier, *table(n_distinct, n_classes, n_train))
    assert_allclose(repeated, alone, atol=0.01)


@pytest.mark.parametrize("family", [NNGPClassifier, NTKClassifier])
@pytest.mark.parametrize("cv", [3, None])
@pytest.mark.parametrize(("n_distinct", "n_classes"), [(3, 2), (10, 5)])
def test_a_search_scores_as_with_rows_that_differ(family, cv, n_distinct, n_classes):
    X, y, _, _ = table(n_distinct, n_classes, 40)
    grid = {"alpha": ["auto", 0.01, 1.0]}
    search = ClosedFormSearchCV(
        family(NETWORK), grid, cv=cv, scoring=["neg_log_loss", "accuracy"], refit=False
    )
    repeated = clone(search).fit(X, y).cv_results_
    alone = clone(search).fit(differing(X), y).cv_results_
    for name in ("mean_test_neg_log_loss", "mean_test_accuracy"):
        assert_allclose(repeated[name], alone[name], atol=0.01)


def test_a_search_that_leaves_one_out_trains_once_for_equal_samples(monkeypatch):
    trained = []
    train = subset_fit.SubsetFit.train
    monkeypatch.setattr(
        subset_fit.SubsetFit, "train", lambda self: trained.append(self) or train(self)
    )
    X, y, _, _ = table(3, 2, 40)
    weight = np.where(np.arange(40) == 0, 2.0, 1.0)
    alpha = np.where(np.arange(40) == 1, 0.2, 0.1)
    scores = {}
    for name, inputs in (("repeated", X), ("alone", differing(X))):
        trained.clear()
        search = ClosedFormSearchCV(
            NTKClassifier(NETWORK), {"alpha": [alpha]}, scoring="neg_log_loss", refit=False
        )
        search.fit(inputs, y, sample_weight=weight)
        scores[name] = search.cv_results_["mean_test_score"]
        kinds = 2 + len(np.unique(np.column_stack([X, y])[2:], axis=0))
        assert len(trained) == (kinds if name == "repeated" else 40)
    assert_allclose(scores["repeated"], scores["alone"], atol=0.01)


def test_the_recipe_predicts_as_with_rows_that_differ():
    repeated, alone = losses(make_tabular_classifier(random_state=0), *table(10, 5, 150))
    assert_allclose(repeated, alone, atol=0.01)


@pytest.mark.parametrize(("n_distinct", "n_classes"), [(3, 2), (10, 5)])
def test_the_temperature_at_many_times_is_that_of_each_time(n_distinct, n_classes):
    X, y, X_test, _ = table(n_distinct, n_classes, 60)
    times = [5.0, 50.0]
    staged = NTKClassifier(NETWORK).fit(X, y).staged_predict_proba(X_test, times)
    for time, probabilities in zip(times, staged, strict=True):
        model = NTKClassifier(NETWORK, training_time=time).fit(X, y)
        assert_allclose(probabilities, model.predict_proba(X_test), rtol=1e-6)


@pytest.mark.parametrize("alpha", ["auto", 0.3])
def test_evidence_counts_repetitions_as_rows_that_differ(alpha):
    X, y, _, _ = table(10, 2, 60)
    models = [
        NNGPClassifier(NETWORK, likelihood="softmax", alpha=alpha).fit(inputs, y)
        for inputs in (X, differing(X))
    ]
    repeated, alone = (model.log_marginal_likelihood_value_ for model in models)
    assert len(models[0].X_train_) < 20
    assert_allclose(repeated, alone, rtol=1e-4)
    if alpha == "auto":
        assert_allclose(models[0].alpha_score_, repeated, rtol=1e-6)
        found = [model.hyperparameters_["alpha"] for model in models]
        assert_allclose(found[0], found[1], rtol=0.1)


CLASS_OF_ONE_ROW = [
    NNGPClassifier(),
    NNGPClassifier(training_time=100.0),
    NTKClassifier(),
    NTKClassifier(training_time=100.0),
]


@pytest.mark.parametrize("classifier", CLASS_OF_ONE_ROW, ids=repr)
@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_a_class_of_one_row_says_nothing_about_the_temperature(classifier, class_weight):
    random = np.random.default_rng(0)
    X, y = random.normal(size=(50, 2)), np.zeros(50)
    X[0], y[0] = X[0] + 6, 1
    model = clone(classifier).set_params(class_weight=class_weight).fit(X, y)
    probabilities = model.predict_proba(X)[:, 1]
    assert probabilities[0] > 0.9
    assert probabilities[1:].max() < 0.1
    assert model.temperature_ < 1


@pytest.mark.parametrize("classifier", CLASS_OF_ONE_ROW, ids=repr)
def test_classes_of_one_row_each_say_nothing(classifier):
    model = clone(classifier).fit(np.eye(3), [0, 1, 2])
    assert model.temperature_ == 1
    assert np.isfinite(model.predict_proba(np.eye(3))).all()
