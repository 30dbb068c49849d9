"""Every registered class as a scikit-learn object and as a JAX pytree."""

import pickle
import re

import jax
import numpy as np
import pytest
from sklearn.base import clone

import skntk.architecture
from skntk.architecture import Dense, Identity, Layer, activation_names, as_activation
from skntk.architecture.core.categories import CATEGORIES
from skntk.architecture.core.registry import registered
from tests.architecture.networks import examples

every_example = pytest.mark.parametrize("layer", examples(*CATEGORIES))


def first_level(layer):
    """Return the children of a layer in its pytree, by field."""
    children, _ = jax.tree_util.tree_flatten_with_path(
        layer, is_leaf=lambda node: node is not layer
    )
    return {path[0].name: child for path, child in children}


def is_number(value):
    return isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool))


def numeric_params(layer):
    """Return the numeric leaves among the hyperparameters, nested ones by their nested names."""
    static = {name for name in layer.get_params(deep=False) if name not in first_level(layer)}
    return {
        name: value
        for name, value in layer.get_params(deep=True).items()
        if is_number(value) and name not in static
    }


@every_example
def test_clone_is_equal_and_shares_no_layer(layer):
    copy = clone(layer)
    assert copy is not layer
    assert copy == layer
    assert type(copy).category in CATEGORIES


@every_example
def test_pickle_is_equal(layer):
    assert pickle.loads(pickle.dumps(layer)) == layer


@every_example
def test_repr_says_how_to_make_it(layer):
    named = vars(skntk.architecture)
    if any(callable(value) for value in layer.get_params(deep=True).values()):
        assert repr(layer).startswith(f"{type(layer).__name__}(")
    else:
        assert eval(repr(layer), {**named, "array": np.array}) == layer


@every_example
def test_set_params_restores_get_params(layer):
    for other in type(layer).examples():
        assert clone(other).set_params(**layer.get_params(deep=False)) == layer


@every_example
def test_deep_parameters_can_be_set_one_by_one(layer):
    for name, value in numeric_params(layer).items():
        changed = clone(layer).set_params(**{name: 0.5 * value + 0.25})
        assert changed.get_params(deep=True)[name] == 0.5 * value + 0.25
        assert changed != layer
        assert changed.set_params(**{name: value}) == layer


@every_example
def test_unknown_parameter_is_refused(layer):
    with pytest.raises(ValueError, match="Invalid parameter 'no_such_thing'"):
        clone(layer).set_params(no_such_thing=1)


@pytest.mark.parametrize("cls", registered().values())
def test_examples_differ(cls):
    made = cls.examples()
    for position, layer in enumerate(made):
        assert type(layer) is cls
        assert not any(layer == other for other in made[:position])


@every_example
def test_layers_of_other_classes_differ(layer):
    assert layer != (Identity() if isinstance(layer, Dense) else Dense())
    assert layer != "relu"


@every_example
def test_every_field_is_static_or_in_the_pytree(layer):
    fields = set(layer.get_params(deep=False))
    children = set(first_level(layer))
    static = set(type(layer).static)
    assert children | static == fields
    assert not children & static


@every_example
def test_pytree_leaves_are_numbers_that_can_change(layer):
    leaves = jax.tree.leaves(layer)
    numbers = set(map(float, filter(is_number, leaves)))
    assert all(is_number(leaf) or leaf.dtype == float for leaf in leaves)
    assert {float(value) for value in numeric_params(layer).values()} <= numbers


@every_example
def test_flatten_and_unflatten_keep_everything(layer):
    leaves, structure = jax.tree.flatten(layer)
    restored = jax.tree.unflatten(structure, leaves)
    assert type(restored) is type(layer)
    assert set(vars(restored)) == set(vars(layer))
    assert hash(structure) == hash(jax.tree.structure(restored))
    assert jax.tree.structure(restored) == structure
    assert jax.tree.leaves(restored) == leaves
    # A preset shows its activation as an object: from there on every field comes back as it went
    # in.
    assert jax.tree.unflatten(structure, jax.tree.leaves(restored)) == restored
    assert clone(restored) == restored


@every_example
def test_leaves_can_be_set_through_the_pytree(layer):
    halved = jax.tree.map(lambda leaf: leaf / 2, layer)
    for leaf, original in zip(jax.tree.leaves(halved), jax.tree.leaves(layer), strict=True):
        np.testing.assert_array_equal(leaf, original / 2)


@pytest.mark.parametrize("name", registered())
def test_registered_class_is_public(name):
    public = {}
    exec("from skntk.architecture import *", public)
    assert public[name] is registered()[name]


def test_registry_knows_every_public_layer():
    public = {
        value
        for value in vars(skntk.architecture).values()
        if isinstance(value, type) and issubclass(value, Layer)
    }
    assert {cls for cls in public if cls.category} == set(registered().values())


def test_registry_is_sorted_and_split_into_categories():
    assert list(registered()) == sorted(registered())
    by_category = [name for category in CATEGORIES for name in registered(category)]
    assert sorted(by_category) == list(registered())


@pytest.mark.parametrize("name", registered("activation"))
def test_activation_has_a_name(name):
    snake_case = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=AB)(?=R)", "_", name).lower()
    cls = registered("activation")[name]
    if snake_case in activation_names():
        assert as_activation(snake_case) == cls()
    else:
        with pytest.raises(TypeError):
            cls()
        with pytest.raises(
            ValueError, match=re.escape(f"needs arguments: write activation={name}(")
        ):
            as_activation(snake_case)


@pytest.mark.parametrize("name", activation_names())
def test_every_name_is_an_activation(name):
    assert type(as_activation(name)) in registered("activation").values()
