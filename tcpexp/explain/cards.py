"""What the page and the terminal say: the capture's own facts, a paragraph in front, and a card for
each connection.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from tcpexp.diagnosis.limitwords import capture_paragraph, connection_paragraph
from tcpexp.words.measured import size_words, time_words
from tcpexp.words.units import many

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

#: What reading the captures found that no table can say.
NOTES = "notes.json"
#: How captures of both ends fit together, in numbers.
JOINED = "joined.json"
#: So many connections get a card, those with most trouble and most payload; the others a line.
MOST_CARDS = 40
#: So many packets of a finding are linked.
MOST_PACKETS = 12
#: Kinds of findings that say what went wrong, with what a few words call it.
TROUBLE: dict[str, str] = {
    "handshake_unanswered": "never answered",
    "handshake_incomplete": "never opened",
    "handshake_refused": "refused",
    "handshake_repeated": "handshake repeated",
    "handshake_odd": "odd handshake",
    "lost_segments": "losses",
    "spurious_retransmissions": "needless repeats",
    "reordered": "reordering",
    "copies": "copies",
    "zero_window": "zero window",
    "beyond_window": "beyond the window",
    "silly_window": "small windows",
    "path_mtu": "path MTU",
    "icmp_error": "ICMP errors",
    "reset": "reset",
    "congestion_marked": "ECN marks",
    "damaged": "damaged packets",
    "acked_unseen": "packets not captured",
    "not_captured": "packets not captured",
    "one_direction": "one direction only",
    "joined_lost": "lost between the captures",
    "joined_reordered": "reordered between the captures",
    "joined_copies": "doubled between the captures",
    "joined_damaged": "damaged between the captures",
    "joined_made": "packets of somebody between",
    "joined_numbers": "sequence numbers changed",
    "joined_option": "options changed",
    "joined_window": "windows changed",
    "joined_ecn": "ECN changed",
}


@dataclass(frozen=True)
class Strip:
    """What limited one direction over time: (limit, from, width) as parts of the whole, 0 to 1."""

    sender: str
    parts: tuple[tuple[str, float, float], ...]


@dataclass(frozen=True)
class Card:
    """One connection: who, how much, what went wrong, what limited it, and all findings."""

    number: int
    client: str
    server: str
    flow: str
    facts: tuple[str, ...]
    trouble: tuple[str, ...]
    paragraph: str
    strips: tuple[Strip, ...]
    findings: tuple[dict[str, Any], ...]
    from_ns: int
    to_ns: int


@dataclass(frozen=True)
class Told:
    """All of it. ``lines`` are the connections without a card, ``more`` how many there are."""

    headline: str
    paragraph: str
    captures: tuple[tuple[str, ...], ...]
    doubts: tuple[dict[str, Any], ...]
    cards: tuple[Card, ...]
    more: int


def tell(run: RunData) -> Told:
    """Return what there is to say of an explained capture."""
    connections, findings = run.table("connections"), run.table("findings")
    by_connection = {
        key: [_finding(row) for row in part.iter_rows(named=True)]
        for (key,), part in findings.partition_by(
            "connection", as_dict=True, maintain_order=True
        ).items()
    }
    spans = _spans(run)
    ranked = _ranked(connections, by_connection)
    shown = sorted(ranked[:MOST_CARDS], key=lambda row: int(row["connection"]))
    limits = run.table("limits")
    cards = tuple(
        _card(row, by_connection.get(row["connection"], []), limits, spans) for row in shown
    )
    notes = read_notes(run)
    return Told(
        _headline(run, connections),
        capture_paragraph(limits),
        tuple(tuple(_capture_facts(one)) for one in notes),
        tuple(by_connection.get(None, [])),
        cards,
        len(ranked) - len(shown),
    )


def read_notes(run: RunData) -> list[dict[str, Any]]:
    """Return what reading the captures found, none where that was not written."""
    path = run.path / NOTES
    if not path.is_file():
        return []
    return list(json.loads(path.read_text(encoding="utf-8"))["captures"])


def _headline(run: RunData, connections: pl.DataFrame) -> str:
    """Return what the captures hold, in a sentence."""
    packets = run.table("packets")
    if packets.is_empty():
        return "There are no packets."
    tcp = packets.filter(pl.col("protocol") == "tcp").height
    others = packets.height - tcp
    parts = [many(tcp, "TCP packet"), f"{many(others, 'other')}" if others == 1 else ""]
    if others > 1:
        parts[1] = f"{others:,} others"
    held = " and ".join(part for part in parts if part)
    first_ns, last_ns = packets.select(first=pl.col("t_ns").min(), last=pl.col("t_ns").max()).row(0)
    within = f" in {time_words(last_ns - first_ns)}" if last_ns > first_ns else ""
    count = connections.height - _counted_twice(run)
    called = "" if count == connections.height else f" (with {connections.height} pairs of ends)"
    return f"{many(count, 'connection')}{called}: {held}{within}."


def _counted_twice(run: RunData) -> int:
    """Return how many of the connections are others at another capture, behind address translation.

    They are in the table once for each pair of ends by which they are known.
    """
    path = run.path / JOINED
    if not path.is_file():
        return 0
    stands_for: dict[int, int] = {}

    def root(one: int) -> int:
        while one in stands_for:
            one = stands_for[one]
        return one

    for joined in json.loads(path.read_text(encoding="utf-8"))["joined"]:
        for one, other in joined.get("same", ()):
            if root(one) != root(other):
                stands_for[root(other)] = root(one)
    return len(stands_for)


def _ranked(
    connections: pl.DataFrame, findings: dict[Any, list[dict[str, Any]]]
) -> list[dict[str, Any]]:
    """Return the connections, those first about which most is to be said."""
    rows = list(connections.iter_rows(named=True))

    def rank(row: dict[str, Any]) -> tuple[int, int]:
        kinds = {one["kind"] for one in findings.get(row["connection"], [])}
        carried = (row["bytes_to_server"] or 0) + (row["bytes_to_client"] or 0)
        return (-len(kinds & set(TROUBLE)), -carried)

    return sorted(rows, key=rank)


def _card(
    row: dict[str, Any],
    findings: list[dict[str, Any]],
    limits: pl.DataFrame,
    spans: dict[int, tuple[int, int]],
) -> Card:
    number = int(row["connection"])
    begin, end = spans.get(number, (0, 1))
    kinds = dict.fromkeys(one["kind"] for one in findings)
    trouble = tuple(dict.fromkeys(TROUBLE[kind] for kind in kinds if kind in TROUBLE))
    own = limits.filter(pl.col("connection") == number)
    return Card(
        number,
        end_words(row["client_address"], row["client_port"], row["client"]),
        end_words(row["server_address"], row["server_port"], row["server"]),
        row["flow"] or "",
        tuple(_facts(row, begin, end)),
        trouble,
        connection_paragraph(limits, number) if own.height else "",
        tuple(_strips(own, begin, end)),
        tuple(findings),
        begin,
        end,
    )


def end_words(address: str, port: int, host: str | None = None) -> str:
    """Return an end as ``192.0.2.1:80`` or ``[2001:db8::1]:80``, with its host's name where it has
    one.
    """
    plain = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    return plain if host in (None, address) else f"{host} ({plain})"


def _facts(row: dict[str, Any], begin: int, end: int) -> Iterator[str]:
    yield f"{size_words(row['bytes_to_server'] or 0)} to the server"
    yield f"{size_words(row['bytes_to_client'] or 0)} to the client"
    yield time_words(end - begin)
    yield f"from {begin / 1e9:.6f} s on"


def _spans(run: RunData) -> dict[int, tuple[int, int]]:
    """Return first and last packet of each connection."""
    rows = (
        run.table("packets")
        .filter(pl.col("connection").is_not_null())
        .group_by("connection")
        .agg(pl.col("t_ns").min().alias("first"), pl.col("t_ns").max().alias("last"))
    )
    return {number: (first, last) for number, first, last in rows.iter_rows()}


def _strips(limits: pl.DataFrame, begin: int, end: int) -> Iterator[Strip]:
    """Yield a strip for each direction that carried data."""
    whole = max(end - begin, 1)
    for (sender,), rows in limits.partition_by("sender", as_dict=True, maintain_order=True).items():
        parts = tuple(
            (
                row["limit"],
                (row["from_ns"] - begin) / whole,
                (row["to_ns"] - row["from_ns"]) / whole,
            )
            for row in rows.iter_rows(named=True)
        )
        yield Strip(str(sender), parts)


def _finding(row: dict[str, Any]) -> dict[str, Any]:
    packets = list(row["packets"] or [])
    return {
        **row,
        "packets": packets[:MOST_PACKETS],
        "more": max(0, len(packets) - MOST_PACKETS),
        "trouble": row["kind"] in TROUBLE,
    }


def _capture_facts(notes: dict[str, Any]) -> Iterator[str]:
    """Yield what is known of one file, a clause each."""
    yield str(notes["file"])
    yield str(notes["format"])
    links = dict.fromkeys(str(one["link"]) for one in notes["interfaces"])
    yield ", ".join(links)
    if notes["first_ns"] is not None:
        yield f"from {_moment(notes['first_ns'])}"
    yield f"{notes['packets']:,} packets"
    if notes["application"]:
        yield f"written by {notes['application']}"
    others = {word: count for word, count in notes["protocols"].items() if word != "TCP"}
    if others:
        words = ", ".join(f"{count:,} {word}" for word, count in list(others.items())[:6])
        yield f"not TCP: {words}"
    for word, count in notes["layers"].items():
        yield f"{word}: {count:,} packets"
    if notes["tunnels"]:
        yield str(notes["tunnels"])
    if notes["fragments"]:
        yield f"{notes['fragments']:,} fragments, {notes['reassembled']:,} packets put together"
    if notes["undecodable"]:
        reasons = "; ".join(notes["reasons"])
        yield f"{many(notes['undecodable'], 'packet')} could not be read: {reasons}"
    for one in notes["comments"][:5]:
        where = "comment" if one["number"] is None else f"comment on packet {one['number']}"
        yield f"{where}: {one['text']}"


def _moment(epoch_ns: int) -> str:
    try:
        when = datetime.fromtimestamp(epoch_ns // 1_000_000_000, UTC)
    except (OverflowError, ValueError, OSError):
        return f"{epoch_ns} ns after 1970"
    return f"{when:%Y-%m-%d %H:%M:%S} UTC"
