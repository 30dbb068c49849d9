"""Networks from the descriptions that come with the reference values."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from skntk.architecture import (
    Concat,
    Layer,
    PositionEmbedding,
    Product,
    Residual,
    SelfAttention,
    Serial,
)
from skntk.architecture.core.registry import registered

Description = dict[str, Any]


class NotSupportedError(Exception):
    """A layer, or a parameter of a layer, that does not exist; its name is the message."""


def build_network(layers: list[Description], n_channels: int | None = None) -> Serial:
    """Return the network of a list of layer descriptions, or raise NotSupportedError.

    The number of channels of the input matters for the standard parameterization, and for the
    embeddings of positions that are put beside them.
    """
    built = []
    for layer in layers:
        if layer.get("parameterization") == "standard":
            layer = {**layer, "fan_in": n_channels}
        if layer["type"] == "SelfAttention":
            layer = {**layer, "n_channels": n_channels}
        built.append(build_layer(layer))
        n_channels = layer.get("channels", n_channels)
    return Serial(built)


def build_layer(description: Description) -> Layer:
    """Return the layer of one description, or raise NotSupportedError."""
    parameters = {name: value for name, value in description.items() if name != "type"}
    constructor = CONSTRUCTORS.get(description["type"])
    if constructor is None:
        raise NotSupportedError(description["type"])
    return constructor(**parameters)


def _from_class(cls: type[Layer]) -> Callable[..., Layer]:
    """Return a constructor that says which parameter the class does not have."""
    known = inspect.signature(cls).parameters

    def construct(**parameters: Any) -> Layer:
        for name, value in parameters.items():
            if name not in known:
                raise NotSupportedError(f"{cls.__name__}({name}={value!r})")
        return cls(**parameters)

    return construct


def _residual(main: list[Description], shortcut: list[Description]) -> Residual:
    return Residual(build_network(main), build_network(shortcut) if shortcut else None)


def _product(branches: list[list[Description]]) -> Product:
    return Product([build_network(branch) for branch in branches])


def _concat(axis: str | int, branches: list[list[Description]]) -> Concat:
    channels = [
        next((layer["channels"] for layer in reversed(branch) if "channels" in layer), None)
        for branch in branches
    ]
    return Concat(
        [build_network(branch) for branch in branches], axis, None if None in channels else channels
    )


def _attention(
    position_embedding: Description | None, n_channels: int | None, **parameters: Any
) -> Layer:
    if position_embedding is None:
        return _from_class(SelfAttention)(**parameters)
    embedding = dict(position_embedding)
    in_values, channels = embedding.pop("in_values"), embedding.pop("channels")
    return _from_class(SelfAttention)(
        **parameters,
        position_embedding=_from_class(PositionEmbedding)(
            **embedding, channel_ratio=1.0 if channels is None else channels / n_channels
        ),
        position_in_values=in_values,
    )


def _dense(channels: int | None = None, **parameters: Any) -> Layer:
    # An infinite width has no number of channels; the parameters that make it matter come with
    # names of their own.
    return _from_class(registered()["Dense"])(**parameters)


def _numerical(function: str, degree: int) -> Layer:
    # The values are exact by definition; the degree is that of the quadrature which the published
    # package used.
    return build_layer({"type": function.capitalize()})


CONSTRUCTORS: dict[str, Callable[..., Layer]] = {
    **{name: _from_class(cls) for name, cls in registered().items()},
    "Concat": _concat,
    "Dense": _dense,
    "LocalConv": _from_class(registered()["ConvLocal"]),
    "Numerical": _numerical,
    "Product": _product,
    "Residual": _residual,
    "SelfAttention": _attention,
}
"""From a type to what makes the layer; every registered class has its own name."""
