"""Warnings that name the line of the user's program which they are about."""

from __future__ import annotations

import sys
import warnings

# Whose functions stand between that line and what it leads to.
_PACKAGES = frozenset({"skntk", "sklearn", "scipy", "joblib"})


def warn(message: str, category: type[Warning]) -> None:
    """Issue a warning at the innermost line that belongs to none of these packages.

    The depth of a call depends on the estimator, its solver and what stands around it, such as a
    pipeline: no number would be right for all.
    """
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and _package(frame.f_globals) in _PACKAGES:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def _package(module: dict[str, object]) -> str:
    return str(module.get("__name__", "")).partition(".")[0]
