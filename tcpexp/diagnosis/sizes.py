"""Findings about the sizes of segments: MSS, super-packets, and what the path takes."""

from __future__ import annotations

from collections.abc import Iterator

from tcpexp.diagnosis.finding import Finding, packets_text
from tcpexp.diagnosis.lanes import Row, lane_of, lanes_with, many, numbers_of, with_facts
from tcpexp.diagnosis.segments import LANE
from tcpexp.late import polars as pl

#: RFC 7323 appendix A: time stamps take twelve bytes of each segment.
_STAMP_BYTES = 12
#: RFC 9293 section 3.7.1: what may be sent to an end that offered no MSS, over IPv4 and IPv6.
_DEFAULT_MSS, _DEFAULT_MSS_IPV6 = 536, 1220
#: Without an MSS that was seen: larger than Ethernet's jumbo frames.
_ETHERNET, _JUMBO = 1460, 8960
#: So many segments of one size, the largest, are full ones.
_FULL = 3


def find_sizes(segments: pl.DataFrame, summary: pl.DataFrame) -> Iterator[Finding]:
    """Yield what the sizes of segments say."""
    offered = {(row["connection"], row["sender"]): row for row in summary.to_dicts()}
    yield from _super_packets(segments, offered)
    yield from _full_segments(segments, offered)
    yield from _smaller(segments)


Offered = dict[tuple[int, str], Row]


def _limit(offered: Offered, connection: int, by: str) -> int | None:
    """Return the MSS that the other end offered, less what time stamps take; None if not seen."""
    other = offered.get((connection, "server" if by == "client" else "client"))
    own = offered[(connection, by)]
    if other is None or not other["syns"]:
        return None
    six = ":" in own["src"]
    mss = other["mss"] if other["mss"] is not None else _DEFAULT_MSS_IPV6 if six else _DEFAULT_MSS
    return int(mss)


def _super_packets(segments: pl.DataFrame, offered: Offered) -> Iterator[Finding]:
    most = pl.DataFrame(
        [(key, end == "client", _limit(offered, key, end) or _ETHERNET) for key, end in offered],
        schema={"connection": pl.Int64, "from_client": pl.Boolean, "most": pl.Int64},
        orient="row",
    )
    rows = with_facts(segments, most)
    for lane, few in lanes_with(rows, pl.col("payload_bytes") > pl.col("most")):
        limit = _limit(offered, lane.connection, lane.by)
        if limit is None and max(row["payload_bytes"] for row in few) <= _JUMBO:
            yield lane.say(
                "super_packets",
                f"{many(len(few), 'segment')} of the {lane.by}"
                f" {'is' if len(few) == 1 else 'are'} larger than Ethernet's usual frame.",
                numbers_of(few),
                sure="unsure",
                because="super-packets of a card that cuts or joins them (TSO, GRO), or a path"
                " with jumbo frames: no MSS was captured",
                source="RFC 9293 section 3.7.1",
            )
        else:
            largest = max(row["payload_bytes"] for row in few)
            yield lane.say(
                "super_packets",
                f"{many(len(few), 'segment')} of the {lane.by} "
                f"{'is' if len(few) == 1 else 'are'} larger than"
                + (f" the MSS of {limit} bytes" if limit is not None else " any frame")
                + f", up to {largest} bytes: no packets of the wire.",
                numbers_of(few),
                because="the capture was made above a card that cuts them (TSO, GSO) or joins them"
                " (GRO, LRO); counts of packets, and the times of the segments in them, are not"
                " those of the wire",
                source="RFC 9293 section 3.7.1",
            )


def _full_segments(segments: pl.DataFrame, offered: Offered) -> Iterator[Finding]:
    # without PSH there is more to send behind it (RFC 9293 section 3.9.1.2): it is full
    full = pl.col("count").cast(pl.Int64)
    sent = segments.select(*LANE, "capture", "number", "flags", "payload_bytes")
    data = sent.filter(pl.col("payload_bytes") > 0).group_by(*LANE, "payload_bytes").agg(
        (~pl.col("flags").str.contains("P")).sum().alias("count"),
        pl.col("number").first(),
        pl.col("capture").first(),
    )  # fmt: skip
    largest = data.sort("payload_bytes").group_by(LANE, maintain_order=True).last()
    largest = largest.with_columns(count=full)
    for row in largest.sort(LANE).iter_rows(named=True):
        lane = lane_of(row)
        limit = _limit(offered, lane.connection, lane.by)
        size = row["payload_bytes"]
        if limit is None or size > limit or row["count"] < _FULL:
            continue
        stamps = offered[(lane.connection, lane.by)]["timestamps"]
        room = limit - (_STAMP_BYTES if stamps else 0)
        if size in (limit, room):
            less = f" less {_STAMP_BYTES} bytes of time stamps" if size == room != limit else ""
            yield lane.say(
                "segment_size",
                f"Full segments of the {lane.by} hold {size} bytes: the {lane.other}'s MSS of"
                f" {limit}{less}.",
                [row["number"]],
                source="RFC 9293 section 3.7.1, RFC 6691",
            )
        elif size < room:
            yield lane.say(
                "segment_size",
                f"The largest segments of the {lane.by} hold {size} bytes,"
                f" {many(row['count'], 'time')}, although the {lane.other}'s MSS would allow"
                f" {room}.",
                [row["number"]],
                sure="unsure",
                because="more data follow behind them: the path MTU is smaller, or the sender"
                " keeps to a size of its own",
                source="RFC 9293 section 3.7.5, RFC 1191",
            )


def _smaller(segments: pl.DataFrame) -> Iterator[Finding]:
    """A segment that was sent several times in vain and then in smaller pieces."""
    again = segments.select(
        *LANE, "capture", "number", "begin", "payload_bytes", "acked", "copy"
    ).filter(pl.col("payload_bytes") > 0, ~pl.col("copy"))
    sent = again.group_by(*LANE, "begin", maintain_order=True).agg(
        pl.col("capture").first(),
        sizes=pl.col("payload_bytes"),
        numbers=pl.col("number"),
        largest=pl.col("payload_bytes").max(),
        last=pl.col("payload_bytes").last(),
        acked=pl.col("acked").last(),
    )
    for row in sent.filter(pl.col("sizes").list.len() >= _FULL).iter_rows(named=True):
        sizes, acked = row["sizes"], row["acked"]
        vain = [size for size in sizes if size == row["largest"]]
        if len(vain) >= 2 and row["last"] < row["largest"] and (acked or 0) <= row["begin"]:
            lane = lane_of(row)
            yield lane.say(
                "path_mtu",
                f"The {lane.by} sent a segment of {row['largest']} bytes {len(vain)} times in vain,"
                f" and then {row['last']} bytes ({packets_text(row['numbers'])}): the path may not"
                " take the larger one.",
                row["numbers"],
                sure="unsure",
                because="a path MTU that nobody reports (a black hole), or a sender that cuts its"
                " repairs elsewhere",
                source="RFC 2923 section 2.1, RFC 4821",
            )
