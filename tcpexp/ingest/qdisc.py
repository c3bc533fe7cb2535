"""``raw/qdisc.nl``, or the ``raw/qdisc.jsonl`` of older runs, to the ``queues`` table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from tcpexp.errors import DataError
from tcpexp.ingest.jsonlines import parse_table, table_of_rows
from tcpexp.ingest.settings import SampledSettings
from tcpexp.record import files
from tcpexp.record.qdiscstats import decode_statistics
from tcpexp.record.rtnetlink import (
    FILE_HEAD,
    FILE_MAGIC,
    FILE_VERSION,
    RECORD_HEAD,
    QdiscRole,
    class_queue_place,
    class_row,
    parse_classes,
    parse_messages,
    parse_policers,
    policer_row,
    queue_row,
)

Links = list[tuple[str, dict[int, QdiscRole]]]


class SampledDetails:
    """Collects what dumps hold besides the queues: disciplines' own counts, and classes."""

    def __init__(self) -> None:
        self.statistics: list[dict[str, object]] = []
        self.classes: list[dict[str, object]] = []

    def note(self, t_ns: int, row: dict[str, object], kind: str, data: bytes) -> None:
        """Note what a discipline counts of itself."""
        if row["qdisc"] not in ("queue", "host"):
            return
        place = {"t_ns": t_ns, **{name: row[name] for name in ("link", "towards", "qdisc")}}
        self.statistics += [
            {**place, "kind": kind, "name": name, "value": float(value)}
            for name, value in decode_statistics(kind, data).items()
        ]

    def frames(self) -> dict[str, pl.DataFrame]:
        """Return the tables by their names."""
        return {
            "queue_statistics": table_of_rows(self.statistics, "queue_statistics"),
            "classes": table_of_rows(self.classes, "classes"),
        }


def read_queues(
    raw: Path, told: SampledSettings | None = None, details: SampledDetails | None = None
) -> pl.DataFrame:
    """Return the samples of every qdisc of every wire, as ``raw`` has them; raises ``DataError``
    naming the damaged file.

    ``told`` is given each qdisc's settings, ``details`` what else there is; only dumps hold these.
    """
    dump, lines, sources = (
        raw / files.QDISC_DUMPS,
        raw / files.QDISC_ROWS,
        raw / files.QDISC_SOURCES,
    )
    # then sources, by which alone a dump can be read, may be missing
    died = not (raw / files.ENGINE).is_file()
    if dump.is_file() and (sources.is_file() or not died):
        text = sources.read_text() if sources.is_file() else ""
        return parse_dumps(
            dump.read_bytes(), parse_sources(text, str(sources)), str(dump), told, details
        )
    return parse_qdisc(lines.read_text(errors="replace") if lines.is_file() else "", str(lines))


def parse_sources(text: str, source: str = "qdisc_sources.json") -> Links:
    """Return each link's name and what its wire's interfaces are for, by index.

    Raises ``DataError``.
    """
    try:
        return [
            (
                str(link["link"]),
                {
                    int(index): QdiscRole(
                        role["towards"],
                        role["role"],
                        tuple(role.get("classes", ())),
                        role.get("policed", ""),
                    )
                    for index, role in link["roles"].items()
                },
            )
            for link in json.loads(text)["links"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{source}: not a list of links and their interfaces ({type(error).__name__}: {error})"
        ) from None


def parse_dumps(
    data: bytes,
    links: Links,
    source: str = "qdisc.nl",
    told: SampledSettings | None = None,
    details: SampledDetails | None = None,
) -> pl.DataFrame:
    """Return the samples of ``raw/qdisc.nl``; counts grow from the start of the run. What a cut off
    record holds is left out.

    ``told`` is given each qdisc's settings, ``details`` its own counts and the classes. Raises
    ``DataError`` for another format, and for a record of a link that ``links`` does not have.
    """
    rows: list[dict[str, object]] = []
    told, details = told or SampledSettings(), details or SampledDetails()
    for at, t_ns, number, datagram in _records(data, source):
        if number >= len(links):
            raise DataError(
                f"{source}: byte {at}: link {number} of {len(links)}",
                hint="does qdisc_sources.json belong to it?",
            )
        link, roles = links[number]
        for message in parse_messages(datagram):
            row = queue_row(message, link, roles)
            if row is not None:
                rows.append({"t_ns": t_ns, **row})
                own = (str(row["towards"]), str(row["qdisc"]))
                told.note(t_ns, link, *own, message.kind, message.options)
                details.note(t_ns, row, message.kind, message.statistics)
            elif (place := class_queue_place(message, roles)) is not None:
                told.note(t_ns, link, *place, message.kind, message.options)
        if any(role.classes for role in roles.values()):
            for message in parse_classes(datagram):
                row = class_row(message, link, roles)
                if row is not None:
                    details.classes.append({"t_ns": t_ns, **row})
                    own = (str(row["towards"]), f"class {row['class']}")
                    told.note(t_ns, link, *own, "htb class", message.options)
        if any(role.policed for role in roles.values()):
            for policer in parse_policers(datagram):
                row = policer_row(policer, link, roles)
                if row is not None:
                    rows.append({"t_ns": t_ns, **row})
    return table_of_rows(rows, "queues")


def _records(data: bytes, source: str) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield (offset, t_ns, link's index, datagram) of every whole record."""
    if len(data) < FILE_HEAD.size:
        return
    magic, version = FILE_HEAD.unpack_from(data)
    if (magic, version) != (FILE_MAGIC, FILE_VERSION):
        raise DataError(
            f"{source}: not qdisc dumps of version {FILE_VERSION}",
            hint="recorded by another version, or on another kind of machine?",
        )
    at = FILE_HEAD.size
    while at + RECORD_HEAD.size <= len(data):
        t_ns, number, length = RECORD_HEAD.unpack_from(data, at)
        begin = at + RECORD_HEAD.size
        if begin + length > len(data):
            return
        yield at, t_ns, number, data[begin : begin + length]
        at = begin + length


def parse_qdisc(text: str, source: str = "qdisc.jsonl") -> pl.DataFrame:
    """Return the samples of ``raw/qdisc.jsonl``; counts grow from the start of the run.

    Raises ``DataError``.
    """
    return parse_table(text, "queues", source)
