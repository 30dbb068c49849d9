"""What is varied around which defaults of every preset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sklearn.base import clone

from skntk.architecture import (
    AttentionNet,
    ConvNet,
    Dense,
    FullyConnected,
    Myrtle,
    PositionEmbedding,
    ResidualFullyConnected,
    SelfAttention,
    WideResNet,
)
from skntk.architecture.core.layer import Layer

Change = Mapping[str, Any]


@dataclass(frozen=True)
class Study:
    """A preset, the kind of its jobs, its defaults before the study, and changes to these.

    Attributes
    ----------
    kind : {"vectors", "images", "sequences"}
        Which jobs it gets.
    start : mapping
        Every parameter that is varied, with its default before the study.
    changes : list of mappings
        Parameters and their values, each a variant.
    """

    preset: type[Layer]
    kind: str
    start: Change
    changes: list[Change] = field(default_factory=list)

    def networks(self) -> dict[str, Layer]:
        """Return the variants by name, the one with no change first."""
        return {
            variant_name(change): clone(self.preset(**self.start)).set_params(**change)
            for change in [{}, *self.changes]
        }


def variant_name(change: Change) -> str:
    """Return the words of the tables for a change."""
    if not change:
        return "as before"
    return ", ".join(f"{name}={value!r}" for name, value in change.items())


def single_changes(**values: list[Any]) -> list[Change]:
    """Return one change for each value of each parameter."""
    return [{name: value} for name, options in values.items() for value in options]


VECTOR_START = {"depth": 3, "weight_std": 1.5, "bias_std": 1.0}
IMAGE_START = {"weight_std": 1.5, "bias_std": 0.1}
VECTOR_CHANGES = single_changes(
    depth=[1, 2, 5], weight_std=[2.0], bias_std=[0.1, 0.3], last_layer=[Dense(1.5, 0.0)]
)

STUDIES = [
    Study(FullyConnected, "vectors", VECTOR_START, VECTOR_CHANGES),
    Study(
        ResidualFullyConnected,
        "vectors",
        VECTOR_START,
        single_changes(depth=[1, 2, 5], weight_std=[1.0, 2.0], bias_std=[0.1, 0.3]),
    ),
    Study(
        AttentionNet,
        "sequences",
        {
            "weight_std": 1.5,
            "bias_std": 0.1,
            "depth": 2,
            "pooling": "global",
            "layer_norm": True,
            "residual": True,
            "attention": SelfAttention(
                key_std=2.0, query_std=2.0, position_embedding=PositionEmbedding(decay_rate=0.1)
            ),
        },
        [
            *single_changes(
                pooling=["none"],
                layer_norm=[False],
                residual=[False],
                attention__position_in_values=[True],
            ),
            {"pooling": "none", "bias_std": 1.0},
            *[
                {"attention__position_in_values": True, **change}
                for change in (
                    {"attention__position_embedding__decay_rate": None},
                    {"layer_norm": False},
                    {"bias_std": 0.3},
                    {"bias_std": 1.0},
                    {"bias_std": 1.0, "layer_norm": False},
                    {"bias_std": 1.0, "pooling": "none"},
                    {"bias_std": 1.0, "weight_std": 2.0},
                    {"bias_std": 1.0, "depth": 1},
                )
            ],
        ],
    ),
    Study(
        ConvNet,
        "images",
        {**IMAGE_START, "depth": 3, "pooling": "none"},
        [
            *single_changes(
                depth=[1, 2, 5], pooling=["global", "blockwise"], weight_std=[1.2, 2.0]
            ),
            *single_changes(bias_std=[0.0, 0.3, 1.0]),
            *single_changes(last_layer=[Dense(1.5, 1.0)]),
        ],
    ),
    Study(
        Myrtle,
        "images",
        {**IMAGE_START, "depth": 5, "pooling": "global"},
        single_changes(pooling=["none"], bias_std=[1.0]),
    ),
    Study(
        WideResNet,
        "images",
        {**IMAGE_START, "blocks": 1, "groups": 3, "pooling": "global"},
        single_changes(pooling=["none"], bias_std=[1.0], groups=[2], blocks=[2]),
    ),
]
