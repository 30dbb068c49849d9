"""Where the reference values are, and how to read them."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np


def reference_folder() -> Path:
    """Return the folder named by SKNTK_REFERENCE_DIR, by default `tests/reference`."""
    default = Path(__file__).parent / "reference"
    folder = Path(os.environ.get("SKNTK_REFERENCE_DIR", default))
    if not folder.is_dir():
        raise FileNotFoundError(
            f"No folder {folder}: set SKNTK_REFERENCE_DIR to the folder of reference values."
        )
    return folder


@cache
def load(name: str) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """Return the cases of `<name>.json` and the arrays of `<name>.npz`."""
    folder = reference_folder()
    cases = json.loads((folder / f"{name}.json").read_text())
    with np.load(folder / f"{name}.npz") as stored:
        arrays = {key: stored[key] for key in stored.files}
    return cases, arrays
