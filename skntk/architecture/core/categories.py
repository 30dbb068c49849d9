"""The categories of layers, with what the API reference says of each."""

from __future__ import annotations

from typing import NamedTuple


class Category(NamedTuple):
    """A part of the API reference.

    Attributes
    ----------
    title, lead : str
        Its heading, and the text below it.
    is_spatial : bool
        Whether its layers need images or sequences; the others take vectors as well.
    """

    title: str
    lead: str
    is_spatial: bool = False


CATEGORIES = {
    "preset": Category(
        "Presets",
        "Whole networks, built from the public layers alone. All end with a `Dense` layer.",
    ),
    "spatial_preset": Category(
        "Networks for images and sequences",
        "Whole networks for samples of shape (height, width, channels) or (length, channels).",
        is_spatial=True,
    ),
    "layer": Category("Layers", "What is put in line with `Serial`."),
    "spatial": Category(
        "Layers for images and sequences",
        "For samples of shape (height, width, channels) or (length, channels). `Flatten` or a "
        "global pool ends this part of a network.",
        is_spatial=True,
    ),
    "combinator": Category("Combinators", "How layers are connected."),
    "activation": Category(
        "Activations",
        "Elementwise functions. Where ``activation`` is a parameter it takes such an object, any "
        "elementwise function written with `jax.numpy`, or one of the names below.",
    ),
}


def check_category(category: str) -> None:
    """Raise a ValueError unless the category is one of `CATEGORIES`."""
    if category not in CATEGORIES:
        names = ", ".join(map(repr, CATEGORIES))
        raise ValueError(f"category must be one of {names}, got {category!r}.")
