"""One generic registry for actions, checks, recorders, plots and topologies."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Generic, TypeVar

from tcpexp.errors import SpecError

Item = TypeVar("Item")


def suggest(word: str, known: list[str]) -> str | None:
    """Return a hint that names the nearest known word, or all of them when few, else None."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"known: {', '.join(sorted(known))}" if known else None


class Registry(Generic[Item]):
    """Names to items of one kind. A duplicate name raises; an unknown one raises with a suggestion."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._items: dict[str, Item] = {}

    def add(self, name: str, item: Item) -> None:
        """Register ``item``; raises ``SpecError`` when the name is taken by another item."""
        if name in self._items and self._items[name] is not item:
            raise SpecError(f"{self.kind} '{name}' is defined twice", hint="give one of them another name")
        self._items[name] = item

    def get(self, name: str) -> Item:
        """Return the item; raises ``SpecError`` with a suggestion when there is none."""
        if name not in self._items:
            raise SpecError(f"unknown {self.kind} '{name}'", hint=suggest(name, list(self._items)))
        return self._items[name]

    def names(self) -> list[str]:
        """Return all names, sorted."""
        return sorted(self._items)

    def __contains__(self, name: object) -> bool:
        return name in self._items

    def __iter__(self) -> Iterator[tuple[str, Item]]:
        return iter(sorted(self._items.items()))

    def __len__(self) -> int:
        return len(self._items)
