"""Rows that are added so that few sizes of arrays occur, and few programs are compiled."""

from __future__ import annotations

import numpy as np


def padded_rows(n_rows: int) -> int:
    """Return the number of rows for which a program is compiled: at most an eighth more.

    Folds whose sizes differ by one then share a program.
    """
    step = 2 ** max(n_rows.bit_length() - 4, 0)
    return -(-n_rows // step) * step


def repeat_last_row(rows: np.ndarray, n_rows: int) -> np.ndarray:
    """Return so many rows, the last one repeated: it is a valid input wherever the others are."""
    n_more = n_rows - len(rows)
    return np.concatenate([rows, np.repeat(rows[-1:], n_more, axis=0)]) if n_more else rows
