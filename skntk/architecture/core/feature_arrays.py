"""Hyperparameters with one number for all features, or one for each."""

from __future__ import annotations

import numpy as np

from skntk._validation import check_real


def check_feature_array(
    owner: object,
    name: str,
    input_shape: tuple[int, ...],
    *,
    minimum: float | None = None,
    exclusive: bool = False,
) -> None:
    """Raise an error unless ``owner.name`` is a number, or an array of one for each feature."""
    value = getattr(owner, name)
    if np.ndim(value) == 0:
        check_real(owner, name, minimum=minimum, exclusive=exclusive)
        return
    label = f"{type(owner).__name__}({name}=...)"
    try:
        numbers = np.asarray(value, float)
    except (TypeError, ValueError):
        raise TypeError(
            f"{type(owner).__name__}({name}={value!r}): {name} must be a number or an array of "
            "numbers, one for each feature."
        ) from None
    n_features = input_shape[-1]
    if numbers.shape != (n_features,):
        features = "features" if len(input_shape) == 1 else "channels"
        raise ValueError(
            f"{label}: {name} has shape {numbers.shape}, but the samples have {n_features} "
            f"{features}: it must be one number, or have shape ({n_features},)."
        )
    if minimum is None:
        bound, is_within = "", True
    elif exclusive:
        bound, is_within = f" and greater than {minimum:g}", bool((numbers > minimum).all())
    else:
        bound, is_within = f" and at least {minimum:g}", bool((numbers >= minimum).all())
    if not (np.isfinite(numbers).all() and is_within):
        raise ValueError(f"{label}: {name} must be finite{bound}.")
