"""The kinds of place that there are, and which one a run is made in."""

from __future__ import annotations

import importlib

from tcpexp.errors import HostError, Missing, SpecError
from tcpexp.machine.hints import with_sudo
from tcpexp.places.base import PlaceKind, Wanted

#: Name to ``module:object``, in the order in which they are preferred. Loaded when it is asked for.
KINDS = {
    "uml": "tcpexp.places.uml.kind:UML",
    "qemu": "tcpexp.places.qemu.kind:QEMU",
    "host": "tcpexp.places.hostkind:HOST",
}
#: The best place there is; the best one with a virtual clock, which needs no root.
AUTO, GUEST = "auto", "guest"
#: What manifests of earlier versions call a place that has another name now.
FORMER_NAMES = {"guest": "qemu"}


def place_names() -> tuple[str, ...]:
    """Return the names of all kinds, the preferred one first."""
    return tuple(KINDS)


def virtual_names() -> tuple[str, ...]:
    """Return the names of the kinds that have a virtual clock, the preferred one first."""
    return tuple(kind.name for kind in all_kinds() if "virtual" in kind.clocks)


def on_choices() -> tuple[str, ...]:
    """Return what ``--on`` takes."""
    return (AUTO, GUEST, *KINDS)


def place_kind(name: str) -> PlaceKind:
    """Return a kind of place by its name, also by one of an earlier version.

    Raises:
        SpecError: there is none of that name.
    """
    entry = KINDS.get(FORMER_NAMES.get(name, name))
    if entry is None:
        raise SpecError(f"there is no place '{name}'", hint=f"choose from {', '.join(KINDS)}")
    module, _, attribute = entry.partition(":")
    kind: PlaceKind = getattr(importlib.import_module(module), attribute)
    return kind


def place_words(name: str) -> str:
    """Return how to say where a run was made; the name itself where it is not known."""
    return place_kind(name).words if FORMER_NAMES.get(name, name) in KINDS else name


def all_kinds() -> list[PlaceKind]:
    """Return all kinds, the preferred one first."""
    return [place_kind(name) for name in KINDS]


def choose_kind(on: str, wanted: Wanted, command: str) -> PlaceKind:
    """Return the kind of place that ``--on`` means on this machine.

    ``command`` is the command line, for hints.

    Raises:
        SpecError: the place has not the clock that is wanted.
        HostError: no place is possible here; says what each of them lacks.
    """
    if on not in (AUTO, GUEST):
        kind = place_kind(on)
        _require_clock(kind, wanted)
        return kind
    candidates = [kind for kind in all_kinds() if _fits(kind, on, wanted)]
    lacks: list[Missing] = []
    for kind in candidates:
        found = kind.missing()
        if not found:
            return kind
        lacks += [_for_kind(kind, lack, command) for lack in found]
    raise HostError("there is no place to run: one of these is needed", missing=tuple(lacks))


def _fits(kind: PlaceKind, on: str, wanted: Wanted) -> bool:
    if on == GUEST and kind.needs_root:
        return False
    return wanted.clock is None or wanted.clock in kind.clocks


def _for_kind(kind: PlaceKind, lack: Missing, command: str) -> Missing:
    remedy = lack.remedy
    if lack.what == "root":
        remedy = with_sudo(f"{command} --on {kind.name}")
    return Missing(lack.what, f"--on {kind.name}: {lack.needed_for}", remedy)


def _require_clock(kind: PlaceKind, wanted: Wanted) -> None:
    if wanted.clock is not None and wanted.clock not in kind.clocks:
        able = [each.name for each in all_kinds() if wanted.clock in each.clocks]
        raise SpecError(
            f"{kind.name} has the {kind.clocks[0]} clock only",
            hint=f"leave --clock out, or choose --on {' or '.join(able)}",
        )
