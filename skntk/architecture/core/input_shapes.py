"""Checks of the shape of one sample."""

from __future__ import annotations


def check_vector_input(owner: object, input_shape: tuple[int, ...]) -> int:
    """Return the number of features of a vector input, or say that the network takes vectors."""
    if len(input_shape) != 1:
        raise ValueError(
            f"{type(owner).__name__} takes vectors, X of shape (n_samples, n_features), but one "
            f"sample has shape {tuple(input_shape)}. Flatten the samples with "
            "X.reshape(len(X), -1)."
        )
    if input_shape[0] < 1:
        raise ValueError(f"{type(owner).__name__} needs at least one feature, got 0 feature(s).")
    return input_shape[0]


def check_spatial_input(owner: object, input_shape: tuple[int, ...], advice: str = "") -> None:
    """Raise a ValueError, with some advice at its end, unless samples are images or sequences."""
    if len(input_shape) < 2:
        raise ValueError(
            f"{type(owner).__name__} takes images, X of shape (n_samples, height, width, channels),"
            " or sequences, X of shape (n_samples, length, channels), but one sample has shape "
            f"{tuple(input_shape)}.{advice}"
        )
