"""Activations without a closed form: named ones, and any elementwise function."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from skntk._jax_settings import own_placement
from skntk._validation import check_real
from skntk.architecture.activations.expansion import QuadratureActivation
from skntk.architecture.propagation.state import Array

__all__ = ["Elementwise", "Elu", "Mish", "Selu", "Sigmoid", "Silu", "Softplus", "Tanh"]


class Elementwise(QuadratureActivation):
    """Any elementwise function, written with `jax.numpy`.

    Parameters
    ----------
    function : callable
        Maps an array to an array of its shape, elementwise; differentiable by JAX, smooth on each
        side of 0, and of at most polynomial growth. It must be hashable, and its module importable
        where networks are pickled: a function defined with ``def`` rather than a lambda.
    parity : {"odd", "even", None}, default=None
        "odd" if the function is odd plus a constant (as the sigmoid), "even" if it is even plus a
        linear function (as the softplus). Halves the time.

    Notes
    -----
    The kernels come from the function's values at some 200 points for each sample, and for each
    pair from its Hermite expansion, of which 24 to 38 terms stand for the first 4000. Where the
    slope jumps at 0, 14 powers of the correlation stand for all that follow. Relative to E[f(u)^2]
    and E[f'(u)^2], where f changes on the scale of 1 and is smooth but for a kink at 0, the error
    in float64 is

    * for variances up to 10, 1e-9 for named parity and 2e-8 without, up to the correlation 0.95,
      and 1e-7 up to 0.99; for all correlations above, 1e-8 of the NNGP kernel and 1e-5 of the NTK
      (at most 1e-7 where f has no kink);
    * for larger variances as much up to the correlation 0.95; at 0.999 up to 1e-5 of the NNGP and
      1e-3 of the NTK, and so above it for variances up to 1000; past these, where f saturates,
      up to 1e-4 of the NNGP kernel and 0.1 of the NTK at the variance 10,000;
    * for equal and opposite samples that of one-dimensional quadrature, 1e-11, and where the
      variance passes 100 up to 1e-8 of f and 2e-4 of f'; but where they differ in size and f
      saturates, the NTK is off by as much as its own size once the variances pass 1000.

    In float32 kernels of vectors are as accurate, and the result is rounded; of images the error is
    1e-7 where that is more, and of the NTK up to 1e-3 above the correlation 0.999 where f has a
    kink. Kinks elsewhere than at 0, oscillations much faster than the standard deviation, and
    growth faster than that of polynomials (exp(x) for standard deviations above 2) cost accuracy.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import Elementwise, Serial
    >>> gram_matrix(Serial([Elementwise(jnp.square)]), [[1.0], [2.0]], kind="nngp").round(6)
    array([[ 3., 12.],
           [12., 48.]])
    """

    category: ClassVar[str | None] = "activation"
    static: ClassVar[tuple[str, ...]] = ("function", "parity")

    def __init__(self, function: Callable[[Array], Array], parity: str | None = None) -> None:
        self.function = function  # type: ignore[assignment, method-assign]
        self.parity = parity

    @classmethod
    def examples(cls) -> list[Elementwise]:
        return [cls(jnp.tanh), cls(jnp.tanh, parity="odd"), cls(jnp.square)]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        if self.parity not in (None, "odd", "even"):
            raise ValueError(
                f"Elementwise(parity={self.parity!r}): parity must be 'odd', 'even' or None."
            )
        _check_function(self.function, self.parity)
        return input_shape

    def parity_up_to_line(self) -> str | None:
        return self.parity

    def has_kink(self) -> bool:
        return _has_kink(self.function)


@lru_cache(maxsize=256)
def _has_kink(function: Callable[[Array], Array]) -> bool:
    """Return whether the slope jumps at 0, by more than the kernels could show."""
    x = np.array([-1e-6, 1e-6, -1, 1], dtype=np.float32)
    with jax.ensure_compile_time_eval():  # programs are traced when they ask
        slopes = np.asarray(jax.jvp(function, (jnp.asarray(x),), (jnp.ones_like(x),))[1])
    return bool(abs(slopes[1] - slopes[0]) > 1e-3 * abs(slopes).max())


@lru_cache(maxsize=256)
def _check_function(function: Callable[[Array], Array], parity: str | None) -> None:
    """Raise unless the function maps arrays elementwise under JAX and has the parity claimed."""
    if not callable(function):
        raise TypeError(
            f"Elementwise(function={function!r}): function must be callable, "
            f"got {type(function).__name__}."
        )
    x = np.array([[0.3, 1.1, 2.7]], dtype=np.float32)
    with own_placement():
        try:
            slope = jax.jit(lambda x: jax.jvp(function, (x,), (jnp.ones_like(x),))[1])
            slopes, mirrored = (np.asarray(slope(values)) for values in (x, -x))
        except Exception as error:
            raise TypeError(
                f"Elementwise(function={function!r}): JAX cannot trace and differentiate the "
                "function. Write it with jax.numpy instead of numpy or math."
            ) from error
    if slopes.shape != x.shape:
        raise ValueError(
            f"Elementwise(function={function!r}): the function must be elementwise, but maps the "
            f"shape {x.shape} to {slopes.shape}."
        )
    sums = {"odd": slopes - mirrored, "even": slopes + mirrored - (slopes + mirrored)[:, :1]}
    if parity is not None and np.max(np.abs(sums[parity])) > 1e-3 * np.max(np.abs(slopes)):
        raise ValueError(
            f"Elementwise(function={function!r}, parity={parity!r}): the function is not {parity} "
            f"plus a {'constant' if parity == 'odd' else 'linear function'}; use parity=None."
        )


class Tanh(QuadratureActivation):
    """The hyperbolic tangent.

    Its kernel has no closed form: see `Elementwise` for how it is computed and how accurately.

    Examples
    --------
    >>> from skntk import gram_matrix
    >>> from skntk.architecture import Serial, Tanh
    >>> gram_matrix(Serial([Tanh()]), [[1.0], [-1.0]], kind="nngp").round(3)
    array([[ 0.394, -0.394],
           [-0.394,  0.394]])
    """

    category: ClassVar[str | None] = "activation"

    def function(self, x: Array) -> Array:
        return jnp.tanh(x)

    def has_kink(self) -> bool:
        return False

    def parity_up_to_line(self) -> str | None:
        return "odd"


class Sigmoid(QuadratureActivation):
    """The logistic sigmoid ``1 / (1 + exp(-x))``.

    Its kernel has no closed form: see `Elementwise` for how it is computed and how accurately.

    Examples
    --------
    >>> from skntk.architecture import Sigmoid
    >>> Sigmoid().function(0.0).item()
    0.5
    """

    category: ClassVar[str | None] = "activation"

    def function(self, x: Array) -> Array:
        return jax.nn.sigmoid(x)

    def has_kink(self) -> bool:
        return False

    def parity_up_to_line(self) -> str | None:
        return "odd"


class Silu(QuadratureActivation):
    """The sigmoid linear unit, or swish, ``x / (1 + exp(-x))``.

    Its kernel has no closed form: see `Elementwise` for how it is computed and how accurately.

    Examples
    --------
    >>> from skntk.architecture import Silu
    >>> Silu().function(0.0).item()
    0.0
    """

    category: ClassVar[str | None] = "activation"

    def function(self, x: Array) -> Array:
        return jax.nn.silu(x)

    def has_kink(self) -> bool:
        return False

    def parity_up_to_line(self) -> str | None:
        return "even"


class Softplus(QuadratureActivation):
    """The softplus ``log(1 + exp(x))``.

    Its kernel has no closed form: see `Elementwise` for how it is computed and how accurately.

    Examples
    --------
    >>> from skntk.architecture import Softplus
    >>> round(Softplus().function(0.0).item(), 4)
    0.6931
    """

    category: ClassVar[str | None] = "activation"

    def function(self, x: Array) -> Array:
        return jax.nn.softplus(x)

    def has_kink(self) -> bool:
        return False

    def parity_up_to_line(self) -> str | None:
        return "even"


class Elu(QuadratureActivation):
    """The exponential linear unit: x for positive x, ``alpha (exp(x) - 1)`` for negative.

    Its kernel is computed by quadrature: see `Elementwise` for how, and how accurately.

    Parameters
    ----------
    alpha : float, default=1.0
        Minus the limit for large negative arguments.

    Examples
    --------
    >>> from skntk.architecture import Elu
    >>> round(Elu().function(-1.0).item(), 4)
    -0.6321
    """

    category: ClassVar[str | None] = "activation"

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    @classmethod
    def examples(cls) -> list[Elu]:
        return [cls(), cls(0.3)]

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        check_real(self, "alpha")
        return input_shape

    def function(self, x: Array) -> Array:
        return jax.nn.elu(x, self.alpha)


class Selu(QuadratureActivation):
    """The scaled exponential linear unit [1]_.

    It is ``1.0507 x`` for positive x and ``1.7581 (exp(x) - 1)`` for negative.

    Its kernel is computed by quadrature: see `Elementwise` for how, and how accurately.

    References
    ----------
    .. [1] Klambauer, Unterthiner, Mayr, Hochreiter, "Self-normalizing neural networks", NeurIPS
       2017.

    Examples
    --------
    >>> from skntk.architecture import Selu
    >>> round(Selu().function(1.0).item(), 4)
    1.0507
    """

    category: ClassVar[str | None] = "activation"

    def function(self, x: Array) -> Array:
        return jax.nn.selu(x)


class Mish(QuadratureActivation):
    """The function ``x tanh(log(1 + exp(x)))`` [1]_.

    Its kernel has no closed form: see `Elementwise` for how it is computed and how accurately.

    References
    ----------
    .. [1] Misra, "Mish: a self regularized non-monotonic activation function", BMVC 2020.

    Examples
    --------
    >>> from skntk.architecture import Mish
    >>> Mish().function(0.0).item()
    0.0
    """

    category: ClassVar[str | None] = "activation"

    def function(self, x: Array) -> Array:
        return _mish(x)

    def has_kink(self) -> bool:
        return False


def _mish(x: Array) -> Array:
    """Return x tanh(log(1 + exp(x))) from one exponential, which cannot overflow."""
    positive = x >= 0
    decay = jnp.exp(jnp.where(positive, -x, x))
    square = decay * decay
    numerator = jnp.where(positive, 1 + 2 * decay, square + 2 * decay)
    return x * (numerator / (numerator + jnp.where(positive, 2 * square, 2)))
