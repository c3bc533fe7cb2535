"""Two captures to journeys: what became of each packet between the host that sent it and the host
it was meant for.
"""

from __future__ import annotations

import bisect

import numpy as np
import polars as pl

from tcpexp.ingest.network import Nodes
from tcpexp.store.frames import conform, empty_frame

#: What makes a packet recognisable at the other end. Linux numbers the packets of a connection in
#: the IPv4 header; IPv6 has no such number, and the checksum of TCP, UDP or ICMPv6 stands for it:
#: it covers the time stamps, so that a repeated segment has another.
_KEY = (
    "src",
    "dst",
    "protocol",
    "src_port",
    "dst_port",
    "ip_id",
    "seq",
    "ack",
    "payload_bytes",
    "flags",
)
_COLUMNS = (
    "number",
    "capture",
    "t_ns",
    "flow",
    "connection",
    "seq_rel",
    "frame_bytes",
    "checksum_bad",
    "place",
    "from_node",
    "to_node",
    *_KEY,
)


def build_journeys(packets: pl.DataFrame, nodes: Nodes) -> pl.DataFrame:
    """Return the ``journeys`` table: one row per packet that left one host for another, where both
    ends were captured.

    ``copies`` counts arrivals. ``late`` means that a packet sent later arrived earlier,
    ``reordered_by`` by how many places (RFC 4737 section 4.2.2). ``queueing_ns`` is left to the
    analysis, which knows the links' delays. ``changed`` means that it arrived with a wrong
    checksum, so it needs whole packets in the captures (snaplen full). A damaged packet whose
    header no longer fits its key is found again by the fields that are left whole.
    """
    both = _directions(packets, nodes)
    ends = both.filter(pl.col("place") == "out").select("from_node", "to_node").unique()
    seen = both.filter(pl.col("place") == "in").select("to_node").unique()
    pairs = ends.join(seen, on="to_node").sort("from_node", "to_node")
    parts = [_pair(both, source, target) for source, target in pairs.iter_rows()]
    return conform(pl.concat(parts), "journeys") if parts else empty_frame("journeys")


def _directions(packets: pl.DataFrame, nodes: Nodes) -> pl.DataFrame:
    """Keep IP packets for a known host, captured where they left (``out``: at another host) or
    where they arrived (``in``).
    """
    to_node = nodes.of_address("dst")
    source = nodes.of_address("src")
    local = pl.col("node") == to_node
    return (
        packets.filter(pl.col("protocol").is_in(["tcp", "udp", "icmp"]) & to_node.is_not_null())
        .filter(pl.col("node").is_in(list(nodes.hosts)) & (source.is_null() | (source != to_node)))
        .filter(local | source.is_null() | (source == pl.col("node")))
        .with_columns(
            place=pl.when(local).then(pl.lit("in")).otherwise(pl.lit("out")),
            from_node=pl.when(local).then(source).otherwise(pl.col("node")),
            to_node=to_node,
            ip_id=pl.coalesce("ip_id", "checksum"),
        )
        .select(_COLUMNS)
    )


def _pair(both: pl.DataFrame, source: str, target: str) -> pl.DataFrame:
    here = (pl.col("to_node") == target) & (
        (pl.col("from_node") == source) | pl.col("from_node").is_null()
    )
    sent = (
        both.filter(here & (pl.col("place") == "out")).sort("t_ns", "number").with_row_index("send")
    )
    arrived = (
        both.filter(here & (pl.col("place") == "in"))
        .sort("t_ns", "number")
        .with_row_index("arrival")
    )
    joined = _match(sent, arrived)
    rest = _match_damaged(sent, arrived, joined)
    joined = pl.concat([joined, rest])
    per_packet = (
        joined.sort("arrival")
        .group_by("send", maintain_order=True)
        .agg(copies=pl.len(), arrival=pl.col("arrival").first())
    )
    there = arrived.select(
        "arrival",
        received_ns="t_ns",
        received_number="number",
        received_capture="capture",
        bad="checksum_bad",
    )
    rows = (
        sent.join(per_packet, on="send", how="left")
        .join(there, on="arrival", how="left")
        .sort("send")
    )
    extent = reordering_extent(rows["arrival"])
    return rows.select(
        "flow",
        "connection",
        "src_port",
        "dst_port",
        "seq_rel",
        "payload_bytes",
        "frame_bytes",
        "from_node",
        "to_node",
        "received_ns",
        "received_number",
        "received_capture",
        extent,
        sent_ns="t_ns",
        sent_capture="capture",
        sent_number="number",
        delay_ns=pl.col("received_ns") - pl.col("t_ns"),
        copies=pl.col("copies").fill_null(0),
        late=(extent > 0).fill_null(False),
        changed=(pl.col("bad") & ~pl.col("checksum_bad")).fill_null(False),
    )


def reordering_extent(arrival: pl.Series) -> pl.Series:
    """Return by how many places each packet arrived late, 0 in order and null when lost; named
    ``reordered_by``.

    ``arrival`` is each packet's place in the order of arrival, in the order of departure. RFC 4737
    section 4.2.2: the distance, in arrivals, to the earliest one that had been sent later.
    """
    places = arrival.drop_nulls().to_numpy().astype(np.int64)
    # the packets as they arrived, each by its place in the order of departure
    order = np.argsort(places, kind="stable")
    newest = np.maximum.accumulate(order) if order.size else order
    # the first arrival of a packet that was sent later
    earliest = np.searchsorted(newest, order, side="right")
    extent = np.zeros(places.size, dtype=np.int64)
    extent[order] = np.maximum(np.arange(order.size) - earliest, 0)
    whole = np.full(arrival.len(), -1, dtype=np.int64)
    whole[arrival.is_not_null().to_numpy()] = extent
    return pl.Series("reordered_by", whole).replace(-1, None)


def _match(sent: pl.DataFrame, arrived: pl.DataFrame) -> pl.DataFrame:
    """Return (send, arrival): each arrival with the packet of the same key.

    A duplicate made by the network has one ``send``.
    """
    key = pl.struct(_KEY).hash(seed=1).alias("key")
    left = arrived.select("arrival", "t_ns", key).sort("t_ns")
    right = sent.select("send", "t_ns", key).sort("t_ns")
    repeated = right.group_by("key").len().filter(pl.col("len") > 1).select("key")
    found = left.join(repeated, on="key", how="anti").join_asof(
        right, on="t_ns", by="key", strategy="backward", check_sortedness=False
    )
    again = _match_repeated(
        right.join(repeated, on="key", how="semi"), left.join(repeated, on="key", how="semi")
    )
    return pl.concat([found.filter(pl.col("send").is_not_null()).select("send", "arrival"), again])


def _match_repeated(sent: pl.DataFrame, arrived: pl.DataFrame) -> pl.DataFrame:
    """Return (send, arrival) of packets that are alike to the bit, such as repeated SYN-ACKs or the
    resets of a closed socket, which have IP id 0.

    From the last arrival to the first, each gets the latest packet sent by then that no other one
    has. So as many are missing as did not arrive, however many are on their way at once. Arrivals
    beyond that are the network's duplicates and go to the latest packet sent by then.
    """
    times: dict[int, list[tuple[int, int]]] = {}
    for send, t_ns, key in sent.sort("t_ns", "send").select("send", "t_ns", "key").iter_rows():
        times.setdefault(key, []).append((t_ns, send))
    waiting = {key: list(rows) for key, rows in times.items()}
    pairs: list[tuple[int, int]] = []
    surplus: list[tuple[int, int, int]] = []
    for arrival, t_ns, key in (
        arrived.sort("t_ns", "arrival", descending=True)
        .select("arrival", "t_ns", "key")
        .iter_rows()
    ):
        rows = waiting[key]
        while rows and rows[-1][0] > t_ns:
            rows.pop()
        if rows:
            pairs.append((rows.pop()[1], arrival))
        else:
            surplus.append((arrival, t_ns, key))
    for arrival, t_ns, key in surplus:
        before = bisect.bisect_right(times[key], t_ns, key=lambda row: row[0])
        if before:
            pairs.append((times[key][before - 1][1], arrival))
    return pl.DataFrame(
        pairs,
        schema={"send": sent.schema["send"], "arrival": arrived.schema["arrival"]},
        orient="row",
    )


def _match_damaged(sent: pl.DataFrame, arrived: pl.DataFrame, joined: pl.DataFrame) -> pl.DataFrame:
    """Return (send, arrival) of damaged arrivals, each with a lost packet of the same size that
    agrees in IP id or sequence number.
    """
    lost = sent.join(joined, on="send", how="anti")
    strange = arrived.join(joined, on="arrival", how="anti").filter(pl.col("checksum_bad"))
    pairs = []
    for column in ("ip_id", "seq"):
        pair = strange.join(lost, on=["frame_bytes", column], suffix="_sent").filter(
            pl.col("t_ns").is_between(pl.col("t_ns_sent"), pl.col("t_ns_sent") + 10_000_000_000)
        )
        pairs.append(
            pair.sort("t_ns_sent", descending=True)
            .unique("arrival", keep="first")
            .select("send", "arrival")
        )
    return pl.concat(pairs).unique("arrival", keep="first", maintain_order=True)
