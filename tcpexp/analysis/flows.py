"""Numbers of single flows: goodput, retransmissions, round-trip times, windows."""

from __future__ import annotations

from typing import Any

from tcpexp.analysis.activity import NEVER, Activity, activity_of, bits_per_second
from tcpexp.analysis.resent import count_segments, resent_of
from tcpexp.analysis.segments import data_segments
from tcpexp.ingest.connections import with_new_bytes
from tcpexp.late import polars as pl
from tcpexp.plan.types import FlowPlan
from tcpexp.record.tables.kernel import INFINITE_SSTHRESH
from tcpexp.store.rundata import RunData


def measure_flow(run: RunData, flow: FlowPlan) -> dict[str, Any]:
    """Return the metrics of one flow; what was not recorded is None.

    ``goodput_bps`` counts first arrivals of payload at the receiver over the whole run,
    ``goodput_active_bps`` over the time from ``start_ns`` to ``end_ns``, in which the flow was
    active (:class:`Activity`). ``retransmissions`` are the segments in the sender's own capture
    that it sent again, as the kernel counts them in ``Tcp.RetransSegs``: a SYN, SYN-ACK or FIN too.
    """
    throughput = run.table("throughput").filter(pl.col("flow") == flow.name)
    active = activity_of(run, flow)
    good = int(throughput["goodput_bytes"].sum())
    own = run.table("connections").filter(pl.col("flow") == flow.name)
    return {
        "client": flow.client,
        "server": flow.server,
        "sender": flow.sender,
        "port": flow.port,
        "application": flow.application,
        "congestion_control": flow.congestion_control,
        "connections": own.height,
        "goodput_bytes": good,
        "goodput_bps": bits_per_second(good, run.end_ns) if throughput.height else None,
        **(active.as_dict() if active else NEVER),
        "completion_s": _completion_s(own, active),
        "wire_bytes": int(throughput["wire_bytes"].sum()),
        **_retransmissions(run, flow),
        "lost_packets": _lost_packets(run, flow),
        "rtt": _rtt(run, flow.name),
        "cwnd": _cwnd(run, flow),
    }


def _completion_s(own: pl.DataFrame, active: Activity | None) -> float | None:
    """Return how long the flow took, its handshake included; None where its first SYN or its data
    were not recorded.

    What an application waits for: from the first SYN of its connections to its last data that
    arrived (RFC 5166 section 2.1.1, transfer times). Whether that was all that it had to send is
    not known here.
    """
    first = own["syn_ns"].min()
    if active is None or first is None:
        return None
    return (active.to_ns - int(first)) / 1e9  # type: ignore[arg-type]


def _retransmissions(run: RunData, flow: FlowPlan) -> dict[str, Any]:
    sent = data_segments(run, flow, flow.sender)
    again = resent_of(run, flow)
    known = sent.height or again.height
    repeated = (
        int((sent["payload_bytes"] - with_new_bytes(sent)["new_bytes"]).sum())
        if sent.height
        else None
    )
    return {
        "packets_sent": sent.height,
        "retransmissions": count_segments(again) if known else None,
        "retransmissions_source": "capture" if known else None,
        "retransmitted_bytes": repeated,
        "retransmission_share": (
            count_segments(again.filter(pl.col("kind") == "data")) / sent.height
            if sent.height
            else None
        ),
    }


def _lost_packets(run: RunData, flow: FlowPlan) -> int | None:
    """Return how many of the flow's data segments were captured at the sender and not at the
    receiver; None when none was captured at both.
    """
    own = (
        (pl.col("flow") == flow.name)
        & (pl.col("from_node") == flow.sender)
        & (pl.col("payload_bytes") > 0)
    )
    sent = run.table("journeys").filter(own)
    return int((sent["copies"] == 0).sum()) if sent.height else None


def _rtt(run: RunData, flow: str) -> dict[str, Any] | None:
    """Return the percentiles of a flow's round-trip times in ms."""
    rtt = run.table("rtt").filter(pl.col("flow") == flow)["rtt_ns"]
    if rtt.is_empty():
        return None
    points = {"min_ms": 0.0, "p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99, "max_ms": 1.0}
    values = {name: (rtt.quantile(point, "nearest") or 0.0) / 1e6 for name, point in points.items()}
    return {"samples": rtt.len(), **values}


def _cwnd(run: RunData, flow: FlowPlan) -> dict[str, Any] | None:
    """Return the congestion window's statistics in segments: per ACK and timeout from the kernel's
    trace, else from ss snapshots.

    Median and mean are over ACKs; the smallest, the largest and the last also know the window while
    a timer backed off.
    """
    source = "tcp_probe"
    rows = (
        run.table("flow_states")
        .filter(pl.col("flow") == flow.name)
        .sort("t_ns", maintain_order=True)
    )
    if rows.is_empty():
        probe = run.table("tcp_probe").filter(
            (pl.col("flow") == flow.name) & (pl.col("node") == flow.sender)
        )
        rows = probe.with_columns(source=pl.lit("tcp_probe"))
    if rows.is_empty():
        name, source = "sockets", "ss"
        rows = run.table(name).filter(
            (pl.col("flow") == flow.name)
            & (pl.col("node") == flow.sender)
            & (pl.col("state") == "estab")
        )
    cwnd = rows["cwnd"].drop_nulls()
    if cwnd.is_empty():
        return None
    per_ack = (
        rows.filter(pl.col("source") == "tcp_probe")["cwnd"].drop_nulls()
        if source == "tcp_probe"
        else cwnd
    )
    # where the tracepoint hides a threshold, this table has it
    states = run.table("flow_states").filter(pl.col("flow") == flow.name)
    low = (
        rows.filter(pl.col("ssthresh") < INFINITE_SSTHRESH)
        if states.is_empty()
        else states.sort("t_ns")
    )["ssthresh"].drop_nulls()
    numbers = {
        "min": cwnd.min(),
        "p50": per_ack.quantile(0.5, "nearest"),
        "mean": per_ack.mean(),
        "max": cwnd.max(),
        "last": cwnd[-1],
        "ssthresh_last": None if low.is_empty() else low[-1],
    }
    return {"source": source, "samples": per_ack.len(), **numbers}
