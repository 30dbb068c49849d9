"""The kernels of any network as kernel objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.gaussian_process.kernels import Hyperparameter

from skntk._validation import require_samples
from skntk.architecture import FullyConnected
from skntk.architecture.core.layer import Layer
from skntk.gram import gram_diagonal, gram_matrix
from skntk.gram.gradient import gram_derivative
from skntk.gram.matrix import Kind
from skntk.kernels.hyperparameters import DEFAULT_BOUNDS, ArchitectureHyperparameters, Bounds

if TYPE_CHECKING:
    from skntk._sklearn import Kernel
else:
    from sklearn.gaussian_process.kernels import Kernel

_PREFIX = "architecture__"


class NetworkKernel(Kernel):
    """A kernel object of a network; subclasses say which of the two kernels."""

    _kind: ClassVar[Kind]

    def __init__(
        self,
        architecture: Layer | None = None,
        architecture_bounds: Bounds = DEFAULT_BOUNDS,
        input_shape: Sequence[int] | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.architecture = architecture
        self.architecture_bounds = architecture_bounds
        self.input_shape = input_shape
        self.n_jobs = n_jobs

    # Hyperparameters -------------------------------------------------------------------------

    def _network(self) -> Layer:
        return FullyConnected() if self.architecture is None else self.architecture

    def _hyperparameters(self) -> ArchitectureHyperparameters:
        return ArchitectureHyperparameters(self._network(), self.architecture_bounds)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name.

        Parameters
        ----------
        deep : bool, default=True
            Whether to add those of the network, as ``architecture__<parameter>``.

        Returns
        -------
        dict
        """
        params: dict[str, Any] = super().get_params(deep=False)
        if deep and self.architecture is not None:
            for name, value in self.architecture.get_params(deep=True).items():
                params[_PREFIX + name] = value
        return params

    @property
    def hyperparameters(self) -> list[Hyperparameter]:
        """Names, bounds and numbers of elements of all hyperparameters of the network."""
        return [
            Hyperparameter(
                _PREFIX + hyperparameter.name,
                "numeric",
                "fixed" if hyperparameter.bounds is None else hyperparameter.bounds,
                hyperparameter.values.size,
            )
            for hyperparameter in self._hyperparameters().all
        ]

    @property
    def theta(self) -> np.ndarray:
        """The hyperparameters that are not fixed, shape (n_dims,): what a search changes.

        Their logarithms, or the numbers themselves where the lower bound is not positive.
        """
        return self._hyperparameters().theta

    @theta.setter
    def theta(self, theta: np.ndarray) -> None:
        self.architecture = self._hyperparameters().architecture_at(theta)

    @property
    def bounds(self) -> np.ndarray:
        """The bounds of `theta`, shape (n_dims, 2)."""
        return self._hyperparameters().bounds

    # Values ----------------------------------------------------------------------------------

    def __call__(
        self, X: ArrayLike, Y: ArrayLike | None = None, eval_gradient: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Return the kernel matrix, and on request its derivative by `theta`.

        Parameters
        ----------
        X : array-like of shape (n_samples_X, n_features)
            Left inputs; images as they are, or as flat rows with ``input_shape``.
        Y : array-like of shape (n_samples_Y, n_features), default=None
            Right inputs. None is X itself.
        eval_gradient : bool, default=False
            Whether to return the derivatives as well. Only without Y.

        Returns
        -------
        K : ndarray of shape (n_samples_X, n_samples_Y)
            The kernel.
        K_gradient : ndarray of shape (n_samples_X, n_samples_X, n_dims)
            Its derivatives by the entries of `theta`. Only with ``eval_gradient=True``.

        Raises
        ------
        ValueError
            If derivatives are asked for with Y, or as `gram_matrix`.
        TypeError
            If inputs are sparse.
        """
        if eval_gradient and Y is not None:
            raise ValueError("Gradient can only be evaluated when Y is None.")
        network, left = self._network(), self._samples(X)
        # The pairwise functions of scikit-learn pass X twice where they mean X itself.
        with_itself = Y is None or (Y is X and not network.is_stochastic())
        right = None if with_itself else self._samples(Y, "Y")
        kernel = gram_matrix(network, left, right, kind=self._kind, n_jobs=self.n_jobs)
        return (kernel, self._gradient(left)) if eval_gradient else kernel

    def _gradient(self, X: np.ndarray) -> np.ndarray:
        directions = self._hyperparameters().directions()
        gradient = np.empty((len(X), len(X), len(directions)))
        for position, direction in enumerate(directions):
            (gradient[:, :, position],) = gram_derivative(
                self._network(), direction, X, kinds=[self._kind], n_jobs=self.n_jobs
            )
        return gradient

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
        samples = self._samples(X)
        return gram_diagonal(self._network(), samples, kind=self._kind, n_jobs=self.n_jobs)

    def is_stationary(self) -> bool:
        """Return False: the kernel depends on more than differences of inputs."""
        return False

    def _samples(self, X: Any, name: str = "X") -> np.ndarray:
        """Return inputs as an array; flat rows become images, if their shape is known."""
        require_samples(name, X)
        samples = np.asarray(X)
        if self.input_shape is None or samples.ndim != 2:
            return samples
        shape = tuple(self.input_shape)
        if samples.shape[1] != np.prod(shape):
            raise ValueError(
                f"{type(self).__name__}(input_shape={shape}): a sample of this shape is a row of "
                f"{np.prod(shape)} numbers, but X has {samples.shape[1]} columns."
            )
        return samples.reshape(-1, *shape)

    # Python ----------------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        """Return whether the other kernel has the same class and equal parameters."""
        if type(other) is not type(self):
            return NotImplemented
        ours, theirs = self.get_params(deep=False), other.get_params(deep=False)
        return all(_equal(ours[name], theirs[name]) for name in ours)

    __hash__ = None  # type: ignore[assignment]  # kernels are mutable through theta

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._network()!r})"


def _equal(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        return ours.keys() == theirs.keys() and all(_equal(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list | tuple | np.ndarray) and isinstance(
        theirs, list | tuple | np.ndarray
    ):
        return bool(np.array_equal(ours, theirs))
    return bool(ours == theirs)


class NNGPKernel(NetworkKernel):
    """The covariance of an infinitely wide network before training, as a kernel object.

    It goes where scikit-learn takes a kernel object or a callable kernel, and composes with others
    by ``+``, ``*`` and ``**``. In a Gaussian process the numbers of the network are learned.

    Parameters
    ----------
    architecture : layer or None, default=None
        The network, for example ``FullyConnected(depth=2, activation="erf")``; None is
        ``FullyConnected()``.
    architecture_bounds : pair of float, "fixed" or mapping, default=(1e-5, 1e5)
        Lower and upper bound of every number of the network, or "fixed". A mapping has the bounds
        of single hyperparameters, by their names in ``architecture.get_params()``, such as
        ``{"weight_std": (0.1, 10), "bias_std": "fixed"}``; an array such as the scales of
        `InputScale` takes one pair, or one for each entry. Those that a mapping does not name have
        the default bounds. Numbers that are 0, negative or None, and some that are no scales (the
        rate of `Dropout`, the graph of `Aggregate`), are fixed unless they are named. A lower bound
        of 0 or less is one in linear scale: ``theta`` then holds the number, not its logarithm.
        Begin such a search away from 0: the kernel of a standard deviation has no slope there.
    input_shape : tuple of int or None, default=None
        Shape of one sample, such as (height, width, channels), for networks of images in
        estimators that take flat rows alone. None takes the samples as they are.
    n_jobs : int or None, default=None
        Number of workers, as for `gram_matrix`.

    See Also
    --------
    NTKKernel : The kernel of networks that are trained.
    NNGPRegressor : Gaussian process regression without an array of n x n x n_dims numbers.

    Notes
    -----
    `sklearn.metrics.pairwise.pairwise_kernels`, and so KernelRidge, KernelPCA, Nystroem and
    SpectralClustering, knows kernel objects and calls them with whole matrices.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.gaussian_process import GaussianProcessRegressor
    >>> from sklearn.gaussian_process.kernels import WhiteKernel
    >>> from skntk import NNGPKernel
    >>> from skntk.architecture import FullyConnected
    >>> kernel = NNGPKernel(FullyConnected(depth=1), {"bias_std": "fixed"}) + WhiteKernel(0.1)
    >>> [parameter.name for parameter in kernel.hyperparameters if not parameter.fixed]
    ['k1__architecture__weight_std', 'k2__noise_level']
    >>> X = np.linspace(-1, 1, 8)[:, np.newaxis]
    >>> model = GaussianProcessRegressor(kernel, optimizer=None).fit(X, X[:, 0])
    >>> model.predict([[0.5]]).shape
    (1,)
    """

    _kind: ClassVar[Kind] = "nngp"


class NTKKernel(NetworkKernel):
    """The neural tangent kernel of an infinitely wide network, as a kernel object.

    Parameters
    ----------
    architecture : layer or None, default=None
        The network; None is ``FullyConnected()``.
    architecture_bounds : pair of float, "fixed" or mapping, default=(1e-5, 1e5)
        Bounds of its numbers, as for `NNGPKernel`.
    input_shape : tuple of int or None, default=None
        Shape of one sample, for images in flat rows, as for `NNGPKernel`.
    n_jobs : int or None, default=None
        Number of workers, as for `gram_matrix`.

    See Also
    --------
    NNGPKernel : The covariance before training.
    NeuralTangentKernel : With the parameters of the package scikit-ntk.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from skntk import NTKKernel
    >>> from skntk.architecture import FullyConnected
    >>> X, y = load_iris(return_X_y=True)
    >>> SVC(kernel=NTKKernel(FullyConnected(depth=2))).fit(X, y).score(X, y) > 0.9
    True
    """

    _kind: ClassVar[Kind] = "ntk"
