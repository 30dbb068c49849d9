"""Tables with everything that columns may hold."""

import numpy as np
import pandas as pd


def mixed_table(n_rows, seed=0):
    """Return a frame with numbers, categories, booleans, dates and gaps, and a score of rows."""
    rng = np.random.default_rng(seed)
    number = rng.normal(size=n_rows)
    letter = rng.choice(list("abc"), n_rows)
    day = rng.integers(0, 1000, n_rows)
    flag = rng.random(n_rows) < 0.5
    frame = pd.DataFrame(
        {
            "number": np.where(rng.random(n_rows) < 0.1, np.nan, number),
            "letter": pd.Series(letter).mask(rng.random(n_rows) < 0.1),
            "level": pd.Categorical(rng.choice(["low", "high"], n_rows)),
            "day": np.datetime64("2020-01-01") + day.astype("timedelta64[D]"),
            "flag": flag,
            "count": rng.integers(0, 5, n_rows),
            "constant": 1.0,
            "empty": np.nan,
        }
    )
    score = np.sin(2 * number) + (letter == "a") * flag + day / 500
    return frame, score
