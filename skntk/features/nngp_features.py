"""Random features of the NNGP kernel."""

from __future__ import annotations

from typing import ClassVar

from skntk.features.network_transformer import NetworkTransformer


class NNGPFeatures(NetworkTransformer):
    r"""Random features whose inner products estimate the NNGP kernel of a network.

    The features of a sample are the last hidden layer of one random network of finite width,

    .. math::

        \mathrm{E}[z(x) \cdot z(x')] = K(x, x').

    A linear model on them stands for the Gaussian process of the network. It takes time and memory
    in proportion to the number of samples.

    Parameters
    ----------
    architecture : layer, default=None
        The network; None is `FullyConnected` with its defaults. It may be made of `Dense`, `Conv`,
        all activations that have a function, `AvgPool`, `SumPool`, `GlobalAvgPool`,
        `GlobalSumPool`, `Flatten`, `InputScale`, `Identity`, `Serial`, `Sum`, `Residual` and
        `FlipAverage`: so `FullyConnected`, `ConvNet`, `Myrtle` and `WideResNet` are among them.
    n_components : int, default=100
        Number of features.
    width : int, default=None
        Number of neurons of every hidden layer. None is ``n_components``, but at least 1024 for
        vectors, and 128 for images, where the neurons are computed at every pixel.
    dtype : {"float64", "float32"}, default="float64"
        Precision of all computations and of the features.
    random_state : int, RandomState instance or None, default=None
        Decides the random network.

    Attributes
    ----------
    architecture_ : layer
        The network, a copy of ``architecture``.
    width_ : int
        Number of neurons of every hidden layer.
    n_features_in_ : int
        Number of features seen in `fit`; of images and sequences ``X.shape[1]``, as in all of
        scikit-learn.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X had any that are all strings.

    See Also
    --------
    NTKFeatures : Those of the neural tangent kernel.
    NNGPRegressor : The Gaussian process itself.
    sklearn.kernel_approximation.RBFSampler : Random features of the Gaussian kernel.

    Notes
    -----
    *Bias.* Where samples pass one activation, the features are unbiased: the mean over random
    states is the kernel. Deeper networks have a bias, because the kernel of a layer is not linear
    in that of the layer before, which is random. It falls as ``1 / width_``. In networks of three
    to six layers that were tried it was below ``0.5 / width_`` times :math:`\sqrt{K(x, x) K(x',
    x')}`.

    *Error.* The error of one random state falls as ``1 / sqrt(n_components)``, as long as ``width``
    is not smaller. In units of :math:`\sqrt{K(x, x) K(x', x')}` it is 1 to 3 times that, and so far
    larger than the bias.

    *Construction.* A neuron is f(u), where u is an inner product with a standard normal vector.
    These vectors are orthogonal to each other, as many as can be, which lowers the variance [2]_.
    The last layer is summed up in ``n_components`` buckets with random signs [3]_. Convolutions
    have the same neurons at every pixel, so that pools are plain means of them, and the cost is in
    proportion to the number of pixels.

    *Cost.* A sample takes about ``width * (n_features + (depth - 1) * width)`` multiplications, or
    at every pixel of an image ``filter size * (depth - 1) * width ** 2``. The weights of a layer
    take as much memory. `fit` makes them orthogonal, which takes ``width ** 3``. Samples are
    transformed in blocks. Sparse rows stay sparse up to the first neurons.

    References
    ----------
    .. [1] Rahimi, Recht, "Random features for large-scale kernel machines", NeurIPS 2007.
    .. [2] Yu, Suresh, Choromanski, Holtmann-Rice, Kumar, "Orthogonal random features", NeurIPS
       2016.
    .. [3] Charikar, Chen, Farach-Colton, "Finding frequent items in data streams", ICALP 2002.

    Examples
    --------
    >>> import numpy as np
    >>> from skntk import NNGPFeatures, gram_matrix
    >>> from skntk.architecture import FullyConnected
    >>> X = np.random.default_rng(0).normal(size=(50, 5))
    >>> network = FullyConnected(depth=2, activation="erf")
    >>> Z = NNGPFeatures(network, n_components=1000, random_state=0).fit_transform(X)
    >>> Z.shape
    (50, 1000)
    >>> kernel = gram_matrix(network, X, kind="nngp")
    >>> bool(np.sqrt(np.mean((Z @ Z.T - kernel) ** 2)) < 2 / np.sqrt(1000) * np.mean(kernel))
    True
    """

    _of_ntk: ClassVar[bool] = False
