"""The defaults of the estimators, in one place: a study on many data sets decides them together."""

from __future__ import annotations

from typing import Final, Literal

AlphaScale = Literal["absolute", "relative"]

ALPHA: Final[float] = 0.1
ALPHA_SCALE: Final[AlphaScale] = "relative"
NORMALIZE_Y: Final[bool] = True
