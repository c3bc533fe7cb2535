"""Who talked with whom at a capture: packets, bytes, how long, how fast, what was sent again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from tcpexp.late import polars as pl

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

_ENDS = ("src", "src_port", "dst", "dst_port")


class Conversation(TypedDict):
    """Packets between two ends at one capture: ``a`` sent the first of them.

    ``packets``, ``frame_bytes`` (on the wire), ``payload_bytes`` and ``resent`` are pairs: from a
    to b, from b to a. ``resent`` counts the packets that the table ``resent`` names, each at its
    sender's capture; of what is not TCP it is None. ``rate_bps`` is of whole frames over the
    duration, None where there is only one packet. ``stream`` is tshark's ``tcp.stream``.
    """

    capture: str
    protocol: str
    stream: int | None
    connection: int | None
    flow: str | None
    a: str
    a_port: int | None
    b: str
    b_port: int | None
    packets: tuple[int, int]
    frame_bytes: tuple[int, int]
    payload_bytes: tuple[int, int]
    first_number: int
    start_ns: int
    duration_ns: int
    rate_bps: tuple[float, float] | None
    resent: tuple[int, int] | None


def conversations(run: RunData, capture: str) -> list[Conversation]:
    """Return the conversations of a capture in the order of their first packets."""
    keys = ["protocol", "stream", *_ENDS]
    told = ("frame_bytes", "payload_bytes", "number", "t_ns", "flow", "connection")
    packets = run.table("packets").select("capture", *keys, *told)
    packets = packets.filter((pl.col("capture") == capture) & pl.col("src").is_not_null())
    if packets.is_empty():
        return []
    ways = packets.group_by(keys, maintain_order=True).agg(
        pl.len().alias("packets"),
        pl.col("frame_bytes").sum(),
        pl.col("payload_bytes").fill_null(0).sum(),
        pl.col("number").first(),
        pl.col("t_ns").min().alias("from_ns"),
        pl.col("t_ns").max().alias("to_ns"),
        pl.col("flow").first(),
        pl.col("connection").first(),
    )
    pairs: dict[tuple[Any, ...], list[dict[str, Any] | None]] = {}
    for row in ways.iter_rows(named=True):
        ends = tuple(row[name] for name in _ENDS)
        there = (row["protocol"], row["stream"], *ends)
        back = (row["protocol"], row["stream"], *ends[2:], *ends[:2])
        if back in pairs and pairs[back][1] is None and back != there:
            pairs[back][1] = row
        else:
            pairs[there] = [row, None]
    again = _resent(run)
    return [_conversation(capture, one, other, again) for one, other in pairs.values() if one]


def _resent(run: RunData) -> dict[tuple[Any, ...], int]:
    """Return how many packets were sent again, by connection, address and port of the sender."""
    counts = run.table("resent").group_by("connection", "src", "src_port").agg(pl.len())
    return {(connection, src, port): count for connection, src, port, count in counts.iter_rows()}


def _conversation(
    capture: str,
    one: dict[str, Any],
    other: dict[str, Any] | None,
    again: dict[tuple[Any, ...], int],
) -> Conversation:
    def pair(name: str) -> tuple[int, int]:
        return int(one[name]), int(other[name]) if other else 0

    start = min(one["from_ns"], other["from_ns"]) if other else one["from_ns"]
    end = max(one["to_ns"], other["to_ns"]) if other else one["to_ns"]
    there, back = pair("frame_bytes")
    long = (end - start) / 1e9
    is_tcp = one["protocol"] == "tcp"
    connection = one["connection"]
    return {
        "capture": capture,
        "protocol": one["protocol"],
        "stream": one["stream"],
        "connection": connection,
        "flow": one["flow"],
        "a": one["src"],
        "a_port": one["src_port"],
        "b": one["dst"],
        "b_port": one["dst_port"],
        "packets": pair("packets"),
        "frame_bytes": (there, back),
        "payload_bytes": pair("payload_bytes"),
        "first_number": int(one["number"]),
        "start_ns": int(start),
        "duration_ns": int(end - start),
        "rate_bps": (there * 8 / long, back * 8 / long) if long > 0 else None,
        "resent": (
            (
                again.get((connection, one["src"], one["src_port"]), 0),
                again.get((connection, one["dst"], one["dst_port"]), 0),
            )
            if is_tcp
            else None
        ),
    }
