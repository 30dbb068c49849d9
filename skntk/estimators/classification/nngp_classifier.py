"""Classification with the posterior of an infinitely wide Bayesian network."""

from __future__ import annotations

from os import PathLike

from numpy.typing import ArrayLike

from skntk.architecture.core.layer import Layer
from skntk.estimators.classification.softmax_likelihood import (
    ClassifierWithLikelihood,
    LikelihoodName,
)
from skntk.estimators.data.classes import ClassWeight
from skntk.estimators.data.defaults import ALPHA, ALPHA_SCALE, NORMALIZE_Y, AlphaScale
from skntk.estimators.kernel_machines.training import SolverName


class NNGPClassifier(ClassifierWithLikelihood):
    r"""Classification with an infinitely wide Bayesian network.

    With independent normal priors on its weights, a network of infinite width is a Gaussian
    process with the NNGP kernel K of its architecture [1]_ [2]_. With ``likelihood="gaussian"`` it
    is given one-hot targets Y with noise of variance A (a diagonal matrix), and the mean of its
    outputs is exactly [3]_

    .. math::

        \text{score}(x) = K(x, X) (K(X, X) + A)^{-1} Y.

    Each class is an output, whose target is 1 for the samples of the class and 0 for the others.
    Scores are the predicted targets; the class of the largest is predicted. Probabilities are the
    softmax of scores / ``temperature_``, where the temperature minimizes the log-loss, with targets
    smoothed by the rule of succession so that it stays positive where every row is right, of
    leave-one-out scores, which have a closed form: nothing is refitted [4]_.

    With ``likelihood="softmax"`` the outputs are logits. Their posterior has no closed form; it is
    approximated by a normal distribution around its mode (Laplace's method [5]_), with one kernel
    for all classes and the correlations between the classes. Probabilities are averages of the
    softmax over it, exact for two classes and over a fixed set of 2048 points for more.

    Parameters
    ----------
    architecture : layer or None, default=None
        The network, for example ``FullyConnected(depth=3, activation="erf")`` or layers composed
        with `Serial`; it ends with a `Dense` layer. None is ``FullyConnected()``. Its
        hyperparameters are reached as ``architecture__depth`` and so on.
    alpha : float or array-like of shape (n_samples,), default=0.1
        Variance of the noise of the targets, added to the diagonal of the training kernel; at least
        0. One value for all samples, or one for each. With ``likelihood="softmax"`` it is the
        variance of independent noise of the logits at each training sample, and may be 0.
    alpha_scale : {"absolute", "relative"}, default="relative"
        Whether ``alpha`` is added as it is or multiplied by the mean of the training kernel's
        diagonal. One grid of relative values serves architectures whose kernels differ in scale.
    normalize_y : bool, default=True
        Whether to center the one-hot targets by the frequencies of the classes and to divide them
        by their standard deviation before training. The prior of the scores is then centered at
        the frequencies, otherwise at 0. With ``likelihood="softmax"`` the prior of the logits is
        centered at the logarithms of the frequencies, otherwise at 0.
    likelihood : {"gaussian", "softmax"}, default="gaussian"
        Whether classes are one-hot targets with Gaussian noise, which is exact and takes one
        factorization for all classes, or drawn with the probabilities of the softmax, which takes
        one for each class in each of about ten steps, and gives probabilities that know the
        uncertainty of the logits. The scale of the kernel matters for it: it is set by the
        ``weight_std`` of the last layer, and chosen by ``log_marginal_likelihood_value_``.
    training_time : float or None, default=None
        None is the posterior. Otherwise an ensemble of networks with random hidden layers, whose
        last layers are trained for that long by gradient descent, at least 0; the limit of long
        training is the posterior.
    learning_rate : float, default=1.0
        Speed of training, greater than 0.
    solver : {"gradient_flow", "gradient_descent"}, default="gradient_flow"
        Whether the steps are infinitely small or those of full-batch gradient descent, in which
        case ``training_time`` is a whole number of them and ``learning_rate`` must be below
        ``max_learning_rate_``.
    momentum : float, default=0.0
        At least 0 and below 1. Steps are those of the heavy ball; infinitely small ones follow an
        equation of second order, in which a friction in proportion to ``1 - momentum`` acts.
    class_weight : "balanced", dict or None, default=None
        Factor on the weights of the samples of each class: a dict from classes to factors (1 where
        missing), or "balanced" for factors inverse to the frequencies of the classes. None is 1.
    dtype : {"float64", "float32"}, default="float64"
        Precision of the kernels. The equations are solved in float64 in any case.
    n_jobs : int or None, default=None
        Number of threads, or of workers of the backend of ``joblib.parallel_config``, that compute
        the kernels. None is every core.
    cache_size : float or None, default=None
        Megabytes, greater than 0, in which this process keeps kernel entries for estimators that
        ask for them again: folds and values of ``alpha`` of a `GridSearchCV` compute each entry
        once, as far as their rows are the same. For networks of images, whose entries take longer
        to compute than to look up. None keeps nothing.
    cache_location : str, PathLike or None, default=None
        Folder in which other processes, as the workers of joblib, find the same entries: one file
        of at most ``cache_size`` for each network. None is the memory of this process alone.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    temperature_ : float
        Positive number by which scores are divided before the softmax. With
        ``likelihood="softmax"`` it is 1.
    architecture_ : layer
        The network that was trained, a copy of ``architecture``.
    X_train_ : ndarray of shape (n_distinct, n_features)
        The distinct training rows of positive weight: rows equal in X and y are one row, with the
        sum of their weights.
    y_train_ : ndarray of shape (n_distinct, n_classes)
        The one-hot targets, normalized if ``normalize_y`` is True.
    alpha_ : ndarray of shape (n_distinct,)
        What was added to the diagonal of the training kernel: ``alpha``, scaled as
        ``alpha_scale`` says, divided by the weight of each row if the likelihood is Gaussian.
    dual_coef_ : ndarray of shape (n_distinct, n_classes)
        Coefficients of the kernel functions in the mean of the normalized targets, or of the
        logits.
    log_marginal_likelihood_value_ : float
        Log density of ``y_train_`` under the prior with its noise, in nats, summed over classes.
        With ``likelihood="softmax"`` Laplace's approximation of the log probability of the classes.
        Models of one likelihood can be compared by it.
    max_learning_rate_ : float
        2 (1 + ``momentum``) n over the largest eigenvalue of the training kernel with its
        regularization, n the sum of the weights: the rate above which discrete steps diverge. It is
        found when it is read.
    n_features_in_ : int
        Number of features seen in `fit`; of images and sequences ``X.shape[1]``, as in all of
        scikit-learn.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X had any that are all strings.

    See Also
    --------
    NTKClassifier : Networks trained by gradient descent instead of inferred.
    sklearn.gaussian_process.GaussianProcessClassifier : With a logistic likelihood, approximated.

    Notes
    -----
    `fit` takes time in proportion to the cube of the number of training rows, and memory for two
    matrices of their number squared. Standardize the features first: the kernel depends on
    their scale.

    A sample of weight k is the same as k equal samples, for predictions, standard deviations and
    probabilities.

    References
    ----------
    .. [1] Neal, "Priors for infinite networks", 1994.
    .. [2] Lee et al., "Deep neural networks as Gaussian processes", ICLR 2018.
    .. [3] Rasmussen and Williams, "Gaussian processes for machine learning", MIT Press 2006,
       algorithm 2.1 and section 6.5.
    .. [4] Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks", ICML 2017.
    .. [5] Williams and Barber, "Bayesian classification with Gaussian processes", IEEE PAMI 1998;
       Rasmussen and Williams, section 3.5.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skntk import NNGPClassifier
    >>> from skntk.architecture import FullyConnected
    >>> X, y = load_wine(return_X_y=True)
    >>> network = FullyConnected(depth=2, activation="erf")
    >>> model = make_pipeline(StandardScaler(), NNGPClassifier(network)).fit(X[::2], y[::2])
    >>> model.score(X[1::2], y[1::2]) > 0.95
    True
    >>> model.predict_proba(X[:1]).shape
    (1, 3)

    Networks can be compared by the probability that they give to the classes:

    >>> for depth in [1, 4]:
    ...     network = FullyConnected(depth=depth)
    ...     model = make_pipeline(StandardScaler(), NNGPClassifier(network, likelihood="softmax"))
    ...     print(depth, round(model.fit(X, y)[-1].log_marginal_likelihood_value_))
    1 -51
    4 -64
    """

    def __init__(
        self,
        architecture: Layer | None = None,
        *,
        alpha: float | ArrayLike = ALPHA,
        alpha_scale: AlphaScale = ALPHA_SCALE,
        normalize_y: bool = NORMALIZE_Y,
        likelihood: LikelihoodName = "gaussian",
        training_time: float | None = None,
        learning_rate: float = 1.0,
        solver: SolverName = "gradient_flow",
        momentum: float = 0.0,
        class_weight: ClassWeight = None,
        dtype: str = "float64",
        n_jobs: int | None = None,
        cache_size: float | None = None,
        cache_location: str | PathLike[str] | None = None,
    ) -> None:
        self.architecture = architecture
        self.alpha = alpha
        self.alpha_scale = alpha_scale
        self.normalize_y = normalize_y
        self.likelihood = likelihood
        self.training_time = training_time
        self.learning_rate = learning_rate
        self.solver = solver
        self.momentum = momentum
        self.class_weight = class_weight
        self.dtype = dtype
        self.n_jobs = n_jobs
        self.cache_size = cache_size
        self.cache_location = cache_location
