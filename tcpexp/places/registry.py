"""The kinds of place that there are, and which one a run is made in."""

from __future__ import annotations

import importlib
import importlib.metadata
from functools import cache

from tcpexp.errors import HostError, Missing, SpecError
from tcpexp.machine.hints import with_sudo
from tcpexp.places.base import Clock, Part, PlaceKind, Wanted

#: Name to ``module:object``, in the order in which they are preferred. Loaded when it is asked for.
KINDS = {
    "uml": "tcpexp.places.uml.kind:UML",
    "qemu": "tcpexp.places.qemu.kind:QEMU",
    "host": "tcpexp.places.host.kind:HOST",
}
#: Installed packages bring kinds of their own as entry points of this group.
GROUP = "tcpexp.places"
#: The best place there is; the best one with a virtual clock, which needs no root.
AUTO, GUEST = "auto", "guest"
#: What manifests of earlier versions call a place that has another name now.
FORMER_NAMES = {"guest": "qemu"}


def place_names() -> tuple[str, ...]:
    """Return the names of all kinds, the preferred one first, those of other packages last."""
    return tuple(dict.fromkeys((*KINDS, *_installed())))


@cache
def _installed() -> dict[str, str]:
    """Return the kinds of installed packages: name to ``module:object``."""
    return {entry.name: entry.value for entry in importlib.metadata.entry_points(group=GROUP)}


def on_choices() -> tuple[str, ...]:
    """Return what ``--on`` takes."""
    return (AUTO, GUEST, *place_names())


def present_name(name: str) -> str:
    """Return what a place is called now that a manifest calls ``name``."""
    return FORMER_NAMES.get(name, name)


def place_kind(name: str) -> PlaceKind:
    """Return a kind of place by its name, also by one of an earlier version.

    Raises:
        SpecError: there is none of that name, or the package that brings it does not work.
    """
    now = present_name(name)
    reference = KINDS.get(now) or _installed().get(now)
    if reference is None:
        raise SpecError(
            f"there is no place '{name}'", hint=f"choose from {', '.join(place_names())}"
        )
    module, _, attribute = reference.partition(":")
    try:
        kind: PlaceKind = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise SpecError(
            f"the place '{name}' cannot be loaded from {reference}: {error}",
            hint="mend or remove the package that brings it",
        ) from None
    return kind


def find_kind(name: str) -> PlaceKind | None:
    """Return the kind of place that a manifest calls ``name``, None where it is not known."""
    return place_kind(name) if present_name(name) in place_names() else None


def place_words(name: str) -> str:
    """Return how to say where a run was made; the name itself where it is not known."""
    kind = find_kind(name)
    return name if kind is None else kind.words


def all_kinds() -> list[PlaceKind]:
    """Return all kinds, the preferred one first."""
    return [place_kind(name) for name in place_names()]


def kinds_with_clock(clock: Clock) -> list[PlaceKind]:
    """Return the kinds that offer a clock, the preferred one first."""
    return [kind for kind in all_kinds() if clock in kind.clocks]


def kinds_with_kernels() -> list[PlaceKind]:
    """Return the kinds in which one of several kernels can be chosen."""
    return [kind for kind in all_kinds() if kind.has_kernels]


def kinds_with_shell() -> list[PlaceKind]:
    """Return the kinds that have a prompt, the preferred one first."""
    return [kind for kind in all_kinds() if kind.has_shell]


def names_of(kinds: list[PlaceKind], word: str = "or") -> str:
    """Return the names of some kinds as one says them: ``uml or qemu``."""
    return f" {word} ".join(kind.name for kind in kinds)


def all_parts() -> dict[str, Part]:
    """Return what places are made of, by name, in the order in which workers ask for it."""
    return {part.name: part for kind in all_kinds() for part in kind.parts()}


def refuse_kernel(wanted: Wanted, words: str) -> None:
    """Raise ``SpecError`` when a kernel is wanted; ``words`` say why that cannot be."""
    if wanted.kernel is not None:
        able = names_of(kinds_with_kernels())
        raise SpecError(
            f"{words}, and {wanted.kernel} is asked for",
            hint=f"use --on {able}; or leave out --kernel, or kernel: of the spec",
        )


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
    if not candidates and wanted.kernel is not None:
        clock = "" if wanted.clock is None else f" on the {wanted.clock} clock"
        refuse_kernel(wanted, f"no place has kernels to choose from{clock}")
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
    if wanted.kernel is not None and not kind.has_kernels:
        return False
    return wanted.clock is None or wanted.clock in kind.clocks


def _for_kind(kind: PlaceKind, lack: Missing, command: str) -> Missing:
    remedy = lack.remedy
    if lack.what == "root":
        remedy = with_sudo(f"{command} --on {kind.name}")
    return Missing(lack.what, f"--on {kind.name}: {lack.needed_for}", remedy)


def _require_clock(kind: PlaceKind, wanted: Wanted) -> None:
    if wanted.clock is not None and wanted.clock not in kind.clocks:
        able = names_of(kinds_with_clock(wanted.clock))
        raise SpecError(
            f"{kind.name} has the {kind.clocks[0]} clock only",
            hint=f"leave --clock out, or choose --on {able}",
        )
