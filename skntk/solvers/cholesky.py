"""The exact solver, and the default."""

from __future__ import annotations

from skntk._sklearn import BaseEstimator
from skntk.inference.linalg.arrays import FloatArray
from skntk.inference.linalg.cholesky import CholeskySolver, CholeskySystem
from skntk.inference.linalg.solver import KernelOperator

__all__ = ["Cholesky"]


class Cholesky(BaseEstimator):
    r"""Solve by a Cholesky factorization of the kernel matrix, in double precision.

    The default of all estimators, by the name ``"cholesky"``. A fit of n rows takes :math:`n^3 / 3`
    operations, and memory for two to four matrices of :math:`8 n^2` bytes, as the estimator says.
    All predictions, standard deviations, leave-one-out predictions and likelihoods follow from the
    factorization.

    See Also
    --------
    ConjugateGradient : The same equations for more rows, by products with the kernel alone.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk import NNGPRegressor
    >>> from skntk.solvers import Cholesky
    >>> X = np.linspace(-2, 2, 9)[:, np.newaxis]
    >>> model = NNGPRegressor(alpha=0.1, solver=Cholesky()).fit(X, np.sin(X[:, 0]))
    >>> same = NNGPRegressor(alpha=0.1, solver="cholesky").fit(X, np.sin(X[:, 0]))
    >>> bool((model.dual_coef_ == same.dual_coef_).all())
    True
    """

    def factorize(
        self, operator: KernelOperator, noise: FloatArray, *, overwrite: bool = False
    ) -> CholeskySystem:
        """Prepare K + diag(noise), for any posterior of `skntk.inference`.

        Parameters
        ----------
        operator : KernelOperator
            K.
        noise : ndarray of shape (n,)
            Nonnegative values to add to the diagonal.
        overwrite : bool, default=False
            Whether the system may take the memory of a dense K.

        Returns
        -------
        CholeskySystem
            The system.

        Raises
        ------
        SingularKernelError
            If K + diag(noise) is not positive definite to working precision.
        """
        return CholeskySolver().factorize(operator, noise, overwrite=overwrite)
