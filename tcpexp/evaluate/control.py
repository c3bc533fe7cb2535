"""What stands for a congestion control on the command line: a name of the kernel's, or a file."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tcpexp.errors import SpecError
from tcpexp.spec.congestion import CONGESTION_CONTROLS, check_congestion_control
from tcpexp.spec.source import read_text
from tcpexp.spec.yaml12 import parse_yaml
from tcpexp.units import QuantityError

#: A header beside the source.
_INCLUDE = re.compile(rb'^\s*#\s*include\s+"([A-Za-z0-9_.-]+)"', re.MULTILINE)


@dataclass(frozen=True)
class Control:
    """A congestion control: a short name for tables, what a spec says for it, what it was given as,
    and the files that it is built from, by name.
    """

    name: str
    value: Any
    given: str
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def needs_ecn(self) -> bool:
        """Whether it is itself only where packets are marked."""
        known = CONGESTION_CONTROLS.get(self.name) if isinstance(self.value, str) else None
        return known is not None and known.needs_ecn

    @property
    def about(self) -> str:
        """What it is, in a line."""
        known = CONGESTION_CONTROLS.get(self.name) if isinstance(self.value, str) else None
        return f"{known.summary} ({known.source})" if known else f"built from {self.given}"


def parse_control(text: str, where: str) -> Control:
    """Return the control that ``text`` means.

    ``cubic`` is the kernel's; ``my_cc.c`` is a source that is compiled as a module; ``my_cc.yaml``
    holds what a spec says under ``congestion_control:``, such as a source with parameters. Raises
    ``SpecError``, at ``where``.
    """
    path = Path(text)
    if path.suffix == ".c":
        source = _existing(path, where)
        return Control(_name_of(path, where), {"source": source.name}, text, read_source(source))
    if path.suffix in (".yaml", ".yml"):
        raw = parse_yaml(read_text(_existing(path, where)), text).raw
        value = raw.get("congestion_control", raw) if isinstance(raw, dict) else raw
        if not isinstance(value, dict) or not isinstance(value.get("source"), str):
            raise SpecError(
                "it names no source of a congestion control",
                where=text,
                hint="write for example: congestion_control: {source: my_cc.c, parameters: {a: 1}}",
            )
        source = _existing(path.parent / value["source"], text)
        own = {**value, "source": source.name}
        return Control(_name_of(path, where), own, text, read_source(source))
    try:
        return Control(text, check_congestion_control(text), text)
    except QuantityError as error:
        raise SpecError(error.message, where=where, hint=error.hint) from None


def read_source(source: Path) -> dict[str, bytes]:
    """Return a C file and the headers beside it that it includes, by name.

    Raises ``SpecError``.
    """
    found: dict[str, bytes] = {}
    wanted = [source.name]
    while wanted:
        name = wanted.pop()
        path = source.parent / name
        if name in found or not path.is_file():
            continue
        try:
            found[name] = path.read_bytes()
        except OSError as error:
            raise SpecError(f"it cannot be read: {error.strerror}", where=str(path)) from None
        wanted += [match.decode() for match in _INCLUDE.findall(found[name])]
    return found


def _existing(path: Path, where: str) -> Path:
    if not path.is_file():
        raise SpecError(f"there is no file {path}", where=where, hint="name a source, my_cc.c")
    return path.resolve()


def _name_of(path: Path, where: str) -> str:
    name = path.stem.lower()
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", name):
        raise SpecError(
            f"'{path.name}' does not name a control",
            where=where,
            hint="a letter first, then letters, digits and _",
        )
    return name


def parse_controls(names: tuple[str, ...], where: str) -> list[Control]:
    """Return controls whose names all differ; raises ``SpecError``."""
    controls = [parse_control(name, where) for name in names]
    seen: dict[str, Control] = {}
    for control in controls:
        if seen.setdefault(control.name, control).value != control.value:
            raise SpecError(
                f"two controls are called {control.name}", where=where, hint="rename one file"
            )
    return list(seen.values())
