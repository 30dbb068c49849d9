"""The defaults of the estimators, in one place: a study on many data sets decides them together."""

from __future__ import annotations

from typing import Final, Literal

from numpy.typing import ArrayLike

AlphaScale = Literal["absolute", "relative"]
Alpha = float | ArrayLike | Literal["auto"]

AUTO: Final = "auto"
# Where there is nothing to find it from.
ALPHA: Final[float] = 0.1
# The range of what is found, relative to the kernel, and about where it is thought to be.
# Kernels in single precision do not bear less.
ALPHA_RANGE: Final[dict[str, tuple[float, float]]] = {
    "float64": (1e-6, 1e3),
    "float32": (1e-4, 1e3),
}
ALPHA_CENTER: Final[float] = 1e-2
ALPHA_SCALE: Final[AlphaScale] = "relative"
NORMALIZE_Y: Final[bool] = True
