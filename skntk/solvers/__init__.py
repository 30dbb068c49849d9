"""How the equations of training are solved: exactly, or through inducing points."""

from skntk.solvers.inducing_points import InducingPoints

__all__ = ["InducingPoints"]
