"""How a kernel matrix is computed: blocks, tiles, symmetry, threads, precision."""

from skntk.gram.matrix import gram_diagonal, gram_matrix

__all__ = ["gram_diagonal", "gram_matrix"]
