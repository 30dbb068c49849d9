"""Transformers that prepare the inputs of a network."""

from skntk.preprocessing.zca_whitening import ZCAWhitening

__all__ = ["ZCAWhitening"]
