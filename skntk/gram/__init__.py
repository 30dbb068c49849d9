"""How a kernel matrix is computed: blocks, tiles, symmetry, threads, precision."""

from skntk.gram.engine.compilation import set_program_cache_size
from skntk.gram.matrix import gram_diagonal, gram_matrix

__all__ = ["gram_diagonal", "gram_matrix", "set_program_cache_size"]
