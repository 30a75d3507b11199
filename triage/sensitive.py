"""A box for a person's words, address or name, so that no repr, log line or traceback shows them."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Sensitive(Generic[T]):
    """Holds a value that must not be printed. `.reveal()` is allowed only in listed modules (an AST test holds the list)."""

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def reveal(self) -> T:
        return self._value

    def __repr__(self) -> str:
        return "Sensitive(…)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sensitive) and bool(self._value == other._value)

    def __hash__(self) -> int:
        return hash((Sensitive, self._value))

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Sensitive value is not pickled")
