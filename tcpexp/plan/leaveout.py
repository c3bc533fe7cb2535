"""What remains of a spec without its mistakes, so that the mistakes behind them are seen."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from typing import Any

from tcpexp.errors import Position, SpecError, SpecErrors
from tcpexp.spec.overrides import keys_at
from tcpexp.spec.source import Source, holds

Path = tuple[str | int, ...]
#: What stands for a value that cannot be read: for times, one behind which nothing else lies.
STAND_INS: dict[Path, Any] = {("name",): "unnamed", ("duration",): "86400s"}
LINK_STAND_INS = {"rate": "10mbit", "delay": "10ms"}
#: What stands for an action that cannot be made, so that the others keep their numbers.
MARK = {"do": "mark", "text": "left out"}
_QUOTED = re.compile(r"'([^']+)'")
_MISSING = re.compile(r"'(\w+)' is missing$")
_UNKNOWN = re.compile(
    r"there is no (flow|action) '|no action above this one|unknown"
    r" (action|check|recorder|plot|topology) '"
)

_DIFFER = re.compile(r"the ends of link \S+ differ in MTU")
_NOWHERE = re.compile(r" has (no|\d+ entries, no) '")


class Remainder:
    """A spec of which mistakes are left out, one after the other.

    ``source`` is what remains, with the places that the values have in the file.
    """

    def __init__(self, source: Source) -> None:
        self.source = self._whole = source
        #: Names that actions which were left out may have brought.
        self.lost: set[str] = set()
        self.lost_all = False
        #: Whether an MTU was left out: the ends of its links then differ from what stays.
        self.lost_mtu = False
        #: Keys that were left out because of their values, by the mapping that held them.
        self.without: dict[Path, set[str]] = {}
        #: What this look's mistakes have touched already.
        self._touched: set[Path] = set()

    def is_news(self, error: SpecError) -> bool:
        """Return whether an error is more than what follows from something that was left out."""
        if _UNKNOWN.search(error.message):
            named = _QUOTED.findall(error.message)
            if self.lost_all or any(self._is_lost(name) for name in named):
                return False
        if self.lost_mtu and _DIFFER.search(error.message):
            return False
        path = self._path(error)
        if path is None:
            return True
        if path[0:1] == ("knobs",) and _NOWHERE.search(error.message) and self._led(path[:2]):
            return False
        holder = path[:2]
        without = self.without.get(holder)
        if not without:
            return True
        words = set(re.findall(r"\w+", f"{error.message} {error.hint or ''}"))
        return len(path) > 2 and not without & words

    def leave_out(self, errors: Iterable[SpecError]) -> bool:
        """Leave out what ``errors`` are about; return whether there was anything that could be."""
        places, key_places = dict(self.source.places), dict(self.source.key_places)
        self.source = dataclasses.replace(
            self.source, errors=[], places=places, key_places=key_places
        )
        self._touched = set()
        placed = sorted(
            ((self._path(error), error) for error in errors),
            key=lambda placed: _backwards(placed[0]),
            reverse=True,
        )
        return any([self._leave_out(path, error) for path, error in placed])

    def _leave_out(self, path: Path | None, error: SpecError) -> bool:
        if error.message.endswith("appears twice"):
            return True  # the first one counts
        if path is None:
            # an option that cannot be: it is not done
            return isinstance(error.where, str) and error.where.startswith("--set")
        if not path:
            return self._stand_in(error)
        if error.message.startswith("unknown key") and not (path[0] == "expect" and len(path) < 4):
            self._drop_key(path, error.instead)
            return True
        return self._drop(path)

    def _stand_in(self, error: SpecError) -> bool:
        """Add a key of the whole spec that is missing."""
        missing = _MISSING.search(error.message)
        value = STAND_INS.get((missing[1],)) if missing else None
        if value is None or not isinstance(self.source.raw, dict):
            return False
        self._put((missing[1],), value)  # type: ignore[index]
        return True

    def _drop(self, path: Path) -> bool:
        """Leave out the value at ``path``, or what cannot be without it."""
        match path[0]:
            case "name" | "duration":
                self._put(path[:1], STAND_INS[path[:1]])
            case "topology":
                if len(path) < 3 and path[1:] != ("ip",):
                    return False
                self._remove(path[:3])
            case "links" if len(path) > 2:
                self.without.setdefault(path[:2], set()).add(str(path[2]))
                stand_in = LINK_STAND_INS.get(str(path[2]))
                if stand_in is not None and self.source.raw_at(*path[:3]) != stand_in:
                    self._put(path[:3], stand_in)
                else:
                    self._remove(path[:3])
            case "hosts" if len(path) > 2:
                self.lost_mtu = self.lost_mtu or path[2] == "mtu"
                self._remove(path[:4] if path[2] == "sysctls" else path[:3])
            case "actions" if len(path) > 1:
                self._drop_from_action(path)
            case "actions" | "plugins":
                self.lost_all = True
                self._remove(
                    path[:2]
                    if path[0] == "plugins" and isinstance(self.source.raw_at("plugins"), list)
                    else path[:1]
                )
            case "expect" if (
                len(path) > 3
                and isinstance(self.source.raw_at(*path[:3]), list)
                and len(self.source.raw_at(*path[:3])) > 1
            ):
                self._remove(path[:4])
            case "links" | "hosts" | "record" | "plots" | "expect" | "references":
                self._remove(path[:2])
            case _:
                self._remove(path[:1])
        return True

    def _drop_from_action(self, path: Path) -> None:
        """Leave out one parameter of an action.

        The whole of it where it cannot be without, and with it the names that it may bring.
        """
        action = path[:2]
        raw = self.source.raw_at(*action)
        if raw == MARK:
            return
        first = action not in self.without or action in self._touched
        if (
            len(path) > 2
            and path[2] not in ("do", "id", "flow")
            and first
            and isinstance(raw, dict)
        ):
            self._touched.add(action)
            self.without.setdefault(action, set()).add(str(path[2]))
            self._remove(path[:3])
            return
        self.lost |= _texts(raw)
        if isinstance(raw, dict) and "flow" not in raw and raw.get("do") == "iperf3_pairs":
            self.lost.add("f")
        self._put(action, MARK)

    def _is_lost(self, name: str) -> bool:
        """Whether a name is one that a lost action may have brought: its own, ``<flow>-reverse``,
        or ``<flow>`` and a number.
        """
        stem = name.removesuffix("-reverse")
        return bool({name, stem, stem.rstrip("0123456789")} & self.lost)

    def _led(self, path: Path) -> bool:
        """Whether the knob at ``path`` led somewhere before anything was left out."""
        knob = self._whole.raw_at(*path)
        try:
            keys_at(self._whole, str(knob.get("path") if isinstance(knob, dict) else knob))
        except SpecErrors:
            return False
        return True

    def _drop_key(self, path: Path, instead: str | None) -> None:
        """Leave out a key that means nothing here, or write it as it seems to be meant."""
        holder = self.source.raw_at(*path[:-1])
        if instead is None or not isinstance(holder, dict) or instead in holder:
            self._remove(path)
            return
        self._put(
            path[:-1], {instead if key == path[-1] else key: value for key, value in holder.items()}
        )
        for places in (self.source.places, self.source.key_places):
            for known in [place for place in places if place[: len(path)] == path]:
                places[(*path[:-1], instead, *known[len(path) :])] = places[known]

    def _path(self, error: SpecError) -> Path | None:
        """Return where in the spec an error is, None when that is nowhere."""
        where = error.where
        if isinstance(where, Position):
            return where.path
        return min(
            (path for path, place in self.source.places.items() if place == where),
            key=len,
            default=None,
        )

    def _put(self, path: Path, value: Any) -> None:
        self.source.raw = _changed(self.source.raw, path, value)

    def _remove(self, path: Path) -> None:
        """Remove the value at ``path``; in a list the places of those behind it move up."""
        holder = self.source.raw_at(*path[:-1])
        if not holds(holder, path[-1]):
            return
        if isinstance(holder, dict):
            self._put(path[:-1], {key: value for key, value in holder.items() if key != path[-1]})
            return
        if path in self._touched:
            return  # removed by another mistake of this look: what stands there now was behind it
        self._touched.add(path)
        at = path[-1]
        assert isinstance(holder, list) and isinstance(at, int)
        self._put(path[:-1], [value for index, value in enumerate(holder) if index != at])
        depth = len(path) - 1
        for places in (self.source.places, self.source.key_places):
            moved = {}
            for known, place in places.items():
                if (
                    len(known) > depth
                    and known[:depth] == path[:-1]
                    and isinstance(known[depth], int)
                    and known[depth] >= at  # type: ignore[operator]
                ):
                    if known[depth] > at:  # type: ignore[operator]
                        moved[(*known[:depth], known[depth] - 1, *known[depth + 1 :])] = place  # type: ignore[operator]
                else:
                    moved[known] = place
            places.clear()
            places.update(moved)


def _backwards(path: Path | None) -> list[tuple[int, int, str]]:
    """Return what sorts paths so that of a list's entries the last comes last: taken from the end,
    none moves another that is still to come.
    """
    return [(0, step, "") if isinstance(step, int) else (1, 0, step) for step in path or ()]


def _changed(raw: Any, path: Path, value: Any) -> Any:
    """Return a copy of ``raw`` with ``value`` at ``path``."""
    if not path:
        return value
    if isinstance(raw, list):
        index = path[0]
        assert isinstance(index, int)
        return [*raw[:index], _changed(raw[index], path[1:], value), *raw[index + 1 :]]
    holder = raw if isinstance(raw, dict) else {}
    return {**holder, path[0]: _changed(holder.get(path[0]), path[1:], value)}


def _texts(raw: Any) -> set[str]:
    """Return all texts in a value."""
    if isinstance(raw, dict):
        return set().union(*(_texts(value) for value in raw.values())) if raw else set()
    if isinstance(raw, list):
        return set().union(*(_texts(value) for value in raw)) if raw else set()
    return {raw} if isinstance(raw, str) else set()
