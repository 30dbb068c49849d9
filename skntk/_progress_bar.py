"""Bars of tqdm, which need not be installed."""

from __future__ import annotations

from typing import Any


def tqdm_class(parameter: str, instead: str) -> Any:
    """Return the class of bars; without tqdm an ImportError names the parameter and a way out."""
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        raise ImportError(
            f"{parameter} shows a bar of tqdm, which is not installed: install it with `pip "
            f"install tqdm`, or {instead}"
        ) from error
    return tqdm
