"""What the kernel said that links and interfaces do: ``raw/readback.jsonl`` and the settings in
``raw/qdisc.nl``, to the table ``settings``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

from tcpexp.ingest.jsonlines import parse_lines, table_of_rows
from tcpexp.record.files import READBACK
from tcpexp.record.qdiscoptions import decode_options

#: One qdisc: its link, the node at the end of its direction, and what it is there for.
Slot = tuple[str, str, str]


class SampledSettings:
    """Collects, out of a sampler's dumps in the order of their times, when a qdisc's settings were
    not those of the sample before.
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, object]] = []
        self._last: dict[Slot, tuple[str, bytes]] = {}
        self._seen: dict[str, tuple[int, set[Slot]]] = {}

    def note(
        self, t_ns: int, link: str, towards: str, qdisc: str, kind: str, options: bytes
    ) -> None:
        """Note a qdisc of a sample."""
        before_ns, seen = self._seen.get(link, (t_ns, set()))
        if t_ns != before_ns:
            self._close(link)
            seen = set()
        slot = (link, towards, qdisc)
        seen.add(slot)
        self._seen[link] = (t_ns, seen)
        if self._last.get(slot) != (kind, options):
            self._last[slot] = (kind, options)
            self._add(t_ns, slot, kind, decode_options(kind, options))

    def finish(self) -> list[dict[str, object]]:
        """Return the rows of the table, those that say that a qdisc is gone included."""
        for link in list(self._seen):
            self._close(link)
        return self.rows

    def _close(self, link: str) -> None:
        """Note which qdiscs of a link its latest sample no longer had."""
        t_ns, seen = self._seen.pop(link)
        for slot in [known for known in self._last if known[0] == link and known not in seen]:
            del self._last[slot]
            self._add(t_ns, slot, None, {})

    def _add(self, t_ns: int, slot: Slot, kind: str | None, options: dict[str, Any]) -> None:
        link, towards, qdisc = slot
        row = {
            "t_ns": t_ns,
            "source": "sample",
            "link": link,
            "towards": towards,
            "qdisc": qdisc,
            "kind": kind,
            "options": json.dumps(options),
        }
        self.rows.append(row)


def read_settings(raw: Path, sampled: Iterable[dict[str, object]] = ()) -> pl.DataFrame:
    """Return the table ``settings``: what was read back and what samples say.

    Raises ``DataError`` for a damaged file.
    """
    path = raw / READBACK
    lines = parse_lines(path.read_text(errors="replace"), str(path)) if path.is_file() else []
    rows = [row for line in lines for row in _rows(line)]
    return table_of_rows([*rows, *sampled], "settings").sort("t_ns", maintain_order=True)


def _rows(line: dict[str, Any]) -> Iterator[dict[str, object]]:
    base = {
        "t_ns": line.get("t_ns"),
        "source": line.get("when"),
        "link": line.get("link"),
        "node": line.get("node"),
    }
    for qdisc in line.get("qdiscs") or ():
        yield {
            **base,
            "towards": qdisc["towards"],
            "qdisc": qdisc["qdisc"],
            "kind": qdisc["kind"],
            "options": json.dumps(qdisc["options"]),
        }
    for interface in line.get("interfaces") or ():
        rest = {"mtu": interface["mtu"], "up": interface["up"]}
        if interface.get("options"):
            rest["settings"] = interface["options"]
        yield {
            **base,
            "interface": interface["name"],
            "kind": interface["qdisc"],
            "options": json.dumps(rest),
        }
    for change in line.get("changes") or ():
        yield {
            **base,
            "interface": change["name"],
            "options": json.dumps({"change": change["change"]}),
        }
    if line.get("whole") is False:
        yield {**base, "options": json.dumps({"change": "more than the kernel kept"})}
