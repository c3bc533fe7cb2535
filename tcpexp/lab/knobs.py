"""The knobs of a spec: what a reader may turn, with the value that it has and those it could have.

First what the author lists under ``knobs:``, then what every spec of the kind has: rate, delay,
queue and loss of its links, the congestion control of its flows, the kernel and the seed. A knob is
a path as ``--set`` takes it, and turning it is that option. (The duration is none by itself:
actions and checks name times in it.)
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from tcpexp.errors import SpecErrors
from tcpexp.spec.dump import flow_text
from tcpexp.spec.expressions import number_of
from tcpexp.spec.knobs import Knob
from tcpexp.spec.overrides import keys_at
from tcpexp.spec.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Kind = Literal["rate", "delay", "queue", "loss", "duration", "number", "choice", "text"]
#: The knob that is no value of the spec: which kernel runs it.
KERNEL = "kernel"
#: Steps of the series 1, 2, 5 on each side of a value.
STEPS_AROUND = 6
LINK_KNOBS: dict[str, Kind] = {"rate": "rate", "delay": "delay", "queue": "queue", "loss": "loss"}
LOSSES = ("0%", "0.1%", "0.5%", "1%", "2%", "5%", "10%")
DEPTHS = ("0.25bdp", "0.5bdp", "1bdp", "2bdp", "4bdp", "8bdp")
_UNITS: dict[Kind, tuple[tuple[float, str], ...]] = {
    "rate": ((1e9, "gbit"), (1e6, "mbit"), (1e3, "kbit"), (1, "bit")),
    "delay": ((1, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns")),
    "duration": ((1, "s"), (1e-3, "ms")),
}
_QUANTITY = re.compile(r"^(-?\d+(?:\.\d+)?)\s*([A-Za-z%]*)$")


@dataclass(frozen=True)
class KnobRow:
    """One knob as the page shows it.

    ``value`` is what the spec says now, as it would be written, empty where it says nothing;
    ``given`` what it said before a knob was turned. ``values`` are those that a turn leads
    through; with ``free`` any other may be typed. ``first`` marks the author's.
    """

    path: str
    label: str
    group: str
    kind: Kind
    value: str
    given: str
    values: tuple[str, ...] = ()
    free: bool = True
    first: bool = False
    about: str = ""
    #: Bounds that the author has set, as written.
    low: str = ""
    high: str = ""


@dataclass(frozen=True)
class Choices:
    """What this machine offers: kernels by name, and the congestion controls of the chosen one."""

    kernels: tuple[str, ...] = ()
    kernel: str = ""
    congestion: tuple[str, ...] = ()


@dataclass
class _Maker:
    """Makes the knobs of one spec, ``raw``; ``before`` is the spec as it was given."""

    raw: Mapping[str, Any]
    before: Mapping[str, Any]
    choices: Choices
    made: dict[tuple[str | int, ...], KnobRow] = field(default_factory=dict)

    def add(self, path: str, label: str, group: str, kind: Kind, **more: Any) -> None:
        """Add a knob unless there is one for the same value."""
        keys = self._keys(path)
        if keys is None or keys in self.made:
            return
        offered = bool(more.get("first") and more.get("values"))
        value, given = (_written(_at(raw, keys), offered) for raw in (self.raw, self.before))
        if value is None or given is None:  # a mapping or a list is a knob of its author's only
            return
        values = more.pop("values", None)
        steps = tuple(values) if values is not None else steps_of(kind, given or value)
        if value and steps and value not in steps:
            steps = _sorted((*steps, value))
        self.made[keys] = KnobRow(path, label, group, kind, value, given, steps, **more)

    def _keys(self, path: str) -> tuple[str | int, ...] | None:
        try:
            return keys_at(Source(raw=self.raw), path)
        except SpecErrors:
            return None


def make_knobs(raw: Any, before: Any, choices: Choices, links: Iterable[str] = ()) -> list[KnobRow]:
    """Return the knobs of a spec's plain values, the author's first.

    ``before`` are its values as they were before knobs were turned; ``links`` are the links of its
    network, for specs that name none.
    """
    if not isinstance(raw, dict):
        return []
    maker = _Maker(raw, before if isinstance(before, dict) else raw, choices)
    _add_authors(maker)
    _add_links(maker, tuple(links))
    _add_flows(maker)
    if len(choices.kernels) > 1:
        maker.made[(KERNEL,)] = KnobRow(
            KERNEL, "kernel", "run", "choice", choices.kernel, choices.kernels[0],
            choices.kernels, free=False, about="the Linux kernel that the hosts run",
        )  # fmt: skip
    maker.add("seed", "seed", "run", "number", values=(), about="of what is drawn at random")
    return list(maker.made.values())


def _add_authors(maker: _Maker) -> None:
    for entry in maker.raw.get("knobs") or ():
        try:
            knob = Knob.model_validate(entry)
        except ValidationError:
            continue  # what is wrong with it is said where the spec is examined
        kind = kind_of(knob.path)
        values = tuple(str(_written(value)) for value in knob.choices())
        more: dict[str, Any] = {"first": True}
        if knob.values is not None:
            more |= {"values": values, "free": False}
            kind = "choice"
        elif values:
            more |= {"values": values, "low": values[0], "high": values[-1]}
        elif kind == "choice":
            more |= {"values": maker.choices.congestion, "free": False}
        label = knob.label or words_of(knob.path)
        maker.add(knob.path, label, "question", kind, **more)


def _add_links(maker: _Maker, links: tuple[str, ...]) -> None:
    named = maker.raw.get("links")
    names = list(named) if isinstance(named, dict) and named else list(links[:2])
    for name in names:
        for key, kind in LINK_KNOBS.items():
            label = f"{key} of {name}" if len(names) > 1 else key
            maker.add(
                f"links.{name}.{key}", label, "links", kind, about=f"{ABOUT[key]} of link {name}"
            )


ABOUT = {
    "rate": "the bottleneck's rate, each way,",
    "delay": "the one-way delay",
    "queue": "how much waits for the bottleneck",
    "loss": "packets lost at random",
}


def _add_flows(maker: _Maker) -> None:
    actions = maker.raw.get("actions")
    for number, action in enumerate(actions if isinstance(actions, list) else ()):
        if not isinstance(action, dict):
            continue
        if "congestion_control" in action or action.get("do") == "iperf3":
            name = str(action.get("flow") or action.get("id") or action.get("do"))
            maker.add(
                f"actions[{number}].congestion_control",
                f"congestion control of {name}",
                "flows",
                "choice",
                values=maker.choices.congestion,
                free=False,
                about=f"how the sender of flow {name} finds its window",
            )


def kind_of(path: str) -> Kind:
    """Return what a path's last word says of its value."""
    last = path.rpartition(".")[2]
    if last in LINK_KNOBS:
        return LINK_KNOBS[last]
    if last == "congestion_control":
        return "choice"
    if last in ("duration", "at", "until", "every", "lasts", "jitter"):
        return "duration"
    return "text"


def words_of(path: str) -> str:
    """Return a label for a path: its last two words, ``net.ipv4.`` left out."""
    plain = path.replace("net.ipv4.", "").replace("_", " ")
    parts = [part for part in re.split(r"[.\[\]]+", plain) if part and not part.isdigit()]
    if len(parts) > 2 and parts[-2] == "sysctls":
        del parts[-2]
    return " of ".join(reversed(parts[-2:])) if parts[:1] == ["links"] else " ".join(parts[-2:])


def steps_of(kind: Kind, value: str) -> tuple[str, ...]:
    """Return the values that a turn of a knob leads through: 1, 2, 5 times a power of ten around
    ``value``, or a few that are usual.
    """
    if kind == "loss":
        return LOSSES if value in ("", "0") or value.endswith("%") else ()
    if kind == "queue":
        return DEPTHS if value == "" or value.endswith("bdp") else _around(value)
    if kind == "delay" and number_of(value or "x") in (None, 0.0):
        return ("0ms", "1ms", "2ms", "5ms", "10ms", "20ms", "50ms", "100ms", "200ms")
    if kind in _UNITS:
        number = number_of(value)
        if value == "" and kind == "rate":
            number = 1e7
        return _series(kind, number) if number else ()
    return ()


def _series(kind: Kind, number: float) -> tuple[str, ...]:
    middle = math.log10(number) * 3
    texts = []
    for step in range(round(middle) - STEPS_AROUND, round(middle) + STEPS_AROUND + 1):
        power, digit = divmod(step, 3)
        texts.append(quantity((1, 2, 5)[digit] * 10.0**power, kind))
    return tuple(text for text in texts if text)


def quantity(value: float, kind: Kind) -> str:
    """Return a number in base units as a spec writes it: ``20ms``, ``10mbit``; empty where it is
    too small for any unit.
    """
    for factor, unit in _UNITS[kind]:
        if value >= factor * 0.9999:
            return f"{float(f'{value / factor:.6g}'):g}{unit}"
    return ""


def _around(value: str) -> tuple[str, ...]:
    match = _QUANTITY.match(value)
    if match is None or float(match[1]) <= 0:
        return ()
    number, unit = float(match[1]), match[2]
    texts = [f"{number * factor:g}" for factor in (0.25, 0.5, 1, 2, 4, 8)]
    return tuple(f"{text}{unit}" for text in texts if unit != "p" or "." not in text)


def _sorted(values: tuple[str, ...]) -> tuple[str, ...]:
    """Return values by size; as they are where one is no number."""
    sizes = {value: number_of(value) for value in values}
    if any(size is None for size in sizes.values()):
        return values
    return tuple(sorted(dict.fromkeys(values), key=lambda value: sizes[value] or 0.0))


def _at(raw: Any, keys: tuple[str | int, ...]) -> Any:
    for key in keys:
        if isinstance(raw, dict):
            raw = raw.get(key)
        elif isinstance(raw, list) and isinstance(key, int) and key < len(raw):
            raw = raw[key]
        else:
            return None
    return raw


def _written(value: Any, nested: bool = False) -> str | None:
    """Return a plain value as a spec writes it, empty for none; for a mapping or a list None, or
    with ``nested`` the line.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return flow_text(value) if nested else None
    return str(value)


def is_allowed(knob: KnobRow, value: str) -> bool:
    """Return whether a value is one that a class may give to a knob: one of those it leads
    through, or a number between the author's bounds, or between the smallest and largest step.
    """
    if value in knob.values or value == knob.given:
        return True
    if knob.path == "seed":
        return value.isdecimal() and int(value) < 2**32
    if knob.kind in ("choice", "text") or not knob.values:
        return False
    ends = (knob.low, knob.high) if knob.low and knob.high else (knob.values[0], knob.values[-1])
    number, *bounds = (number_of(text) for text in (value, *ends))
    same_unit = _unit(value) == _unit(ends[0]) or knob.kind in ("rate", "delay", "duration")
    if number is None or not same_unit or None in bounds:
        return False
    low, high = sorted(bound for bound in bounds if bound is not None)
    return low <= number <= high


def _unit(text: str) -> str:
    match = _QUANTITY.match(text)
    return match[2] if match else text
