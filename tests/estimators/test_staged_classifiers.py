"""A classifier at many times of its training is the one that was trained until each of them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skntk import NNGPClassifier, NTKClassifier

from .problems import NETWORK, classification

TIMES = [0.0, 3.0, 50.0]
MODELS = {
    "nngp": NNGPClassifier(NETWORK),
    "nngp early": NNGPClassifier(NETWORK, training_time=5.0),
    "ntk": NTKClassifier(NETWORK),
    "ntk early": NTKClassifier(NETWORK, training_time=5.0, normalize_y=False),
    "ntk steps": NTKClassifier(
        NETWORK, training_time=5.0, solver="gradient_descent", learning_rate=0.1, momentum=0.5
    ),
    "log-loss": NTKClassifier(NETWORK, training_time=5.0, loss="log_loss"),
    "log-loss steps": NTKClassifier(
        NETWORK,
        training_time=5.0,
        loss="log_loss",
        solver="gradient_descent",
        learning_rate=0.1,
        momentum=0.5,
    ),
}
STAGED = {
    "staged_predict": "predict",
    "staged_predict_proba": "predict_proba",
    "staged_decision_function": "decision_function",
}


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", MODELS)
def test_staged_results_are_those_of_refits(name, n_classes):
    X, y, X_test = classification(n_classes=n_classes)
    weight = np.random.default_rng(1).uniform(0.5, 2.0, size=len(y))
    model = clone(MODELS[name]).fit(X, y, sample_weight=weight)
    staged = {method: list(getattr(model, method)(X_test, TIMES)) for method in STAGED}
    for position, time in enumerate(TIMES):
        refit = clone(model).set_params(training_time=time).fit(X, y, sample_weight=weight)
        for method, plain in STAGED.items():
            ours, theirs = staged[method][position], getattr(refit, plain)(X_test)
            if method != "staged_predict":
                assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7)
            elif time > 0:
                assert (ours == theirs).all()


@pytest.mark.parametrize("name", ["ntk early", "log-loss"])
def test_bad_times_are_refused_at_the_call(name):
    X, y, X_test = classification()
    unfitted = clone(MODELS[name])
    for method in STAGED:
        with pytest.raises(NotFittedError):
            getattr(unfitted, method)(X_test, TIMES)
    model = unfitted.fit(X, y)
    for method in STAGED:
        for times, message in [
            ([2.0, 1.0], "ascending"),
            ([-1.0, 1.0], "nonnegative"),
            ([None], "None|finite"),
            ([], "at least one"),
        ]:
            with pytest.raises(ValueError, match=message):
                getattr(model, method)(X_test, times)
