"""Methods that an estimator has with some of its parameters only, and says why it has not."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper, wraps
from types import MethodType
from typing import Any


class _AvailableMethod:
    """A method that objects have if a check passes; its AttributeError is what they say if not.

    That of `sklearn.utils.metaestimators.available_if` is another, which names the method alone.
    """

    def __init__(self, require: Callable[[Any], None], method: Callable[..., Any]) -> None:
        self._require, self._method = require, method
        update_wrapper(self, method)  # type: ignore[arg-type]

    def __get__(self, owner_object: Any, owner: type | None = None) -> Callable[..., Any]:
        if owner_object is None:
            return self._checked()
        self._require(owner_object)
        return MethodType(self._method, owner_object)

    def _checked(self) -> Callable[..., Any]:
        @wraps(self._method)
        def method(owner_object: Any, *args: Any, **params: Any) -> Any:
            self._require(owner_object)
            return self._method(owner_object, *args, **params)

        return method


def available_where(
    require: Callable[[Any], None],
) -> Callable[[Callable[..., Any]], _AvailableMethod]:
    """Return a decorator of methods that are there where a check raises no AttributeError."""
    return lambda method: _AvailableMethod(require, method)
