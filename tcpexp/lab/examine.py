"""A spec as the page asks for it: its text with the knobs' values in it, what is wrong with it and
where, and the knobs that it has.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tcpexp.catalogue import load_catalogue
from tcpexp.errors import Position, SpecError, SpecErrors
from tcpexp.lab.errors import Refused
from tcpexp.lab.knobs import KERNEL, KnobRow, is_allowed, make_knobs
from tcpexp.lab.machine import choices_of
from tcpexp.plan.examine import examine_spec
from tcpexp.spec.edit import set_in_text
from tcpexp.spec.source import MAX_FILE_BYTES, Source, read_text, source_of_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tcpexp.lab.config import Limits
    from tcpexp.lab.shelf import Entry
    from tcpexp.plan.types import RunPlan

#: What says which program an action runs.
PROGRAM_KEYS = ("script", "command", "argv", "run", "shell", "args", "files", "stdin")
#: Knobs that one request may turn.
MOST_KNOBS = 100
FILE = "spec"


@dataclass(frozen=True)
class Asked:
    """What a page asks to be examined or run.

    ``text`` is the spec as it was edited, None for the file as it is; ``knobs`` are values by path
    that go over it; ``kernel`` None for the usual one.
    """

    text: str | None = None
    knobs: dict[str, str] = field(default_factory=dict)
    kernel: str | None = None

    @classmethod
    def from_json(cls, raw: Any) -> Asked:
        """Return what a request's JSON asks; raises ``Refused``."""
        if not isinstance(raw, dict):
            raise Refused(400, "the request is no mapping")
        text, knobs = raw.get("text"), raw.get("knobs") or {}
        if text is not None and not isinstance(text, str):
            raise Refused(400, "the spec is no text")
        if text is not None and len(text.encode("utf-8", "replace")) > MAX_FILE_BYTES:
            raise Refused(413, "a spec has at most 1 MB")
        if not isinstance(knobs, dict) or len(knobs) > MOST_KNOBS:
            raise Refused(400, "the knobs are no mapping, or too many")
        values = {str(path): str(value) for path, value in knobs.items()}
        if any("\n" in path + value or len(path + value) > 2000 for path, value in values.items()):
            raise Refused(400, "a knob's value is one line")
        kernel = values.pop(KERNEL, None) or None
        return cls(text, values, kernel)

    @property
    def overrides(self) -> tuple[str, ...]:
        """The knobs as ``--set`` takes them."""
        return tuple(f"{path}={value}" for path, value in self.knobs.items())


@dataclass(frozen=True)
class Examined:
    """A spec, examined: ``text`` has the knobs' values in it; ``plan`` is None where ``errors``
    say why.

    ``programs`` are those of its author's that would run, each in words, beyond what came with
    tcpexp; ``digest`` stands for all of them.
    """

    text: str
    plan: RunPlan | None
    errors: list[dict[str, Any]]
    knobs: list[KnobRow]
    programs: list[str]
    raw: Any

    @property
    def digest(self) -> str:
        """What confirms the programs: another list has another digest."""
        return hashlib.sha256(json.dumps(self.programs).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Return what the page shows."""
        raw = self.raw if isinstance(self.raw, dict) else {}
        plan = self.plan
        return {
            "text": self.text,
            "errors": self.errors,
            "knobs": [dataclasses.asdict(knob) for knob in self.knobs],
            "programs": self.programs,
            "digest": self.digest,
            "title": str(raw.get("title") or raw.get("name") or ""),
            "question": " ".join(str(raw.get("description") or "").split()),
            "questions": [str(one) for one in _listed(raw.get("questions"))],
            "duration_s": None if plan is None else plan.duration_ns / 1e9,
            "notes": [] if plan is None else list(plan.notes),
        }


def examine(entry: Entry, asked: Asked, confirmed: frozenset[str] = frozenset()) -> Examined:
    """Return a spec with everything that is wrong with it.

    Programs that are not tcpexp's own run on this machine only where ``confirmed`` holds their
    digest.
    """
    shipped = read_text(entry.path)
    text = shipped if asked.text is None else asked.text
    before = _source(text, entry)
    errors: list[dict[str, Any]] = []
    if isinstance(before, Source):
        for override in asked.overrides:
            try:
                text = set_in_text(text, override)
            except SpecErrors as wrong:
                errors += [error_row(error) for error in wrong.errors]
    source = _source(text, entry)
    if not isinstance(source, Source):
        rows = [error_row(error) for error in source.errors]
        return Examined(text, None, errors + rows, [], [], None)
    programs = programs_of(source.raw)
    if entry.shipped:
        known = _source(shipped, entry)
        ours = programs_of(known.raw) if isinstance(known, Source) else []
        programs = [program for program in programs if program not in ours]
    trusted = not programs or Examined(text, None, [], [], programs, None).digest in confirmed
    found = examine_spec(source, load_catalogue(runs_code=trusted))
    rows = [error_row(error) for error in found.errors]
    before_raw = before.raw if isinstance(before, Source) else None
    links = [link.name for link in found.plan.network.links] if found.plan else []
    knobs = make_knobs(source.raw, before_raw, choices_of(asked.kernel), links)
    if errors or not trusted:
        rows = [row for row in rows if trusted or "of its own" not in row["message"]]
    plan = None if errors else found.plan
    return Examined(text, plan, errors + rows, knobs, programs, source.raw)


def _source(text: str, entry: Entry) -> Source | SpecErrors:
    try:
        return source_of_text(text, FILE, entry.path.resolve().parent)
    except SpecErrors as errors:
        return errors


def error_row(error: SpecError) -> dict[str, Any]:
    """Return an error with its place, as the editor marks it; a knob's has none."""
    where = error.where
    place = (where.line, where.column) if isinstance(where, Position) else (None, None)
    if isinstance(where, Position) and where.file != FILE:
        place = (None, None)
    return {"line": place[0], "column": place[1], "message": error.message, "hint": error.hint}


def programs_of(raw: Any) -> list[str]:
    """Return the programs that a spec brings, in words: plugins, what it compiles, commands."""
    if not isinstance(raw, dict):
        return []
    found = [f"the plugin {name}" for name in _listed(raw.get("plugins"))]
    for action in _listed(raw.get("actions")):
        if not isinstance(action, dict):
            continue
        if action.get("build"):
            found.append(f"to be compiled here: {_line(action['build'])}")
        if action.get("control"):
            found.append(f"on {action.get('host')}: {_line(action['control'])}")
        if action.get("do") in ("command", "python"):
            words = {key: action[key] for key in PROGRAM_KEYS if action.get(key)}
            found.append(f"on {action.get('host')}: {_line([*_words(words)])}")
    found += [f"to be compiled here, and to be the kernel: {name}" for name in _controls(raw)]
    topology = raw.get("topology")
    name = topology.get("name") if isinstance(topology, dict) else topology
    if isinstance(name, str) and name.endswith(".py"):
        found.append(f"the topology {name}")
    return list(dict.fromkeys(found))


def _controls(value: Any) -> Iterator[str]:
    """Yield the sources of the congestion controls of its own that a plain value names."""
    if isinstance(value, list):
        for one in value:
            yield from _controls(one)
    if isinstance(value, dict):
        source = value.get("source")
        if isinstance(source, str) and source.endswith(".c"):
            yield source[:100]
        for one in value.values():
            yield from _controls(one)
        declared = value.get("congestion_controls")
        if isinstance(declared, dict):
            yield from (str(one)[:100] for one in declared.values() if isinstance(one, str))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _words(value: Any) -> Iterator[str]:
    """Yield the words of a plain value, keys left out."""
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        yield str(value)
        return
    for one in value:
        yield from _words(one)


def _line(value: Any) -> str:
    words = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return " ".join(words.split())[:300]


def require_offered(entry: Entry, asked: Asked) -> None:
    """Refuse what a student of a class may not ask for, before anything is made of it.

    Of a spec only its knobs may be turned, to values that it offers: no text of their own, so no
    program, file or plugin of their own. Raises ``Refused``.
    """
    if asked.text is not None:
        raise Refused(403, "in a class a spec's text cannot be changed; turn its knobs")
    given = {**asked.knobs, **({KERNEL: asked.kernel} if asked.kernel else {})}
    knobs = offered_knobs(entry) if given else {}
    for path, value in given.items():
        knob = knobs.get(path)
        if knob is None:
            raise Refused(403, f"'{path[:60]}' is no knob of this experiment")
        if not is_allowed(knob, value):
            raise Refused(403, f"{knob.label} cannot be {value[:60]} in a class")


def offered_knobs(entry: Entry) -> dict[str, KnobRow]:
    """Return the knobs of a spec as it is, by path."""
    changed = entry.path.stat().st_mtime_ns
    known = _offered.get(entry.path)
    if known is None or known[0] != changed:
        knobs = {knob.path: knob for knob in examine(entry, Asked()).knobs}
        known = _offered[entry.path] = (changed, knobs)
    return known[1]


_offered: dict[Path, tuple[int, dict[str, KnobRow]]] = {}


def require_class_limits(asked: Asked, found: Examined, limits: Limits) -> None:
    """Refuse a run that could carry more than one of a class may, because of a knob.

    As it is, a spec is the teacher's choice. Raises ``Refused``.
    """
    if found.plan is None or not asked.knobs:
        return
    seconds = found.plan.duration_ns / 1e9
    if seconds > limits.duration_s and "duration" in asked.knobs:
        raise Refused(403, f"an experiment of a class lasts at most {limits.duration_s:g} s")
    most = carried_bytes(found.plan)
    if most > limits.bytes:
        raise Refused(
            403,
            f"its links could carry {most / 1e6:,.0f} MB in {seconds:g} s, and"
            f" {limits.bytes / 1e6:,.0f} MB are allowed: choose a lower rate",
        )


def carried_bytes(plan: RunPlan) -> float:
    """Return the most that the limited links of a plan's network could carry in its time, each in
    its faster direction.
    """
    rates = [
        max(link.forward.rate_bps or 0, link.backward.rate_bps or 0) for link in plan.network.links
    ]
    return sum(rates) * plan.duration_ns / 8e9
