"""The neural tangent kernel with the parameters and the values of the package scikit-ntk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from sklearn.gaussian_process.kernels import Hyperparameter

from skntk._validation import require_samples

if TYPE_CHECKING:
    from skntk._sklearn import Kernel
else:
    from sklearn.gaussian_process.kernels import Kernel

# Products of norms below this count as this, as in scikit-ntk.
_LEAST_PRODUCT = 1e-10


class NeuralTangentKernel(Kernel):
    r"""The NTK of relu networks whose biases start at 0, with the interface of scikit-ntk.

    Code written for that package runs unchanged with this one: the import is the same, ``from skntk
    import NeuralTangentKernel``, and so are values, gradients and names (of scikit-ntk 1.2).

    With :math:`S_0(x, z) = x \cdot z`, :math:`K_0 = S_0 + b^2`, and in the layers 1 to L

    .. math::

        \lambda &= S_{l-1}(x, z) / \sqrt{S_{l-1}(x, x) S_{l-1}(z, z)}, \qquad
        \dot S_l = (\pi - \arccos \lambda) / \pi, \\
        S_l &= \left(\lambda \dot S_l + \sqrt{1 - \lambda^2} / \pi\right)
            \sqrt{S_{l-1}(x, x) S_{l-1}(z, z)}, \qquad
        K_l = K_{l-1} \dot S_l + S_l + b^2,

    the kernel is :math:`K_L / ((L + 1)(b^2 + 1))` [1]_. For other activations, layers and
    parameterizations there is `NTKKernel`.

    Parameters
    ----------
    depth : int
        Number L of hidden layers, at least 1.
    bias : float, default=0.1
        The factor b of the biases, which start at 0 and are trained.
    bias_bounds : pair of float or "fixed", default=(1e-5, 1e5)
        Lower and upper bound of ``bias``; "fixed" keeps it.

    See Also
    --------
    NTKKernel : Of any network, in any estimator.

    Notes
    -----
    Between a row and its negative scikit-ntk's gradient is not a number; here it is the limit. With
    both X and Z it would return the gradient of another matrix; here, as in scikit-learn, that is
    an error.

    References
    ----------
    .. [1] Lencevicius, "An empirical analysis of the Laplace and neural tangent kernels", 2022,
       appendix A.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk import NeuralTangentKernel
    >>> kernel = NeuralTangentKernel(depth=1, bias=0.5)
    >>> kernel(np.eye(2))
    array([[1.        , 0.27732395],
           [0.27732395, 1.        ]])
    """

    def __init__(
        self,
        depth: int,
        bias: float = 0.1,
        bias_bounds: tuple[float, float] | str = (1e-5, 1e5),
    ) -> None:
        self.depth = depth
        self.bias = bias
        self.bias_bounds = bias_bounds

    @property
    def hyperparameter_bias(self) -> Hyperparameter:
        """The one number that can be learned."""
        return Hyperparameter("bias", "numeric", self.bias_bounds)

    def __call__(
        self, X: ArrayLike, Z: ArrayLike | None = None, eval_gradient: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Return the kernel matrix, and on request its derivative by the logarithm of ``bias``.

        Parameters
        ----------
        X : array-like of shape (n_samples_X, n_features)
            Left inputs.
        Z : array-like of shape (n_samples_Z, n_features), default=None
            Right inputs. None is X itself.
        eval_gradient : bool, default=False
            Whether to return the derivative as well. Only without Z.

        Returns
        -------
        K : ndarray of shape (n_samples_X, n_samples_Z)
            The kernel.
        K_gradient : ndarray of shape (n_samples_X, n_samples_X, n_dims)
            Its derivative; without entries if ``bias`` is fixed. Only with ``eval_gradient=True``.

        Raises
        ------
        ValueError
            If the derivative is asked for with Z, or ``depth`` is less than 1.
        TypeError
            If inputs are sparse.
        """
        if eval_gradient and Z is not None:
            raise ValueError("Gradient can only be evaluated when Z is None.")
        left = _samples("X", X)
        if Z is None:
            products = left @ left.T
            left_squares = right_squares = np.diagonal(products)
        else:
            right = _samples("Z", Z)
            products = left @ right.T
            left_squares, right_squares = _squared_norms(left), _squared_norms(right)
        parts = self._parts(products, left_squares[:, np.newaxis], right_squares[np.newaxis])
        kernel = self._scaled_sum(*parts)
        return (kernel, self._gradient(*parts)) if eval_gradient else kernel

    def diag(self, X: ArrayLike) -> np.ndarray:
        """Return the kernel of each sample with itself, in time proportional to their number.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        squares = _squared_norms(_samples("X", X))
        return self._scaled_sum(*self._parts(squares, squares, squares))

    def _parts(
        self, products: np.ndarray, left: np.ndarray, right: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the kernels of the weights and of biases of factor 1: K_L is linear in b^2.

        ``products``, ``left`` and ``right`` are S_0 of pairs, and of the left and the right samples
        with themselves; they broadcast.
        """
        if self.depth < 1:
            raise ValueError(
                f"NeuralTangentKernel(depth={self.depth!r}): depth must be at least 1."
            )
        weight_kernel, bias_kernel = products, np.ones_like(products)
        for _ in range(self.depth):
            products, derivatives = _relu_layer(products, left, right)
            left, _ = _relu_layer(left, left, left)
            right, _ = _relu_layer(right, right, right)
            weight_kernel = weight_kernel * derivatives + products
            bias_kernel = bias_kernel * derivatives + 1.0
        return weight_kernel, bias_kernel

    def _scaled_sum(self, weight_kernel: np.ndarray, bias_kernel: np.ndarray) -> np.ndarray:
        square = self.bias**2
        return (weight_kernel + square * bias_kernel) / ((self.depth + 1) * (square + 1))

    def _gradient(self, weight_kernel: np.ndarray, bias_kernel: np.ndarray) -> np.ndarray:
        if self.hyperparameter_bias.fixed:
            return np.empty((*weight_kernel.shape, 0))
        square = self.bias**2
        slope = 2 * square * (bias_kernel - weight_kernel) / ((self.depth + 1) * (square + 1) ** 2)
        return slope[:, :, np.newaxis]

    def is_stationary(self) -> bool:
        """Return False: the kernel depends on more than differences of inputs."""
        return False

    def __repr__(self) -> str:
        return f"{type(self).__name__}(depth={self.depth:d}, bias={self.bias:.3f})"


def _samples(name: str, values: ArrayLike) -> np.ndarray:
    require_samples(name, values)
    return np.atleast_2d(np.asarray(values, float))


def _squared_norms(samples: np.ndarray) -> np.ndarray:
    norms: np.ndarray = np.einsum("ij,ij->i", samples, samples)
    return norms


def _relu_layer(
    products: np.ndarray, left: np.ndarray, right: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return S and its derivative after a relu layer; the arrays broadcast."""
    norms = np.maximum(np.sqrt(left * right), _LEAST_PRODUCT)
    correlations = np.clip(products / norms, -1.0, 1.0)
    derivatives = 1.0 - np.arccos(correlations) / np.pi
    tails = np.sqrt(1.0 - correlations**2) / np.pi
    return (correlations * derivatives + tails) * norms, derivatives
