"""How a kernel matrix is computed: blocks, tiles, symmetry, threads, precision."""

from skntk.gram.matrix import gram_diagonal, gram_matrix
from skntk.gram.memory import available_memory, require_memory

__all__ = ["available_memory", "gram_diagonal", "gram_matrix", "require_memory"]
