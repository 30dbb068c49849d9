"""What layers refuse: each message names the class and the hyperparameter."""

import re

import jax
import numpy as np
import pytest
from sklearn.base import clone

from skntk import gram_matrix
from skntk.architecture import (
    AvgPool,
    Concat,
    Conv,
    ConvNet,
    Dense,
    Dropout,
    ExpNormalized,
    Flatten,
    FlipAverage,
    FullyConnected,
    Identity,
    ImageResize,
    InputScale,
    Layer,
    LayerNorm,
    Product,
    Relu,
    Residual,
    ResidualFullyConnected,
    Serial,
    Sum,
)
from skntk.architecture.core.categories import CATEGORIES
from skntk.architecture.core.pytree import one_leaf
from skntk.architecture.core.registry import registered
from tests.architecture.networks import (
    N_FEATURES,
    as_network,
    as_spatial_network,
    examples,
    spatial_shape,
)

every_example = pytest.mark.parametrize("layer", examples())


def params(layer, kind):
    """Return the names of hyperparameters, nested ones too, with values of exactly this type."""
    return [name for name, value in layer.get_params(deep=True).items() if type(value) is kind]


def refuse(layer, name, value, error, message):
    changed = clone(layer).set_params(**{name: value})
    own_name = name.rpartition("__")[2]
    with pytest.raises(error, match=rf"\w+\({own_name}={re.escape(repr(value))}\): .*{message}"):
        as_network(changed).output_shape((N_FEATURES,))


@every_example
def test_numbers_have_to_be_finite(layer):
    for name in params(layer, float):
        for value in (np.nan, np.inf, -np.inf):
            refuse(layer, name, value, ValueError, "must be finite")


@every_example
def test_numbers_have_to_be_numbers(layer):
    for name in params(layer, float):
        for value in ("1.0", True, 1j):
            refuse(layer, name, value, TypeError, "must be a real number")
        if type(layer).canonical_forms.get(name) is one_leaf:  # a number, or one for each feature
            with pytest.raises(ValueError, match=rf"{name} has shape \(1,\), but the samples have"):
                as_network(clone(layer).set_params(**{name: [1.0]})).output_shape((N_FEATURES,))
        else:
            refuse(layer, name, [1.0], TypeError, "must be a real number")


@every_example
def test_counts_have_to_be_whole(layer):
    for name in params(layer, int):
        refuse(layer, name, 1.5, TypeError, "must be an integer, got float")
        refuse(layer, name, True, TypeError, "must be an integer, got bool")
        refuse(layer, name, -1, ValueError, "must be at least")


@every_example
def test_numpy_numbers_are_numbers(layer):
    for kind, cast in ((float, np.float64), (float, np.float32), (int, np.int64)):
        for name in params(layer, kind):
            value = cast(layer.get_params(deep=True)[name])
            as_network(clone(layer).set_params(**{name: value})).output_shape((N_FEATURES,))


def as_numpy(value):
    """Return numbers, and lists of numbers, as NumPy has them, and anything else as it is."""
    if isinstance(value, list | tuple):
        return type(value)(map(as_numpy, value))
    kinds = {bool: np.bool, int: np.int64, float: np.float64}
    return kinds[type(value)](value) if type(value) in kinds else value


def with_numpy_values(layer):
    """Return a copy of a layer, all hyperparameters of which are NumPy's."""
    changed = clone(layer)
    for name, value in layer.get_params(deep=True).items():
        if not isinstance(value, Layer):
            changed.set_params(**{name: as_numpy(value)})
    return changed


@pytest.mark.parametrize("layer", examples(*CATEGORIES))
def test_numpy_values_are_accepted_everywhere(layer):
    changed = with_numpy_values(layer)
    is_spatial = CATEGORIES[type(layer).category].is_spatial
    shape = spatial_shape(layer) if is_spatial else (N_FEATURES,)
    network = as_spatial_network if is_spatial else as_network
    assert network(changed).output_shape(shape) == network(layer).output_shape(shape)
    assert jax.tree.structure(changed) == jax.tree.structure(layer)  # one compiled program


@pytest.mark.parametrize(
    "layer",
    [
        ConvNet(1, filter_shape=tuple(np.array([3, 3])), input_shape=tuple(np.array([4, 4, 1]))),
        Serial([ImageResize(tuple(np.array([2, 3]))), Flatten()]),
        Serial([Concat([Conv((2, 2)), Conv((2, 2))], axis=np.int64(0)), Flatten()]),
        FlipAverage(Serial([Conv((3, 3)), Flatten()]), axis=np.int64(-1)),
        Serial([Conv((3, 3)), LayerNorm([np.int64(0)]), ExpNormalized(clip=np.True_), Flatten()]),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_numpy_integers_and_booleans(layer):
    X = np.random.default_rng(0).normal(size=(2, 4, 4, 1))
    assert np.isfinite(gram_matrix(layer, X)).all()


@pytest.mark.parametrize("value", [np.True_, np.str_("1.0"), np.complex128(1)])
def test_numpy_values_that_are_no_numbers(value):
    refuse(Dense(), "weight_std", value, TypeError, "must be a real number")


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Dense(-0.1), "Dense(weight_std=-0.1): weight_std must be >= 0."),
        (Dense(bias_std=-1), "Dense(bias_std=-1): bias_std must be >= 0."),
        (Dropout(0), "Dropout(keep_rate=0): keep_rate must be > 0."),
        (Dropout(1.5), "Dropout(keep_rate=1.5): keep_rate must be <= 1."),
        (
            Dense(parameterization="mup"),
            "Dense(parameterization='mup'): parameterization must be one of ('ntk', 'standard').",
        ),
        (
            Dense(parameterization="standard"),
            "Dense(parameterization='standard') needs fan_in, the number of channels before the "
            "layer, such as Dense(parameterization='standard', fan_in=512).",
        ),
        (Dense(fan_in=0), "Dense(fan_in=0): fan_in must be at least 1."),
        (LayerNorm(eps=0), "LayerNorm(eps=0): eps must be > 0."),
        (
            LayerNorm(axes="rows"),
            "LayerNorm(axes='rows'): axes must be 'channels', 'all' or a list of spatial axes",
        ),
        (LayerNorm(axes=[]), "LayerNorm(axes=[]): axes must be 'channels', 'all' or a list"),
        (LayerNorm(axes=[0]), "LayerNorm(axes=[0]): the spatial axes of the input are []"),
        (FullyConnected(0), "FullyConnected(depth=0): depth must be at least 1."),
        (ResidualFullyConnected(-3), "ResidualFullyConnected(depth=-3): depth must be at least 1."),
        (FullyConnected(activation="softmax"), "Unknown activation='softmax'."),
        (Serial([]), "Serial(layers=[]) needs at least one layer."),
        (Concat([]), "Concat(branches=[]) needs at least one layer."),
        (Concat([Dense()], axis=0), "Concat(axis=0): the spatial axes of the branches are []."),
        (
            Concat([Dense()], channels=[1, 2]),
            "Concat(channels=[1, 2]): channels must have one entry for each of the 1 branches.",
        ),
        (Concat([Dense()], channels=[0]), "Concat(channels=[0]): channels must be finite and > 0."),
        (
            Concat([Dense()], channels=[np.inf]),
            "Concat(channels=[inf]): channels must be finite and > 0.",
        ),
        (Sum([]), "Sum(branches=[]) needs at least one layer."),
    ],
    ids=lambda value: repr(value) if not isinstance(value, str) else "",
)
def test_values(layer, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        layer.output_shape((N_FEATURES,))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Serial([Dense]), "Serial takes layer objects, got the class Dense: write Dense(...)."),
        (Serial([Dense(), "relu"]), "Serial takes layers of skntk.architecture, got str: 'relu'."),
        (Serial(Dense()), "Serial(layers=...) takes a list of layers, got Dense."),
        (Product([Dense(), 2]), "Product takes layers of skntk.architecture, got int: 2."),
        (
            Concat([Dense()], "rows"),
            "Concat(axis='rows'): axis must be 'channels' or a spatial axis",
        ),
        (Concat([Dense()], True), "Concat(axis=True): axis must be 'channels' or a spatial axis"),
        (
            Concat([Dense()], channels=["all"]),
            "Concat(channels=['all']): channels must be a list of numbers.",
        ),
        (Residual(Relu), "Residual takes layer objects, got the class Relu: write Relu(...)."),
        (Residual(Dense(), "identity"), "Residual takes layers of skntk.architecture, got str"),
        (
            FullyConnected(activation=Relu),
            "activation=Relu is a class: write activation=Relu(...).",
        ),
        (FullyConnected(activation=3), "activation must be a name such as 'relu'"),
        (FullyConnected(last_layer=Relu()), "last_layer must be a Dense layer or None."),
        (FullyConnected(last_layer=Dense), "last_layer must be a Dense layer or None."),
    ],
    ids=lambda value: "" if isinstance(value, str) else type(value).__name__,
)
def test_types(layer, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        layer.output_shape((N_FEATURES,))


@pytest.mark.parametrize("layer", [FullyConnected(), ResidualFullyConnected()])
def test_images_are_refused(layer):
    with pytest.raises(ValueError, match=r"takes vectors.*Flatten the samples with X\.reshape"):
        layer.output_shape((8, 8, 3))


@every_example
def test_output_shape_is_checked_without_side_effects(layer):
    network = as_network(layer)
    before = clone(network)
    assert network.output_shape((N_FEATURES,)) == (N_FEATURES,)
    assert network == before


@pytest.mark.parametrize(
    ("network", "gaussian"),
    [
        (Dense(), True),
        (FullyConnected(), True),
        (ResidualFullyConnected(), True),
        (Serial([Dense(), Relu()]), False),
        (Serial([Dense(), Relu(), Dense()]), True),
        (Serial([Dense(), Dropout()]), False),
        (Serial([Dense(), Identity()]), True),
        (Serial([Relu(), Residual(Dense())]), False),
        (Serial([Dense(), Residual(Serial([Relu(), Dense()]))]), True),
        (Product([Dense(), Dense()]), False),
        (Sum([Dense(), Relu()]), False),
        (Sum([Dense(), Dense()]), True),
    ],
    ids=lambda value: "" if isinstance(value, bool) else repr(value),
)
def test_missing_last_layer_is_known(network, gaussian):
    assert network.outputs_are_gaussian() is gaussian


class TestMembers:
    """Members of compositions by their position."""

    def test_set_one_hyperparameter(self):
        network = Serial([Dense(), Relu(), Dense()]).set_params(**{"2__weight_std": 3.0})
        assert network == Serial([Dense(), Relu(), Dense(3.0)])

    def test_replace_a_member(self):
        members = [Dense(), Relu()]
        network = Serial(members).set_params(**{"1": Dropout(0.5)})
        assert network == Serial([Dense(), Dropout(0.5)])
        assert members == [Dense(), Relu()]

    def test_replace_all_members_and_change_one(self):
        network = Sum([Dense()])
        network.set_params(branches=[Dense(), Dense()], **{"1__bias_std": 0.7})
        assert network == Sum([Dense(), Dense(bias_std=0.7)])

    def test_position_without_a_member(self):
        with pytest.raises(ValueError, match="Serial has 1 members, none at 4"):
            Serial([Dense()]).set_params(**{"4": Relu()})

    def test_nested_names(self):
        network = Residual(Serial([Relu(), Dense(0.5)]))
        assert network.get_params()["main__1__weight_std"] == 0.5
        network.set_params(main__1__weight_std=0.25)
        assert network.main.layers[1] == Dense(0.25)

    def test_clone_copies_members(self):
        network = Serial([Dense(), Serial([Relu()])])
        copy = clone(network)
        copy.set_params(**{"0__weight_std": 9.0})
        assert network.layers[0] == Dense()

    def test_branches_of_different_shapes(self):
        class Halving(Identity):
            def output_shape(self, input_shape):
                return (input_shape[0] // 2,)

        with pytest.raises(
            ValueError, match=r"branches of Sum end in different shapes: \[\(2,\), \(5,\)\]"
        ):
            Sum([Dense(), Halving()]).output_shape((N_FEATURES,))


def test_classes_of_users_stay_out_of_the_registry():
    class Mine(Relu):
        category = "activation"

    assert "Mine" not in registered()
    assert FullyConnected(1, Mine()).output_shape((N_FEATURES,)) == (N_FEATURES,)


def test_categories_that_do_not_exist():
    message = "category must be one of 'preset', .*, got 'image'"
    with pytest.raises(ValueError, match=message):
        registered("image")
    with pytest.raises(ValueError, match=message):
        type("Mine", (Relu,), {"category": "image"})


@pytest.mark.parametrize(
    ("scales", "error", "message"),
    [
        ([1.0, 2.0], ValueError, r"has shape \(2,\), but the samples have 3 features"),
        ([1.0, -2.0, 1.0], ValueError, "finite and at least 0"),
        ([1.0, np.nan, 1.0], ValueError, "finite and at least 0"),
        (["a", "b", "c"], TypeError, "array of numbers"),
        (np.nan, ValueError, "must be finite"),
        ("1.0", TypeError, "must be a real number"),
    ],
)
def test_scales_that_are_not_valid(scales, error, message):
    with pytest.raises(error, match=message):
        InputScale(scales).output_shape((3,))


@pytest.mark.parametrize(
    "network",
    [Serial([Dense(), InputScale()]), Sum([InputScale(), Dense()]), Residual(InputScale())],
    ids=repr,
)
def test_inputs_are_scaled_first(network):
    with pytest.raises(TypeError, match="Put the layer that scales first"):
        network.output_shape((3,))


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (AvgPool((2, 2), normalize_edges="no"), "normalize_edges"),
        (AvgPool((2, 2), padding="SAME", normalize_edges=1), "normalize_edges"),
        (ImageResize((2, 2), antialias="x"), "antialias"),
        (ImageResize((2, 2), antialias=None), "antialias"),
    ],
)
def test_what_is_true_or_false_has_no_other_value(layer, name):
    network = Serial([layer, Flatten()])
    with pytest.raises(TypeError, match=rf"\w+\({name}=.*\): {name} must be True or False, got"):
        gram_matrix(network, np.ones((2, 4, 4, 1)))
