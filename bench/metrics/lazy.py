"""Properties computed once per object, by threads that do not wait for each other.

``functools.cached_property`` holds one lock for all objects of a class while it computes (until
Python 3.12), which would make conditions wait for each other. Two threads that ask the same
object at once compute the same value twice here, which does no harm.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class lazy(Generic[T]):  # noqa: N801 - used as a decorator, beside `property`
    """A property whose value is kept in the object after it was first asked for."""

    def __init__(self, function: Callable[[Any], T]) -> None:
        self._function = function
        self.__doc__ = function.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> lazy[T]: ...

    @overload
    def __get__(self, instance: object, owner: type) -> T: ...

    def __get__(self, instance: object | None, owner: type) -> lazy[T] | T:
        if instance is None:
            return self
        value = self._function(instance)
        vars(instance)[self._name] = value  # found before this descriptor from now on
        return value
