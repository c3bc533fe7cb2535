"""What TCP connections carried, put together from the payload that captures hold: both ways, in
the order of delivery.

Bytes that were sent twice appear once. What is missing is said: cut off by the capture's snaplen,
never captured, or left out because a page holds only so much.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tcpexp.late import numpy as np
from tcpexp.late import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tcpexp.report.panels.columns import ColumnStore
    from tcpexp.store.rundata import RunData

#: A page holds so many bytes of one way of a connection, of so many connections, and so many in
#: all; of a way so many pieces.
MOST_BYTES, MOST_STREAMS, MOST_IN_ALL, MOST_PIECES = 16_384, 60, 196_608, 400

_PIECES = ("number", "src", "src_port", "seq_rel", "payload_bytes")


@dataclass
class Piece:
    """New bytes that one packet brought: ``way`` 0 from the client, 1 from the server; ``start``
    is its first byte's relative sequence number, ``size`` how many bytes are new.

    ``skip`` of the payload's bytes were there before. ``gap``: bytes before it that the capture has
    not seen.
    """

    way: int
    number: int
    start: int
    size: int
    skip: int
    gap: int


@dataclass
class Stream:
    """One connection as one capture saw it. ``left_out`` are the bytes of each way that a page has
    no room for, or that this capture has not seen.
    """

    connection: int
    capture: str
    ends: tuple[str, str]
    pieces: list[Piece] = field(default_factory=list)
    left_out: list[int] = field(default_factory=lambda: [0, 0])

    @property
    def wanted(self) -> dict[int, int]:
        """Return the packets whose payload is needed, and how much of it."""
        return {piece.number: piece.skip + piece.size for piece in self.pieces}


def streams_of(run: RunData, captures: Mapping[int, str]) -> list[Stream]:
    """Return the connections of the run that carried payload, in the order of their SYNs.

    ``captures`` says of a connection which capture to take; without, the one where the table
    ``connections`` saw it.
    """
    carried = pl.col("bytes_to_server").fill_null(0) + pl.col("bytes_to_client").fill_null(0) > 0
    rows = run.table("connections").filter(carried).head(MOST_STREAMS)
    packets = run.table("packets").select("connection", "capture", *_PIECES)
    packets = packets.filter(
        pl.col("connection").is_in(rows["connection"].implode())
        & (pl.col("payload_bytes") > 0)
        & (pl.col("seq_rel") <= MOST_BYTES)
    )
    if packets.is_empty():
        return []
    parts = packets.partition_by("connection", "capture", as_dict=True)
    streams, room = [], MOST_IN_ALL
    for row in rows.iter_rows(named=True):
        connection = row["connection"]
        capture = captures.get(connection, row["capture"])
        part = parts.get((connection, capture))
        if part is None:
            continue
        ends = (
            f"{row['client_address']}:{row['client_port']}",
            f"{row['server_address']}:{row['server_port']}",
        )
        stream = Stream(connection, capture, ends)
        _fill(stream, part, (row["client_address"], row["client_port"]), min(room, 2 * MOST_BYTES))
        kept = [sum(piece.size for piece in stream.pieces if piece.way == way) for way in (0, 1)]
        whole = (row["bytes_to_server"] or 0, row["bytes_to_client"] or 0)
        stream.left_out = [max(0, size - own) for size, own in zip(whole, kept, strict=True)]
        room -= sum(kept)
        streams.append(stream)
    return streams


def _fill(stream: Stream, part: pl.DataFrame, client: tuple[str, int], room: int) -> None:
    """Put a connection's packets together: RFC 9293 section 3.10.7.4, fourth paragraph.

    A packet behind a gap waits until the gap is filled, or until the capture ends.
    """
    waiting: list[dict[int, tuple[int, int]]] = [{}, {}]
    due: list[int] = [1, 1]
    left = [min(MOST_BYTES, room // 2)] * 2
    for number, src, port, start, size in part.select(_PIECES).iter_rows():
        way = 0 if (src, port) == client else 1
        if start > due[way]:
            held = waiting[way].get(start)
            if held is None or held[1] < size:
                waiting[way][start] = (number, size)
            continue
        due[way] = _deliver(stream, left, (way, number, start, size), due[way], 0)
        while ready := [at for at in waiting[way] if at <= due[way]]:
            at = min(ready)
            held_number, held_size = waiting[way].pop(at)
            due[way] = _deliver(stream, left, (way, held_number, at, held_size), due[way], 0)
    for way in (0, 1):
        for at in sorted(waiting[way]):
            number, size = waiting[way][at]
            gap = max(0, at - due[way])
            due[way] = _deliver(stream, left, (way, number, at, size), due[way] + gap, gap)


def _deliver(
    stream: Stream, left: list[int], segment: tuple[int, int, int, int], due: int, gap: int
) -> int:
    """Note the new bytes of a segment, as far as there is room, and return which byte is due."""
    way, number, start, size = segment
    end = start + size
    if end <= due:
        return due
    new = end - due
    kept = min(new, left[way]) if len(stream.pieces) < MOST_PIECES else 0
    if kept:
        stream.pieces.append(Piece(way, number, due, kept, due - start, gap))
    left[way] -= kept
    return end


def described(stream: Stream, payloads: Mapping[int, bytes], store: ColumnStore) -> dict[str, Any]:
    """Return a stream for the page: its pieces as columns, and its bytes one after the other.

    ``held`` is how many bytes of each piece were captured.
    """
    texts = [
        payloads.get(piece.number, b"")[piece.skip : piece.skip + piece.size]
        for piece in stream.pieces
    ]
    columns: dict[str, Any] = {
        name: np.array([getattr(piece, name) for piece in stream.pieces], dtype=np.int64)
        for name in ("way", "number", "start", "size", "gap")
    }
    columns["held"] = np.array([len(text) for text in texts], dtype=np.int64)
    columns["bytes"] = np.frombuffer(b"".join(texts), dtype=np.uint8).astype(np.int64)
    return {
        "connection": stream.connection,
        "capture": stream.capture,
        "ends": list(stream.ends),
        "left_out": stream.left_out,
        "columns": {name: store.add(values) for name, values in columns.items()},
    }
