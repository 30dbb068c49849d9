"""Transformers that prepare the inputs of a network, and blocks of rows."""

from skntk.preprocessing.row_blocks import row_blocks
from skntk.preprocessing.zca_whitening import ZCAWhitening

__all__ = ["ZCAWhitening", "row_blocks"]
