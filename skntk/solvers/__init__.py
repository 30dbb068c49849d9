"""How estimators solve the linear system of a fit: exactly in memory, or for many rows."""

from skntk.solvers.cholesky import Cholesky
from skntk.solvers.conjugate_gradient import ConjugateGradient

__all__ = ["Cholesky", "ConjugateGradient"]
