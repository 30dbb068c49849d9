"""What cannot work is refused with its cause and what to change."""

import numpy as np
import pytest
from scipy.sparse import csr_array, csr_matrix
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags

from skntk import ClosedFormSearchCV, NNGPClassifier, NNGPRegressor, NTKClassifier, NTKRegressor
from skntk.architecture import Dense, FullyConnected, Relu, Serial

from .problems import ESTIMATORS, NETWORK, name_of, problem_for

each_estimator = pytest.mark.parametrize("estimator", ESTIMATORS, ids=name_of)
FAMILIES = [NNGPRegressor, NTKRegressor, NNGPClassifier, NTKClassifier]
each_family = pytest.mark.parametrize("family", FAMILIES)


@each_estimator
@pytest.mark.parametrize(
    ("value", "message"), [(np.nan, "Input X contains NaN"), (np.inf, "Input X contains infinity")]
)
def test_inputs_that_are_not_finite(estimator, value, message):
    X, y, X_test = problem_for(estimator)
    model = clone(estimator).fit(X, y)
    X[3, 1] = X_test[2, 0] = value
    with pytest.raises(ValueError, match=message):
        clone(estimator).fit(X, y)
    with pytest.raises(ValueError, match=message):
        model.predict(X_test)
    with pytest.raises(ValueError, match=message):
        model.predict_std(X_test)


@pytest.mark.parametrize("family", [NNGPRegressor, NTKRegressor])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_targets_that_are_not_finite(family, value):
    X, y, _ = problem_for(family())
    y[3] = value
    with pytest.raises(ValueError, match=r"Input y contains (NaN|infinity)"):
        family().fit(X, y)


@each_estimator
def test_another_number_of_features(estimator):
    X, y, X_test = problem_for(estimator)
    model = clone(estimator).fit(X, y)
    with pytest.raises(ValueError, match=r"X has 3 features, but .* is expecting 4 features"):
        model.predict(X_test[:, :3])


@each_estimator
def test_targets_of_another_length(estimator):
    X, y, _ = problem_for(estimator)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        clone(estimator).fit(X, y[:-1])


@pytest.mark.parametrize("family", [NNGPClassifier, NTKClassifier])
def test_one_class(family):
    with pytest.raises(
        ValueError, match=r"at least 2 classes .* got one class: 'ash'. Add samples"
    ):
        family().fit(np.eye(3), ["ash"] * 3)
    with pytest.raises(ValueError, match="at least 2 classes with positive weight"):
        family().fit(np.eye(3), ["ash", "ash", "birch"], [1.0, 1.0, 0.0])


@pytest.mark.parametrize("family", [NNGPClassifier, NTKClassifier])
def test_targets_that_are_not_classes(family):
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        family().fit(np.eye(3), [0.1, 0.2, 0.7])


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ({"ash": -1.0}, "class_weight has negative values: {'ash': -1.0}; use weights >= 0"),
        ({"ash": 0.0, "birch": 0.0}, "All values of sample_weight are zero"),
        ({"ash": 0.0}, "at least 2 classes"),
    ],
)
def test_class_weights_that_leave_nothing_to_learn(class_weight, message):
    with pytest.raises(ValueError, match=message):
        NNGPClassifier(class_weight=class_weight).fit(np.eye(3), ["ash", "ash", "birch"])


@each_family
@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"alpha": -1.0}, "'alpha' parameter of {name} must be a float in the range .0.0, inf"),
        ({"alpha": [0.1, 0.2]}, "alpha has shape .2,., but X has {n} samples: give one float, or"),
        ({"alpha": [[0.1]]}, "alpha has shape .1, 1., but X has {n} samples"),
        ({"alpha": "negative"}, r"alpha has negative values \(smallest -0.5\)"),
        ({"alpha": "not finite"}, "alpha contains NaN or infinity: every value must be finite"),
        ({"alpha": np.inf}, "must be a float in the range .0.0, inf., .* or .*'auto'.*Got inf"),
        ({"alpha": "large"}, "'alpha' parameter of {name} must be"),
        ({"alpha_scale": "mean"}, "'alpha_scale' parameter of {name} must be a str among"),
        ({"normalize_y": "yes"}, "'normalize_y' parameter of {name} must be an instance of 'bool'"),
        ({"dtype": "float16"}, "'dtype' parameter of {name} must be a str among"),
        ({"n_jobs": 0.5}, "'n_jobs' parameter of {name} must be an instance of 'int' or None"),
        (
            {"architecture": FullyConnected},
            "'architecture' parameter of {name} must be an instance",
        ),
        ({"architecture": "relu"}, "'architecture' parameter of {name} must be an instance"),
        ({"architecture": FullyConnected(depth=0)}, "depth=0.: depth must be at least 1"),
        ({"architecture": FullyConnected(depth=-2)}, "depth=-2.: depth must be at least 1"),
        ({"architecture": FullyConnected(activation="rleu")}, "Did you mean 'relu'"),
        ({"architecture": FullyConnected(weight_std=-1)}, "weight_std must be >= 0"),
        (
            {"architecture": Serial([Dense(), Relu()])},
            "a last Dense layer is missing. Append one, for example Serial",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_parameters_that_are_not_valid(family, parameters, message):
    X, y, X_test = problem_for(family())
    special = {"negative": np.full(len(X), -0.5), "not finite": np.full(len(X), np.nan)}
    if isinstance(parameters.get("alpha"), str):
        parameters = {"alpha": special.get(parameters["alpha"], parameters["alpha"])}
    message = message.format(name=family.__name__, n=len(X))
    model = family(**parameters)
    with pytest.raises((ValueError, TypeError), match=message):
        model.fit(X, y)
    # Without `fit`, a regressor has a prior, which needs the same parameters except for alpha.
    if not get_tags(model).requires_fit and "alpha" not in parameters:
        with pytest.raises((ValueError, TypeError), match=message):
            model.predict(X_test, return_std=True)


@each_family
def test_parameters_of_a_network_that_is_not_there(family):
    name = family.__name__
    message = rf"architecture__depth cannot be set, .* start from {name}\(FullyConnected\(\)\)"
    with pytest.raises(ValueError, match=message):
        family().set_params(alpha=1.0, architecture__depth=2)
    model = family().set_params(architecture=FullyConnected(1), architecture__depth=2)
    assert model.architecture == FullyConnected(2)


@pytest.mark.parametrize("family", [NTKRegressor, NTKClassifier])
@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"training_time": -1.0},
            "'training_time' parameter of {name} must be a float in the range",
        ),
        ({"training_time": np.inf}, "a float in the range .0.0, inf. or None. Got inf instead"),
        (
            {"learning_rate": 0.0},
            "'learning_rate' parameter of {name} must be a float in the range",
        ),
        (
            {"learning_rate": -0.1},
            "'learning_rate' parameter of {name} must be a float in the range",
        ),
        ({"learning_rate": np.inf}, "must be a float in the range .0.0, inf.. Got inf instead"),
        (
            {"training_time": 1e300, "learning_rate": 1e300},
            "`learning_rate` . `training_time` overflows .*: reduce one of them, or use",
        ),
    ],
    ids=str,
)
def test_times_that_are_not_valid(family, parameters, message):
    X, y, _ = problem_for(family())
    with pytest.raises(ValueError, match=message.format(name=family.__name__)):
        family(**parameters).fit(X, y)


def test_duplicate_rows_without_alpha():
    X, y, _ = problem_for(NNGPRegressor())
    X[7] = X[2]
    for family in (NNGPRegressor, NTKRegressor):
        message = (
            r"samples 2 and 7 cannot be told apart .*\(duplicate rows\). Increase `alpha`, or rem"
        )
        with pytest.raises(ValueError, match=message):
            family(NETWORK, alpha=0.0).fit(X, y)
        assert np.isfinite(family(NETWORK, alpha=1e-6).fit(X, y).predict(X)).all()


def test_a_singular_kernel_in_single_precision_names_double_precision():
    X, y, _ = problem_for(NNGPRegressor())
    X[7] = X[2]
    with pytest.raises(ValueError, match="Increase `alpha`") as raised:
        NNGPRegressor(NETWORK, alpha=0.0, dtype="float32").fit(X, y)
    assert raised.value.__notes__ == [
        "With dtype='float64' the kernel resolves smaller values of alpha."
    ]


def test_duplicate_rows_in_two_classes_without_alpha():
    with pytest.raises(ValueError, match="samples 0 and 1 cannot be told apart"):
        NNGPClassifier(NETWORK, alpha=0.0).fit([[1.0], [1.0], [2.0]], [0, 1, 1])


@each_family
@pytest.mark.parametrize("alpha", [0.1, "auto"])
def test_more_rows_than_memory(family, alpha, monkeypatch):
    monkeypatch.setattr("skntk._memory.available_memory", lambda: 9_000)
    X, y, _ = problem_for(family())
    matrices = 2 if family in (NNGPRegressor, NNGPClassifier) else 3
    # One more to find alpha with.
    matrices += alpha == "auto"
    n_bytes = matrices * len(X) ** 2 * 8
    assert n_bytes > 9_000
    model = family(alpha=alpha)
    with pytest.raises(
        MemoryError, match=f"fit on {len(X)} samples needs .*solver='inducing_points' takes about"
    ) as raised:
        model.fit(X, y)
    assert f"{n_bytes / 2**30:.3g} GiB" in str(raised.value)
    # The default of the solver is more than there are rows.
    assert f"with {len(X)} points" in str(raised.value)
    assert not hasattr(model, "X_train_")


@each_family
def test_images_given_to_a_network_for_vectors(family):
    y = problem_for(family())[1][:12]
    images = np.ones((12, 4, 4, 1))
    message = r"takes vectors, X of shape \(n_samples, n_features\), .* Flatten the samples with"
    with pytest.raises(ValueError, match=message):
        family().fit(images, y)
    if not get_tags(family()).requires_fit:
        with pytest.raises(ValueError, match=message):
            family().predict(images)


@each_estimator
def test_images_given_after_vectors(estimator):
    X, y, X_test = problem_for(estimator)
    model = clone(estimator).fit(X, y)
    with pytest.raises(ValueError, match=r"X has samples of shape \(4, 2\), but .* shape \(4,\)"):
        model.predict(np.stack([X_test, X_test], axis=-1))


@each_family
def test_sparse_and_empty_and_one_dimensional_inputs(family):
    X, y, _ = problem_for(family())
    with pytest.raises(TypeError, match="Sparse data was passed"):
        family().fit(csr_array(X), y)
    with pytest.raises(ValueError, match="Found array with 0 sample"):
        family().fit(X[:0], y[:0])
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array instead"):
        family().fit(X[:, 0], y)
    with pytest.raises(ValueError, match="0 feature"):
        family().fit(X[:, :0], y)
    with pytest.raises(ValueError, match="could not convert string to float"):
        family().fit([["a"], ["b"]], [0, 1])


def test_both_kinds_of_spread_at_once():
    X, y, _ = problem_for(NNGPRegressor())
    for model in (NNGPRegressor(NETWORK), NNGPRegressor(NETWORK).fit(X, y)):
        with pytest.raises(RuntimeError, match="At most one of return_std or return_cov"):
            model.predict(X, return_std=True, return_cov=True)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function", "predict_std"])
@pytest.mark.parametrize("family", [NNGPClassifier, NTKClassifier])
def test_classifiers_have_no_prior_prediction(family, method):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        getattr(family(), method)(np.eye(3))


def test_inputs_too_large_for_the_precision():
    X, y, _ = problem_for(NNGPRegressor())
    for scale in (1e25, 1e60):
        with pytest.raises(ValueError, match=r"not finite in float32.*Rescale the inputs"):
            NNGPRegressor(dtype="float32").fit(scale * X, y)


@each_estimator
@pytest.mark.parametrize("sparse", [csr_array, csr_matrix])
def test_sparse_targets(estimator, sparse):
    X, _, _ = problem_for(estimator)
    y = sparse(np.eye(len(X))[:, :3])
    message = r"Sparse data was passed for y, but dense data is required\. Use '\.toarray\(\)'"
    with pytest.raises(TypeError, match=message):
        clone(estimator).fit(X, y)
    if estimator.training_time is None:
        with pytest.raises(TypeError, match=message):
            ClosedFormSearchCV(clone(estimator), {}).fit(X, y)
