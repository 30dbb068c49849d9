"""A table in the encodings of the candidates, computed once for all of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skntk.recipes.columns import Table
from skntk.recipes.encodings import AxesEncoding, NormalEncoding, StepEncoding

__all__ = ["EncodedTable", "TableEncodings"]


@dataclass(frozen=True)
class EncodedTable:
    """The same rows in every encoding, by the name of the encoding."""

    inputs: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.inputs["normal"])

    def take(self, rows: np.ndarray) -> EncodedTable:
        """Return some of the rows."""
        return EncodedTable({name: inputs[rows] for name, inputs in self.inputs.items()})


@dataclass(frozen=True)
class TableEncodings:
    """The encodings that are learned from training rows, without their targets."""

    axes: AxesEncoding
    steps: StepEncoding
    normal: NormalEncoding

    @classmethod
    def fit(cls, table: Table) -> TableEncodings:
        """Learn all of them."""
        axes = AxesEncoding.fit(table)
        steps = StepEncoding.fit(axes, axes.transform(table))
        return cls(axes, steps, NormalEncoding.fit(table))

    def transform(self, table: Table) -> EncodedTable:
        """Return rows in all encodings."""
        axes = self.axes.transform(table)
        return EncodedTable(
            {
                "axes": axes,
                "steps": self.steps.transform(axes),
                "normal": self.normal.transform(table),
            }
        )

    def columns(self, encoding: str) -> np.ndarray:
        """Return the column of `AxesEncoding` that every input of an encoding is made from."""
        return self.steps.columns if encoding == "steps" else np.arange(self.axes.n_columns)
