"""Numbers of single flows: goodput, retransmissions, round-trip times, windows."""

from __future__ import annotations

from typing import Any

import polars as pl

from tcpexp.analysis.activity import NEVER, activity_of, bits_per_second
from tcpexp.analysis.segments import data_segments, segments_sent_again
from tcpexp.plan.types import FlowPlan
from tcpexp.store.rundata import RunData

_INFINITE_SSTHRESH = 2**31 - 1


def measure_flow(run: RunData, flow: FlowPlan) -> dict[str, Any]:
    """Return the metrics of one flow; what was not recorded is None.

    ``goodput_bps`` counts first arrivals of payload at the receiver over the whole run, ``goodput_active_bps`` over the time from ``start_ns`` to
    ``end_ns``, in which the flow was active (:class:`Activity`). ``retransmissions`` comes from the kernel's trace when there is one, else from the sequence
    numbers in the sender's capture.
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
        "wire_bytes": int(throughput["wire_bytes"].sum()),
        **_retransmissions(run, flow),
        "lost_packets": _lost_packets(run, flow),
        "rtt": _rtt(run, flow.name),
        "cwnd": _cwnd(run, flow),
    }


def _retransmissions(run: RunData, flow: FlowPlan) -> dict[str, Any]:
    sent = data_segments(run, flow, flow.sender)
    again = segments_sent_again(run, flow)
    traced = "tcp:tcp_retransmit_skb" in _traced_events(run) or run.has("retransmits")
    kernel = run.table("retransmits").filter((pl.col("flow") == flow.name) & (pl.col("node") == flow.sender)).height
    captured = again.height if sent.height else None
    payload = int(sent["payload_bytes"].sum())
    repeated = max(payload - _distinct(run, flow), 0) if sent.height else None
    return {
        "packets_sent": sent.height,
        "retransmissions": kernel if traced else captured,
        "retransmissions_source": "kernel" if traced else ("capture" if sent.height else None),
        "retransmitted_bytes": repeated,
        "retransmission_share": (kernel if traced else again.height) / sent.height if sent.height else None,
    }


def _lost_packets(run: RunData, flow: FlowPlan) -> int | None:
    """Return how many of the flow's data segments were captured at the sender and not at the receiver; None when none was captured at both."""
    own = (pl.col("flow") == flow.name) & (pl.col("from_node") == flow.sender) & (pl.col("payload_bytes") > 0)
    sent = run.table("journeys").filter(own)
    return int((sent["copies"] == 0).sum()) if sent.height else None


def _traced_events(run: RunData) -> tuple[str, ...]:
    trace = run.engine.get("trace") or {}
    names = trace.get("events", []) if isinstance(trace, dict) else []
    return tuple(str(name).replace("/", ":") for name in names)


def _distinct(run: RunData, flow: FlowPlan) -> int:
    """Return how many different payload bytes the sender's capture saw leave."""
    own = run.table("connections").filter(pl.col("flow") == flow.name)
    column = "bytes_to_server" if flow.sender == flow.client else "bytes_to_client"
    return int(own[column].sum())


def _rtt(run: RunData, flow: str) -> dict[str, Any] | None:
    """Return the percentiles of a flow's round-trip times in ms."""
    rtt = run.table("rtt").filter(pl.col("flow") == flow)["rtt_ns"]
    if rtt.is_empty():
        return None
    points = {"min_ms": 0.0, "p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99, "max_ms": 1.0}
    values = {name: (rtt.quantile(point, "nearest") or 0.0) / 1e6 for name, point in points.items()}
    return {"samples": rtt.len(), **values}


def _cwnd(run: RunData, flow: FlowPlan) -> dict[str, Any] | None:
    """Return the congestion window's statistics in segments: per ACK from the kernel's trace, else from ss snapshots."""
    name, source = "tcp_probe", "tcp_probe"
    rows = run.table(name).filter((pl.col("flow") == flow.name) & (pl.col("node") == flow.sender))
    if rows.is_empty():
        name, source = "sockets", "ss"
        rows = run.table(name).filter(
            (pl.col("flow") == flow.name) & (pl.col("node") == flow.sender) & (pl.col("state") == "estab")
        )
    cwnd = rows["cwnd"].drop_nulls()
    if cwnd.is_empty():
        return None
    low = rows.filter(pl.col("ssthresh") < _INFINITE_SSTHRESH)["ssthresh"]
    numbers = {
        "min": cwnd.min(),
        "p50": cwnd.quantile(0.5, "nearest"),
        "mean": cwnd.mean(),
        "max": cwnd.max(),
        "last": cwnd[-1],
        "ssthresh_last": None if low.is_empty() else low[-1],
    }
    return {"source": source, "samples": cwnd.len(), **numbers}
