"""Random features of the NTK."""

from __future__ import annotations

from typing import ClassVar

from skntk.features.network_transformer import NetworkTransformer


class NTKFeatures(NetworkTransformer):
    r"""Random features whose inner products estimate the neural tangent kernel of a network.

    They follow the recursion of the kernel through the layers, with random neurons and a sketch
    [1]_ [2]_, so that

    .. math::

        \mathrm{E}[z(x) \cdot z(x')] = T(x, x').

    A linear model on them stands for the trained network of infinite width. It takes time and
    memory in proportion to the number of samples, and, for images, to that of pixels: kernels of
    pooled networks take the square of both.

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
        Number of neurons of every hidden layer, and of features of the kernel within the network.
        None is ``n_components``, but at least 1024 for vectors, and 128 for images, where they are
        computed at every pixel.
    dtype : {"float64", "float32"}, default="float64"
        Precision of all computations and of the features.
    random_state : int, RandomState instance or None, default=None
        Decides everything that is random.

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
    NNGPFeatures : Those of the kernel of the untrained network.
    NTKRegressor : The exact kernel.

    Notes
    -----
    *Construction.* Let h be the features of the NNGP kernel before a layer, and t those of the NTK.
    `Dense` appends its outputs to t, both with the weights of its formula. An activation f maps h
    to random neurons f(u), as in `NNGPFeatures`. It multiplies the NTK by the mean of f'(u) f'(v),
    the inner product of the slopes of the same neurons: so the new t is the outer product of t and
    the slopes. Its entries, as many as ``width`` squared, are never formed. The convolution of two
    count sketches, by the Fourier transform, is a sketch of it of ``width`` entries, with the same
    inner products on average [3]_. What the last `Dense` puts side by side, the neurons and this
    sketch, has equal shares of the ``n_components``, each by one more count sketch.

    *Bias.* Where samples pass one activation, the features are unbiased: the mean over random
    states is the kernel. Deeper networks have a bias that falls as ``1 / width_``, because the
    neurons of one layer are functions of those before. In networks of three to six layers that were
    tried it was below ``0.5 / width_`` times :math:`\sqrt{T(x, x) T(x', x')}`.

    *Error.* The error of one random state falls as ``1 / sqrt(n_components)``, as long as ``width``
    is not smaller. In units of :math:`\sqrt{T(x, x) T(x', x')}` it is 1 to 3 times that, and so far
    larger than the bias.

    *Cost.* Beside what `NNGPFeatures` take, three Fourier transforms for every layer, about half as
    much again. Sparse rows stay sparse up to the first neurons.

    References
    ----------
    .. [1] Zandieh, Han, Avron, Shoham, Kim, Shin, "Scaling neural tangent kernels via sketching and
       random features", NeurIPS 2021.
    .. [2] Han, Zandieh, Lee, Novak, Xiao, Karbasi, "Fast neural kernel embeddings for general
       activations", NeurIPS 2022.
    .. [3] Pham, Pagh, "Fast and scalable polynomial kernels via explicit feature maps", KDD 2013.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import RidgeClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from skntk import NTKFeatures
    >>> from skntk.architecture import ConvNet
    >>> X, y = load_digits(return_X_y=True)
    >>> network = ConvNet(depth=1, pooling="global", input_shape=(8, 8, 1))
    >>> features = NTKFeatures(network, n_components=500, width=200, random_state=0)
    >>> model = make_pipeline(features, RidgeClassifier(alpha=1e-2)).fit(X[:1000] / 16, y[:1000])
    >>> bool(model.score(X[1000:] / 16, y[1000:]) > 0.8)
    True
    """

    _of_ntk: ClassVar[bool] = True
