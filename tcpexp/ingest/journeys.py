"""Two captures to journeys: what became of each packet between the host that sent it and the host
it was meant for.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

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
#: What tells packets of one key apart: a SYN-ACK that is sent again has IP id 0 like the first, but
#: another time stamp, and datagrams of one size have another checksum. From the strongest to none,
#: because damage or an offloaded checksum may have changed what arrived.
_EVIDENCE: tuple[tuple[str, ...], ...] = (
    ("ts_val", "ts_ecr", "checksum"),
    ("ts_val", "ts_ecr"),
    (),
)
#: How much less or more than all others a packet may have taken, ns, and still be like them: less
#: than any check cares about.
_NEARLY_NS = 50_000
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
    "ts_val",
    "ts_ecr",
    "checksum",
    *_KEY,
)


def build_journeys(packets: pl.DataFrame, nodes: Nodes) -> pl.DataFrame:
    """Return the ``journeys`` table: one row per packet that left one host for another, where both
    ends were captured.

    ``copies`` counts arrivals; null where the bytes arrived in segments that were cut or joined on
    the way (segmentation offload), so that no packet can be followed. ``late`` means that a packet
    sent later arrived earlier, ``reordered_by`` by how many places (RFC 4737 section 4.2.2).
    ``queueing_ns`` is left to the analysis, which knows the links' delays. ``changed`` means that
    it arrived with a wrong checksum, so it needs whole packets in the captures (snaplen full). A
    damaged packet whose
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
    divided = _divided(sent, arrived, joined)
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
        copies=pl.when(pl.col("send").is_in(divided))
        .then(None)
        .otherwise(pl.col("copies").fill_null(0)),
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
    left = arrived.select("arrival", "t_ns", key, *_EVIDENCE[0]).sort("t_ns")
    right = sent.select("send", "t_ns", key, *_EVIDENCE[0]).sort("t_ns")
    repeated = right.group_by("key").len().filter(pl.col("len") > 1).select("key")
    found = (
        left.join(repeated, on="key", how="anti")
        .join_asof(
            right.select("send", "key", "t_ns", sent_ns="t_ns"),
            on="t_ns",
            by="key",
            strategy="backward",
            check_sortedness=False,
        )
        .filter(pl.col("send").is_not_null())
    )
    usual = _Usual.of(found.select(pl.col("t_ns") - pl.col("sent_ns")).to_series())
    again = _match_repeated(
        right.join(repeated, on="key", how="semi"),
        left.join(repeated, on="key", how="semi"),
        usual,
    )
    return pl.concat([found.select("send", "arrival"), again])


@dataclass(frozen=True)
class _Usual:
    """From the least to the most time, ns, that packets took which cannot be mistaken."""

    least_ns: int
    most_ns: int

    @staticmethod
    def of(took: pl.Series) -> _Usual | None:
        """Return it from what packets took; None when there are none."""
        if took.is_empty():
            return None
        return _Usual(int(took.min()) - _NEARLY_NS, int(took.max()) + _NEARLY_NS)  # type: ignore[arg-type]


@dataclass
class _Alike:
    """Packets that look the same, in time order: (time, number) of each that was sent and of each
    that arrived.
    """

    sent: list[tuple[int, int]]
    arrived: list[tuple[int, int]]


def _match_repeated(
    sent: pl.DataFrame, arrived: pl.DataFrame, usual: _Usual | None
) -> pl.DataFrame:
    """Return (send, arrival) of packets of which several have the same key.

    Those that agree in all evidence first, the rest by ever less of it.
    """
    pairs: list[tuple[int, int]] = []
    rest = arrived
    for evidence in _EVIDENCE:
        taken = {send for send, _ in pairs}
        more = [
            pair
            for group in _groups(sent, rest, evidence)
            for pair in _match_alike(group, taken, usual)
        ]
        pairs += more
        rest = rest.filter(~pl.col("arrival").is_in([arrival for _, arrival in more]))
    return pl.DataFrame(
        pairs,
        schema={"send": sent.schema["send"], "arrival": arrived.schema["arrival"]},
        orient="row",
    )


def _groups(
    sent: pl.DataFrame, arrived: pl.DataFrame, evidence: tuple[str, ...]
) -> Iterator[_Alike]:
    """Yield the packets that agree in key and evidence, where any of them arrived."""
    alike = pl.struct("key", *evidence).hash(seed=1).alias("alike")
    groups: dict[int, _Alike] = {}
    for t_ns, send, look in sent.sort("t_ns", "send").select("t_ns", "send", alike).iter_rows():
        groups.setdefault(look, _Alike([], [])).sent.append((t_ns, send))
    for t_ns, arrival, look in (
        arrived.sort("t_ns", "arrival").select("t_ns", "arrival", alike).iter_rows()
    ):
        if look in groups:
            groups[look].arrived.append((t_ns, arrival))
    return (group for group in groups.values() if group.arrived)


def _match_alike(group: _Alike, taken: set[int], usual: _Usual | None) -> list[tuple[int, int]]:
    """Return (send, arrival) of packets that are alike to the bit, such as the resets of a closed
    socket.

    Each arrival is of the latest packet that may be its own. When that makes some of them faster
    than any packet that cannot be mistaken, they belong to earlier ones: the later ones were lost.
    That holds only where it explains every arrival by a time that other packets took too. Else they
    really came too early.
    """
    own, copies = _match_from_last(group, taken, 0)
    times = [arrived - sent for (sent, _), (arrived, _) in own + copies]
    if usual is not None and times and min(times) < usual.least_ns:
        other_own, other_copies = _match_from_last(group, taken, usual.least_ns)
        times = [arrived - sent for (sent, _), (arrived, _) in other_own + other_copies]
        if (len(other_own), len(other_copies)) == (len(own), len(copies)) and max(
            times
        ) <= usual.most_ns:
            own, copies = other_own, other_copies
    return [(send, arrival) for (_, send), (_, arrival) in own + copies]


_Pair = tuple[tuple[int, int], tuple[int, int]]


def _match_from_last(
    group: _Alike, taken: set[int], least_ns: int
) -> tuple[list[_Pair], list[_Pair]]:
    """Return the pairs of packets sent and arrived, and of packets sent and further copies.

    From the last arrival to the first, each gets the latest packet sent ``least_ns`` before it that
    no other one has. So as many are missing as did not arrive, however many are on their way at
    once. Arrivals beyond that are the network's duplicates and go to the latest packet sent by
    then.
    """
    waiting = [packet for packet in group.sent if packet[1] not in taken]
    own: list[_Pair] = []
    copies: list[_Pair] = []
    for arrival in reversed(group.arrived):
        by = arrival[0] - least_ns
        while waiting and waiting[-1][0] > by:
            waiting.pop()
        if waiting:
            own.append((waiting.pop(), arrival))
        elif before := bisect.bisect_right(group.sent, by, key=lambda packet: packet[0]):
            copies.append((group.sent[before - 1], arrival))
    return own, copies


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


def _divided(sent: pl.DataFrame, arrived: pl.DataFrame, joined: pl.DataFrame) -> list[int]:
    """Return the segments sent (``send``) that no arrival is like, and whose bytes all arrived in
    segments that nobody sent so: cut by segmentation offload, or joined by receive offload.
    """
    way = ["src", "dst", "src_port", "dst_port"]
    data = (
        (pl.col("protocol") == "tcp")
        & (pl.col("payload_bytes") > 0)
        & pl.col("seq_rel").is_not_null()
    )
    gone = sent.filter(data).join(joined, on="send", how="anti")
    strange = arrived.filter(data & ~pl.col("checksum_bad").fill_null(False)).join(
        joined, on="arrival", how="anti"
    )
    shape = [*way, "seq_rel", "payload_bytes"]
    strange = strange.join(gone.select(shape), on=shape, how="anti")
    pieces = strange.partition_by(way, as_dict=True)
    found: list[int] = []
    for key, rows in gone.partition_by(way, as_dict=True).items():
        if key not in pieces:
            continue
        starts, ends = _stretches(pieces[key])
        first = rows["seq_rel"].to_numpy()
        last = first + rows["payload_bytes"].to_numpy()
        at = np.searchsorted(starts, first, side="right") - 1
        covered = (at >= 0) & (last <= ends[np.maximum(at, 0)])
        found += rows["send"].filter(pl.Series(covered)).to_list()
    return found


def _stretches(pieces: pl.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where unbroken stretches of bytes begin and end, in order."""
    rows = pieces.select("seq_rel", end=pl.col("seq_rel") + pl.col("payload_bytes")).sort("seq_rel")
    starts, ends = rows["seq_rel"].to_numpy(), rows["end"].cum_max().to_numpy()
    begins = np.concatenate([[True], starts[1:] > ends[:-1]])
    return starts[begins], ends[np.append(np.flatnonzero(begins)[1:] - 1, len(ends) - 1)]
