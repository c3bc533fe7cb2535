"""Parts of a spec as Python's own mappings and lists; what is changed in them changes the spec."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableMapping, MutableSequence
from typing import Any, Protocol, overload

from tcpexp.notebook.values import path_text, plain
from tcpexp.spec.edit import REMOVED


class Owner(Protocol):
    """What holds the values: a ``Spec``."""

    def _value_at(self, keys: tuple[str | int, ...]) -> Any:
        """Return the plain value at ``keys``."""

    def _put(self, keys: tuple[str | int, ...], value: Any) -> None:
        """Write a value, or take it away."""


def part(owner: Owner, keys: tuple[str | int, ...]) -> Any:
    """Return what is at ``keys``: a part, or a plain value that holds no others."""
    value = owner._value_at(keys)
    if isinstance(value, dict):
        return SpecMapping(owner, keys)
    if isinstance(value, list):
        return SpecList(owner, keys)
    return value


class SpecMapping(MutableMapping[str, Any]):
    """A mapping in a spec, such as ``links:``; what is set in it is validated at once."""

    def __init__(self, owner: Owner, keys: tuple[str | int, ...]) -> None:
        self._owner, self._keys = owner, keys

    def __getitem__(self, key: str) -> Any:
        if key not in self.plain():
            raise KeyError(path_text((*self._keys, key)))
        return part(self._owner, (*self._keys, key))

    def __setitem__(self, key: str, value: Any) -> None:
        self._owner._put((*self._keys, key), plain(value))

    def __delitem__(self, key: str) -> None:
        if key not in self.plain():
            raise KeyError(path_text((*self._keys, key)))
        self._owner._put((*self._keys, key), REMOVED)

    def __iter__(self) -> Iterator[str]:
        return iter(self.plain())

    def __len__(self) -> int:
        return len(self.plain())

    def __eq__(self, other: object) -> bool:
        return bool(self.plain() == plain(other))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self.plain())

    def plain(self) -> dict[str, Any]:
        """Return the values as a dict of their own."""
        value: dict[str, Any] = plain(self._owner._value_at(self._keys))
        return value


class SpecList(MutableSequence[Any]):
    """A list in a spec, such as ``actions:``; what is set in it is validated at once."""

    def __init__(self, owner: Owner, keys: tuple[str | int, ...]) -> None:
        self._owner, self._keys = owner, keys

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        return part(self._owner, (*self._keys, self._place(index)))

    def __setitem__(self, index: int | slice, value: Any) -> None:
        if isinstance(index, slice):
            whole = self.plain()
            whole[index] = plain(list(value))
            self._owner._put(self._keys, whole)
        else:
            self._owner._put((*self._keys, self._place(index)), plain(value))

    def __delitem__(self, index: int | slice) -> None:
        if isinstance(index, slice):
            whole = self.plain()
            del whole[index]
            self._owner._put(self._keys, whole)
        else:
            self._owner._put((*self._keys, self._place(index)), REMOVED)

    def insert(self, index: int, value: Any) -> None:
        """Put a value before the one at ``index``."""
        whole = self.plain()
        if index >= len(whole):
            self._owner._put((*self._keys, len(whole)), plain(value))
            return
        whole.insert(index, plain(value))
        self._owner._put(self._keys, whole)

    def extend(self, values: Iterable[Any]) -> None:
        """Add several values at the end, validated together."""
        self._owner._put(self._keys, [*self.plain(), *plain(list(values))])

    def __len__(self) -> int:
        return len(self._owner._value_at(self._keys))

    def __eq__(self, other: object) -> bool:
        return bool(self.plain() == plain(other))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self.plain())

    def plain(self) -> list[Any]:
        """Return the values as a list of their own."""
        value: list[Any] = plain(self._owner._value_at(self._keys))
        return value

    def _place(self, index: int) -> int:
        count = len(self)
        if not -count <= index < count:
            raise IndexError(f"{path_text(self._keys)} has {count} entries, no [{index}]")
        return index % count
