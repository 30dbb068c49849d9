"""How the equations of training are solved: exactly in memory, or for many rows."""

from skntk.solvers.cholesky import Cholesky
from skntk.solvers.conjugate_gradient import ConjugateGradient
from skntk.solvers.inducing_points import InducingPoints

__all__ = ["Cholesky", "ConjugateGradient", "InducingPoints"]
