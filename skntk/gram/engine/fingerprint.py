"""The identity of a kernel matrix, in a form that can be written down and compared."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from functools import partial
from numbers import Real
from types import CodeType, FunctionType, ModuleType
from typing import Any

import jax
import numpy as np
from sklearn.base import BaseEstimator

from skntk._version import __version__
from skntk.architecture.core.layer import Layer

# Where a function stands in memory, in what Python prints of it.
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")

# What these define is known by its name; a version of skntk is recorded by itself.
_KNOWN_BY_NAME = ("builtins", "jax", "jaxlib", "numpy", "scipy", "sklearn", "skntk")


def fingerprint(
    architecture: Layer,
    X: np.ndarray,
    Y: np.ndarray | None = None,
    *,
    kinds: Sequence[str],
    dtype: str,
) -> dict[str, Any]:
    """Return the identity of a kernel matrix, as values for JSON.

    Arrays by their shape and SHA-256 digest; the architecture as it is printed, for a reader, and
    its digest, which decides. Of functions that users wrote, the name and the code count, with the
    code of functions of the same module that they call, and the values that they refer to, as far
    as these are numbers, text, arrays or functions.
    """
    return {
        "version": __version__,
        "architecture": _ADDRESS.sub("", repr(architecture)),
        "architecture_sha256": architecture_digest(architecture),
        "X": _described_inputs(X),
        "Y": None if Y is None else _described_inputs(Y),
        "kind": list(kinds),
        "dtype": dtype,
    }


def architecture_digest(architecture: Layer) -> str:
    """Return the SHA-256 of its structure, its hyperparameters and the code of users' functions."""
    return _digest(_described(architecture, ()))


def _described_inputs(X: np.ndarray) -> str:
    return f"shape {X.shape}, sha256 {hashlib.sha256(np.ascontiguousarray(X).data).hexdigest()}"


def _digest(parts: Iterator[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode())
        digest.update(b"\0")
    return digest.hexdigest()


def _described(value: Any, within: tuple[int, ...]) -> Iterator[str]:
    """Yield texts that tell a value from others; what it is within ends recursion."""
    if id(value) in within:
        yield "itself"
        return
    within = (*within, id(value))
    if value is None or isinstance(value, str | bytes | bool | complex):
        yield repr(value)
    elif isinstance(value, Real):
        # A Python int, a float and a NumPy number are one hyperparameter.
        yield repr(float(value))
    elif isinstance(value, np.generic):
        yield repr(value.item())
    elif isinstance(value, np.ndarray | jax.Array):
        array = np.asarray(value)
        yield f"{array.dtype} {array.shape} {hashlib.sha256(array.tobytes()).hexdigest()}"
    elif isinstance(value, list | tuple):
        yield f"sequence of {len(value)}"
        for part in value:
            yield from _described(part, within)
    elif isinstance(value, dict):
        yield f"mapping of {len(value)}"
        for key in sorted(value, key=repr):
            yield repr(key)
            yield from _described(value[key], within)
    elif isinstance(value, set | frozenset):
        yield f"set {sorted(map(repr, value))}"
    elif isinstance(value, partial):
        yield "partial"
        yield from _described((value.func, value.args, value.keywords), within)
    else:
        yield from _described_object(value, within)


def _described_object(value: Any, within: tuple[int, ...]) -> Iterator[str]:
    if isinstance(value, ModuleType):
        yield f"module {value.__name__}"
    elif isinstance(value, type):
        yield from _described_class(value, within)
    elif isinstance(value, CodeType):
        yield from _described_code(value, within)
    elif callable(value) and hasattr(value, "__qualname__"):
        yield f"function {value.__qualname__}"
        if _is_known_by_name(value):
            yield str(value.__module__)
        else:
            yield from _described_function(value, within)
    else:
        # Layers, activations, and other objects by their class and what they hold.
        yield from _described_class(type(value), within)
        yield str(getattr(value, "__name__", ""))
        is_estimator = isinstance(value, BaseEstimator)
        held = value.get_params(deep=False) if is_estimator else getattr(value, "__dict__", {})
        yield from _described(held, within)


def _is_known_by_name(value: Any) -> bool:
    return str(getattr(value, "__module__", "")).partition(".")[0] in _KNOWN_BY_NAME


def _described_class(cls: type, within: tuple[int, ...]) -> Iterator[str]:
    yield f"class {cls.__qualname__}"
    if _is_known_by_name(cls):
        yield cls.__module__
        return
    for name, value in sorted(vars(cls).items()):
        attribute = getattr(value, "__func__", getattr(value, "fget", value))
        if isinstance(attribute, FunctionType):
            yield name
            yield from _described(attribute, within)
    for base in cls.__bases__:
        yield from _described(base, within)


def _described_function(function: Any, within: tuple[int, ...]) -> Iterator[str]:
    """Yield the code of a function, and what it refers to in its defaults, closure and module."""
    if not isinstance(function, FunctionType):
        # A decorated function, such as that of `jax.jit`, or a bound method.
        inner = getattr(function, "__wrapped__", getattr(function, "__func__", None))
        yield "decorated"
        yield from _described((inner, getattr(function, "__self__", None)), within)
        return
    yield from _described_code(function.__code__, within)
    cells = [_content(cell) for cell in function.__closure__ or ()]
    yield from _described((function.__defaults__, function.__kwdefaults__, cells), within)
    for name in _names(function.__code__):
        if name in function.__globals__:
            yield name
            yield from _described_global(function.__globals__[name], function.__module__, within)


def _described_global(value: Any, module: str, within: tuple[int, ...]) -> Iterator[str]:
    """Yield what a function refers to, if it may change without its code."""
    followed = (str, bytes, Real, np.ndarray, jax.Array, ModuleType)
    if isinstance(value, followed) or getattr(value, "__module__", None) == module:
        yield from _described(value, within)
    else:
        yield getattr(value, "__qualname__", type(value).__qualname__)


def _described_code(code: CodeType, within: tuple[int, ...]) -> Iterator[str]:
    yield code.co_code.hex()
    yield repr((code.co_names, code.co_varnames, code.co_freevars, code.co_flags))
    yield from _described(code.co_consts, within)


def _names(code: CodeType) -> list[str]:
    """Return the names that code, and code within it, looks up."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names.update(_names(constant))
    return sorted(names)


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        # A name that is never assigned.
        return None
