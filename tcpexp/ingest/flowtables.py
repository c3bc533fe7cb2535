"""Packets of flows to what they achieved: throughput per interval and round-trip times."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from tcpexp.ingest.network import Nodes
from tcpexp.ingest.sequence import Acks, rtt_samples, unwrap_seq
from tcpexp.ingest.subflows import arriving
from tcpexp.plan.types import FlowPlan
from tcpexp.record.tables import THROUGHPUT_INTERVAL_NS as INTERVAL_NS
from tcpexp.store.frames import conform, empty_frame

#: A flow with more intervals (a day and more) has rows only for those with packets.
_MOST_INTERVALS = 1_000_000


def build_throughput(
    packets: pl.DataFrame,
    flows: Sequence[FlowPlan],
    nodes: Nodes,
    end_ns: int,
    subflows: pl.DataFrame,
) -> pl.DataFrame:
    """Return the ``throughput`` table: every 100 ms from a flow's first packet to its last, empty
    intervals included; without these where a flow lasted for days.

    Only what arrives at the flow's receiver counts; ``t_ns`` is the interval's beginning. Of MPTCP
    (``subflows``: :func:`tcpexp.ingest.subflows.find_subflows`) a byte that comes over two subflows
    is goodput once.
    """
    parts = []
    for flow in flows:
        rows = arriving(packets, subflows, flow, nodes)
        if rows.height:
            parts.append(_bin(rows, flow.name, end_ns))
    return conform(pl.concat(parts), "throughput") if parts else empty_frame("throughput")


def _bin(rows: pl.DataFrame, flow: str, end_ns: int) -> pl.DataFrame:
    slot = (pl.col("t_ns") // INTERVAL_NS * INTERVAL_NS).alias("t_ns")
    sums = rows.group_by(slot).agg(
        packets=pl.len(),
        wire_bytes=pl.col("frame_bytes").sum(),
        payload_bytes=pl.col("payload_bytes").sum(),
        goodput_bytes=pl.col("new_bytes").sum(),
    )
    first, last = int(sums["t_ns"].min()), int(sums["t_ns"].max())  # type: ignore[arg-type]
    if (last - first) // INTERVAL_NS < _MOST_INTERVALS:
        grid = pl.DataFrame({"t_ns": np.arange(first, last + 1, INTERVAL_NS)})
    else:
        grid = sums.select("t_ns").sort("t_ns")
    whole = grid.join(sums, on="t_ns", how="left").with_columns(
        pl.col("packets", "wire_bytes", "payload_bytes", "goodput_bytes").fill_null(0)
    )
    length = (
        pl.lit(INTERVAL_NS)
        if end_ns <= 0
        else pl.min_horizontal(pl.lit(INTERVAL_NS), (end_ns - pl.col("t_ns")).clip(1))
    )
    return whole.with_columns(flow=pl.lit(flow), interval_ns=length)


def build_rtt(packets: pl.DataFrame, flows: Sequence[FlowPlan], nodes: Nodes) -> pl.DataFrame:
    """Return the ``rtt`` table: round-trip times of each flow's data as its sender's capture shows
    them.
    """
    parts = []
    for flow in flows:
        rows = packets.filter(
            (pl.col("flow") == flow.name)
            & (pl.col("node") == flow.sender)
            & (pl.col("protocol") == "tcp")
        )
        for _, stream in rows.group_by("capture", "stream", maintain_order=True):
            parts.append(_stream_rtt(stream, flow, nodes))
    return conform(pl.concat(parts), "rtt") if parts else empty_frame("rtt")


def _stream_rtt(stream: pl.DataFrame, flow: FlowPlan, nodes: Nodes) -> pl.DataFrame:
    outward = nodes.of_address("src") == flow.sender
    data = stream.filter(outward & (pl.col("payload_bytes") > 0))
    acks = stream.filter(~outward & pl.col("flags").str.contains("A") & ~pl.col("checksum_bad"))
    left = unwrap_seq(data["seq"].to_numpy())
    ack = unwrap_seq(acks["ack"].to_numpy())
    sack = np.zeros(acks.height, dtype=np.int64)
    # one numbering for both: the first ACK lies within half the sequence space of the first byte
    if left.size and ack.size:
        ack = ack + (left[0] + (ack[0] - left[0] + 2**31) % 2**32 - 2**31 - ack[0])
        relative = acks["sack_blocks"].list.get(1, null_on_oob=True)
        sack = (relative + (left[0] - data["seq_rel"][0])).fill_null(0).to_numpy()
    received = Acks(ack, acks["t_ns"].to_numpy(), sack)
    when, rtt = rtt_samples(
        left, left + data["payload_bytes"].to_numpy(), data["t_ns"].to_numpy(), received
    )
    connection = pl.Series([stream["connection"][0]] * when.size, dtype=pl.Int64)
    return pl.DataFrame(
        {
            "flow": pl.Series([flow.name] * when.size, dtype=pl.String),
            "connection": connection,
            "t_ns": when,
            "rtt_ns": rtt,
        }
    )
