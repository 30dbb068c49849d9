"""Signatures and docstrings of the public classes."""

import inspect
import re
from ast import literal_eval

import pytest

import skntk
from skntk import NNGPClassifier, NNGPRegressor, NTKClassifier, NTKRegressor

each_class = pytest.mark.parametrize(
    "cls", [NNGPRegressor, NTKRegressor, NNGPClassifier, NTKClassifier]
)

SHARED = [
    "architecture",
    "alpha",
    "alpha_scale",
    "normalize_y",
    "dtype",
    "n_jobs",
    "cache_size",
    "cache_location",
]
TIME = ["training_time", "learning_rate", "training_method", "momentum", "solver"]
LEARNING = [
    "optimizer",
    "n_restarts_optimizer",
    "architecture_bounds",
    "alpha_bounds",
    "random_state",
]
REGRESSORS = (NNGPRegressor, NTKRegressor)


def test_what_the_package_exports():
    assert set(skntk.__all__) == {
        "FiniteWidthClassifier",
        "FiniteWidthRegressor",
        "ClosedFormSearchCV",
        "FeatureLearningClassifier",
        "FeatureLearningRegressor",
        "LearnedFeatures",
        "NNGPClassifier",
        "NNGPRegressor",
        "NTKClassifier",
        "NTKRegressor",
        "NNGPFeatures",
        "NNGPKernel",
        "NTKFeatures",
        "NTKKernel",
        "NeuralTangentKernel",
        "TabularClassifier",
        "TabularRegressor",
        "WarpedTargetRegressor",
        "ZCAWhitening",
        "__version__",
        "average_gradient_outer_product",
        "call_final_estimator",
        "gram_diagonal",
        "gram_matrix",
        "make_tabular_classifier",
        "make_tabular_regressor",
        "row_blocks",
        "set_program_cache_size",
        "training_time_curve",
    }
    assert all(hasattr(skntk, name) for name in skntk.__all__)
    assert re.match(r"\d", skntk.__version__)


@each_class
def test_parameters(cls):
    parameters = inspect.signature(cls).parameters
    expected = {*SHARED, *TIME, *LEARNING}
    expected |= {"initial_function", "n_targets"} if cls in REGRESSORS else set()
    expected |= {"criterion"} if cls is NNGPRegressor else set()
    expected |= {"loss"} if cls is NTKClassifier else set()
    expected |= {"likelihood"} if cls is NNGPClassifier else set()
    expected |= {"class_weight"} if cls in (NNGPClassifier, NTKClassifier) else set()
    assert set(parameters) == expected
    by_position = [p.name for p in parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert by_position == ["architecture"]


def test_equal_parameters_have_equal_defaults():
    defaults = {}
    for cls in (NNGPRegressor, NTKRegressor, NNGPClassifier, NTKClassifier):
        for name, parameter in inspect.signature(cls).parameters.items():
            assert defaults.setdefault(name, parameter.default) == parameter.default


@each_class
def test_the_documented_defaults_are_those_of_the_signature(cls):
    section = inspect.getdoc(cls).partition("Parameters\n")[2].partition("Attributes\n")[0]
    documented = dict(re.findall(r"^(\w+) : .*default=(.+)$", section, flags=re.MULTILINE))
    parameters = inspect.signature(cls).parameters
    assert list(documented) == list(parameters)
    for name, parameter in parameters.items():
        written = documented[name].strip('"')
        assert written == str(parameter.default) or literal_eval(written) == parameter.default


@each_class
@pytest.mark.filterwarnings("ignore:The search for hyperparameters ends at a bound")
def test_the_fitted_attributes_are_documented(cls):
    X = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    model = cls(optimizer="fmin_l_bfgs_b", alpha_bounds=(0.01, 1)).fit(X, [0, 1, 1])
    iterated = cls(solver="conjugate_gradient", alpha=0.1).fit(X, [0, 1, 1])
    names = {*vars(model), *vars(iterated), "max_learning_rate_"}
    names |= {"output_scale_"} if cls in REGRESSORS else {"temperature_"}
    public = {name for name in names if name.endswith("_") and not name.startswith("_")}
    section = inspect.getdoc(cls).partition("Attributes\n")[2].partition("See Also\n")[0]
    documented = set(re.findall(r"^(\w+) : ", section, flags=re.MULTILINE))
    assert documented == public | {"feature_names_in_"}
