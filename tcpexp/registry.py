"""One generic registry for actions, checks, recorders, plots and topologies."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

from tcpexp.errors import SpecError

Item = TypeVar("Item")


def suggest(word: str, known: list[str]) -> str | None:
    """Return a hint that names the nearest known word, or all of them when few, else None."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"known: {', '.join(sorted(known))}" if known else None


class Classes(Mapping[str, type[Item]]):
    """Classes by name, each imported when it is first asked for.

    Made from name to ``module:class``.
    """

    def __init__(self, references: Mapping[str, str]) -> None:
        self._references = dict(references)

    def __getitem__(self, name: str) -> type[Item]:
        module, _, attribute = self._references[name].partition(":")
        item: type[Item] = getattr(importlib.import_module(module), attribute)
        return item

    def __iter__(self) -> Iterator[str]:
        return iter(self._references)

    def __len__(self) -> int:
        return len(self._references)


class Registry(Generic[Item]):
    """Names to items of one kind.

    A duplicate name raises; an unknown one raises with a suggestion.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._items: dict[str, Item] = {}
        #: Items that are not loaded yet, by name.
        self._later: dict[str, Callable[[], Item]] = {}
        #: The names in the order in which they were registered.
        self._order: dict[str, None] = {}

    def add(self, name: str, item: Item) -> None:
        """Register ``item``; raises ``SpecError`` when the name is taken by another item."""
        if name in self and self.get(name) is not item:
            raise SpecError(
                f"{self.kind} '{name}' is defined twice", hint="give one of them another name"
            )
        self._items[name] = item
        self._order.setdefault(name)

    def add_later(self, name: str, load: Callable[[], Item]) -> None:
        """Register the item that ``load`` returns, which is called when the item is first asked
        for; raises as :meth:`add`.
        """
        if name in self:
            self.add(name, load())
        else:
            self._later[name] = load
            self._order.setdefault(name)

    def get(self, name: str) -> Item:
        """Return the item; raises ``SpecError`` with a suggestion when there is none."""
        if name in self._later:
            self._items[name] = self._later[name]()
            del self._later[name]
        if name not in self._items:
            raise SpecError(f"unknown {self.kind} '{name}'", hint=suggest(name, self.names()))
        return self._items[name]

    def names(self) -> list[str]:
        """Return all names, sorted."""
        return sorted({*self._items, *self._later})

    def in_order(self) -> list[str]:
        """Return all names in the order in which they were registered: ours first, as listed."""
        return list(self._order)

    def __contains__(self, name: object) -> bool:
        return name in self._items or name in self._later

    def __iter__(self) -> Iterator[tuple[str, Item]]:
        return iter([(name, self.get(name)) for name in self.names()])

    def __len__(self) -> int:
        return len(self._items) + len(self._later)
