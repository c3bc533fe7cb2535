"""Findings about what routers and hosts say by ICMP of the packets of a connection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tcpexp.diagnosis.finding import Finding, packets_text
from tcpexp.diagnosis.lanes import Row, many
from tcpexp.late import polars as pl

if TYPE_CHECKING:
    from tcpexp.diagnosis.finding import Side
    from tcpexp.ingest.foreign.notes import Notes
    from tcpexp.ingest.foreign.quotes import Quote

#: RFC 792 and RFC 1812 section 5.2.7.1, of IPv4.
_CODES = {
    0: "the network is unreachable",
    1: "the host is unreachable",
    2: "the protocol is unreachable",
    3: "the port is unreachable",
    5: "a source route failed",
    6: "the network is unknown",
    7: "the host is unknown",
    9: "the network is prohibited",
    10: "the host is prohibited",
    13: "a filter prohibits it",
}
#: RFC 4443 section 3.1, of IPv6.
_CODES6 = {
    0: "there is no route",
    1: "a filter prohibits it",
    2: "it is beyond the scope of the source address",
    3: "the address is unreachable",
    4: "the port is unreachable",
    5: "the source address is refused",
    6: "the route is refused",
}
_HEADERS, _HEADERS6 = 40, 60


def find_errors(seen: pl.DataFrame, notes: Notes) -> Iterator[Finding]:
    """Yield what ICMP errors in the captures say of the connections."""
    ends = _ends(seen)
    groups: dict[tuple[_About, tuple[object, ...]], list[Quote]] = {}
    for capture in notes.captures:
        for quote in capture.quotes:
            about = _connection_of(ends, quote, capture.captures)
            if about is not None:
                said = (quote.kind, quote.code, quote.mtu, quote.source)
                groups.setdefault((about, said), []).append(quote)
    for (about, _), quotes in groups.items():
        if quotes[0].kind == "too_big":
            yield _too_big(seen, quotes, *about)
        else:
            yield _other(quotes, *about)


#: A connection, the sender of a packet, and the capture that shows it.
_About = tuple[int, "Side", str]
Ends = dict[tuple[str, int, str, int], list[Row]]


def _ends(seen: pl.DataFrame) -> Ends:
    """Return the directions of connections by source and destination, in the order of time."""
    firsts = seen.group_by("connection", "from_client", maintain_order=True).agg(
        pl.col("capture", "src", "src_port", "dst", "dst_port", "number").first()
    )
    found: Ends = {}
    for row in firsts.sort("number").iter_rows(named=True):
        key = (row["src"], row["src_port"], row["dst"], row["dst_port"])
        found.setdefault(key, []).append(row)
    return found


def _connection_of(ends: Ends, quote: Quote, captures: tuple[str, ...]) -> _About | None:
    """Return connection, sender and capture of the quoted packet: the last connection between these
    ends that had begun.
    """
    key = (quote.src, quote.src_port, quote.dst, quote.dst_port)
    known = [row for row in ends.get(key, []) if row["capture"] in captures]
    begun = [row for row in known if row["number"] <= quote.number]
    if not begun:
        return None
    row = begun[-1]
    return row["connection"], "client" if row["from_client"] else "server", row["capture"]


def _too_big(
    seen: pl.DataFrame, quotes: list[Quote], connection: int, by: Side, capture: str
) -> Finding:
    quote, six = quotes[0], ":" in quotes[0].src
    behind = seen.filter(
        pl.col("connection") == connection,
        pl.col("from_client") == (by == "client"),
        pl.col("number") > quote.number,
        pl.col("payload_bytes") > 0,
    )["payload_bytes"]
    size = f"at most {many(quote.mtu, 'byte')}" if quote.mtu else "no more than its next link takes"
    sentence = (
        f"{quote.source} says by ICMP that packets of the {by} may have {size}"
        f" ({packets_text(one.number for one in quotes)})."
    )
    fits = quote.mtu - (_HEADERS6 if six else _HEADERS) if quote.mtu else None
    largest = behind.max()
    if isinstance(largest, int) and fits is not None:
        sentence += (
            f" Its segments have at most {many(largest, 'byte')} afterwards."
            if largest <= fits
            else f" It still sends segments of up to {many(largest, 'byte')} afterwards."
        )
    return Finding(
        connection,
        "path_mtu",
        sentence,
        tuple(one.number for one in quotes),
        capture,
        "certain",
        "a router could not pass on a packet that was larger; the message quotes it",
        "RFC 8201, RFC 4443 section 3.2" if six else "RFC 1191 section 4",
        by,
    )


def _other(quotes: list[Quote], connection: int, by: Side, capture: str) -> Finding:
    quote = quotes[0]
    codes = _CODES6 if ":" in quote.src else _CODES
    said = {
        "unreachable": codes.get(quote.code, f"unreachable, with code {quote.code}"),
        "expired": "its time to live ran out",
        "quench": "the sender should slow down",
        "parameter": "its header is wrong",
    }[quote.kind]
    because = {
        "unreachable": "TCP takes it for a hint, and goes on trying unless it was opening the"
        " connection",
        "expired": "a loop of routes, or somebody who traces the way",
        "quench": "nobody sends this any more, and TCP does not heed it (RFC 6633)",
        "parameter": "a router or host could not read the packet that is quoted",
    }[quote.kind]
    numbers = tuple(one.number for one in quotes)
    return Finding(
        connection,
        "icmp_error",
        f"{quote.source} says by ICMP of {'a packet' if len(numbers) == 1 else 'packets'} of the"
        f" {by}: {said} ({packets_text(numbers)}).",
        numbers,
        capture,
        "certain",
        because,
        "RFC 1122 section 4.2.3.9, RFC 5461",
        by,
    )
