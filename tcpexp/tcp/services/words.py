"""What options say in words: settings of a connection, impairments, durations, ranges of ports.

A ValueError says what would be right.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Iterable
from typing import Any

from tcpexp.tcp.core.config import Config
from tcpexp.tcp.core.congestion.builtin import CONTROLS
from tcpexp.tcp.simulator.link import LinkConfig

UNITS_NS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
INDEXES = ("drop", "drop_data", "reorder_at", "duplicate_at", "mark_at", "mark_data")
SIZES = {"": 1, "B": 1, "kB": 1_000, "MB": 1_000_000}


def duration_ns(text: str) -> int:
    """Return the nanoseconds in ``200ms`` or ``1.5s``."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ns|us|ms|s)", text)
    if match is None:
        raise ValueError(f"'{text}' is not a duration such as 200ms or 1.5s")
    return round(float(match[1]) * UNITS_NS[match[2]])


def size_bytes(text: str) -> int:
    """Return the bytes in ``2kB``, ``1MB`` or ``4000``."""
    match = re.fullmatch(r"(\d+)(B|kB|MB|)", text)
    if match is None:
        raise ValueError(f"'{text}' is not a size such as 4000, 2kB or 1MB")
    return int(match[1]) * SIZES[match[2]]


def fraction(text: str) -> float:
    """Return 0.05 for ``5%`` or ``0.05``."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(%?)", text)
    value = float(match[1]) / (100 if match[2] else 1) if match else 2.0
    if value > 1:
        raise ValueError(f"'{text}' is not a probability such as 5% or 0.05")
    return value


def port_number(text: str) -> int:
    """Return a port, 1 to 65535."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise ValueError(f"'{text}' is not a port, 1 to 65535")
    return int(text)


def port_range(text: str) -> tuple[int, int]:
    """Return the first and the last port of ``7000`` or ``40000-40999``."""
    match = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", text)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if not 1 <= first <= last <= 65535:
        raise ValueError(f"'{text}' is not a port such as 7000 or a range such as 40000-40999")
    return first, last


def make_config(settings: Iterable[str], **fixed: Any) -> Config:
    """Return the Config that ``name=value`` words describe.

    Fields in nanoseconds take durations, or leave ``_ns`` away: ``msl=500ms``.

    Raises: ValueError for an unknown name, with the nearest one, or a value that it cannot have.
    """
    values = dict(fixed)
    kinds = {setting.name: str(setting.type) for setting in dataclasses.fields(Config)}
    for word in settings:
        name, sign, text = word.partition("=")
        name = name.replace("-", "_")
        name = name if name in kinds else f"{name}_ns"
        if not sign or name not in kinds:
            asked = name.removesuffix("_ns")
            if not sign and (asked in kinds or name in kinds):
                raise ValueError(f"'{word}' has no value; write {asked}=value")
            near = difflib.get_close_matches(asked, kinds, n=1, cutoff=0.5)
            known = (
                f"did you mean {near[0]}=...?" if near else "there are " + ", ".join(_spoken(kinds))
            )
            raise ValueError(f"no setting '{asked}'; {known}")
        values[name] = _setting(name, kinds[name], text)
    return Config(**values)


def _spoken(kinds: Iterable[str]) -> list[str]:
    """Return the names of settings as one writes them: without ``_ns``, unless that is another
    setting.
    """
    names = set(kinds)
    return sorted(
        name if name.removesuffix("_ns") in names else name.removesuffix("_ns") for name in names
    )


def _setting(name: str, kind: str, text: str) -> Any:
    if name == "congestion_control" and text not in CONTROLS:
        raise ValueError(f"no congestion control '{text}'; there are {', '.join(CONTROLS)}")
    if kind == "bool":
        if text not in ("true", "false", "on", "off"):
            raise ValueError(f"{name} is on or off, not '{text}'")
        return text in ("true", "on")
    if kind.startswith("tuple"):
        return tuple(word.strip() for word in text.split(",") if word.strip())
    if kind.startswith("str"):
        return text
    if name.endswith("_ns"):
        return duration_ns(text)
    return size_bytes(text)


def make_link(text: str) -> LinkConfig:
    """Return the link that ``loss=5%,delay=10ms,drop=3+7,seed=1`` describes.

    No delay when none is named.

    Names: loss, reorder, duplicate (probabilities); drop, drop_data, reorder_at, duplicate_at,
    mark_at, mark_data (indexes from 1, joined by +); delay, reorder_delay (durations); rate_bps,
    queue_segments, mark_queue, seed (numbers). Raises: ValueError.
    """
    values: dict[str, Any] = {"delay_ns": 0}
    for word in text.split(","):
        name, _, value = word.strip().partition("=")
        if name in ("loss", "reorder", "duplicate"):
            values[name] = fraction(value)
        elif name in ("delay", "reorder_delay"):
            values[f"{name}_ns"] = duration_ns(value)
        elif name in INDEXES and re.fullmatch(r"\d+(\+\d+)*", value):
            values[name] = frozenset(map(int, value.split("+")))
        elif name in ("rate_bps", "queue_segments", "mark_queue", "seed") and value.isdigit():
            values[name] = int(value)
        else:
            raise ValueError(
                f"'{word}' is no impairment; write such as"
                " loss=5%,delay=10ms,reorder=1%,duplicate=1%,drop=3+7,seed=1"
            )
    return LinkConfig(**values)
