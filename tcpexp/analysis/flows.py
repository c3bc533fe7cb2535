"""Numbers of single flows, and how fairly they share: goodput, retransmissions, round-trip times, windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from tcpexp.analysis.pathsteps import bottlenecks
from tcpexp.analysis.segments import data_segments, segments_sent_again
from tcpexp.plan.types import FlowPlan
from tcpexp.store.rundata import NANOSECONDS, RunData

_INFINITE_SSTHRESH = 2**31 - 1


def measure_flow(run: RunData, flow: FlowPlan) -> dict[str, Any]:
    """Return the metrics of one flow; what was not recorded is None.

    ``goodput_bps`` counts first arrivals of payload at the receiver over the whole run, ``goodput_active_bps`` from the flow's first
    to its last arrival. ``retransmissions`` comes from the kernel's trace when there is one, else from the sequence
    numbers in the sender's capture.
    """
    throughput = run.table("throughput").filter(pl.col("flow") == flow.name)
    span = active_span(run, flow)
    good = int(throughput["goodput_bytes"].sum())
    active_ns = span[1] - span[0] if span else 0
    own = run.table("connections").filter(pl.col("flow") == flow.name)
    whole = run.end_ns
    return {
        "client": flow.client,
        "server": flow.server,
        "sender": flow.sender,
        "port": flow.port,
        "application": flow.application,
        "congestion_control": flow.congestion_control,
        "connections": own.height,
        "start_ns": span[0] if span else None,
        "end_ns": span[1] if span else None,
        "duration_s": active_ns / NANOSECONDS if span else None,
        "goodput_bytes": good,
        "goodput_bps": _rate(good, whole) if throughput.height else None,
        "goodput_active_bps": _rate(good, active_ns) if span else None,
        "wire_bytes": int(throughput["wire_bytes"].sum()),
        **_retransmissions(run, flow),
        "rtt": _rtt(run, flow.name),
        "cwnd": _cwnd(run, flow),
    }


def _rate(count: int, span_ns: int) -> float | None:
    return count * 8 * NANOSECONDS / span_ns if span_ns > 0 else None


def active_span(run: RunData, flow: FlowPlan) -> tuple[int, int] | None:
    """Return (first, last) arrival of a flow's payload at its receiver in ns, or None when nothing arrived."""
    receiver = flow.server if flow.sender == flow.client else flow.client
    times = data_segments(run, flow, receiver)["t_ns"]
    return None if times.is_empty() else (int(times[0]), int(times[-1]))


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
    states = run.table("flow_states").filter(pl.col("flow") == flow.name)  # where the tracepoint hides a threshold, this table has it
    low = (rows.filter(pl.col("ssthresh") < _INFINITE_SSTHRESH) if states.is_empty() else states.sort("t_ns"))["ssthresh"].drop_nulls()
    numbers = {
        "min": cwnd.min(),
        "p50": cwnd.quantile(0.5, "nearest"),
        "mean": cwnd.mean(),
        "max": cwnd.max(),
        "last": cwnd[-1],
        "ssthresh_last": None if low.is_empty() else low[-1],
    }
    return {"source": source, "samples": cwnd.len(), **numbers}


def jain_index(values: Sequence[float]) -> float | None:
    """Return Jain's fairness index (sum x)^2 / (n sum x^2): 1 is equal, 1/n is all for one. None without any traffic.

    Jain, Chiu, Hawe: A Quantitative Measure of Fairness, DEC-TR-301, 1984.
    """
    squares = sum(value * value for value in values)
    return sum(values) ** 2 / (len(values) * squares) if squares > 0 else None


def measure_shares(run: RunData, flows: Sequence[FlowPlan]) -> dict[str, Any]:
    """Return each flow's share of the payload that the flows with the same bottleneck delivered, and Jain's index, over the run and while they were active.

    Flows in opposite directions of a link share nothing: the shares of each direction sum to 1. ``directions`` has each by its name (``link to node``);
    ``whole`` and ``together`` are of the one with several flows, or of the only one, with the shares of all. A ``together`` is None when the flows never
    overlapped, an index where several directions have several flows.
    """
    groups = {f"{link} to {towards}": limited for (link, towards), limited in bottlenecks(run, flows).items()}
    known = {flow.name for limited in groups.values() for flow in limited}
    groups |= {flow.name: [flow] for flow in flows if flow.name not in known}  # without a path
    directions = {name: _direction(run, limited) for name, limited in groups.items()}
    several = [name for name, limited in groups.items() if len(limited) > 1] or list(groups)
    main = directions[several[0]] if len(several) == 1 else None
    shares = {flow: share for each in directions.values() for flow, share in each["whole"]["share"].items()}
    return {
        "whole": {"share": {flow.name: shares[flow.name] for flow in flows}, "jain_index": None if main is None else main["whole"]["jain_index"]},
        "together": None if main is None else main["together"],
        "directions": directions,
    }


def _direction(run: RunData, flows: Sequence[FlowPlan]) -> dict[str, Any]:
    spans = [active_span(run, flow) for flow in flows]
    present = [span for span in spans if span is not None]
    result: dict[str, Any] = {"whole": _share(run, flows, None), "together": None}
    if len(present) == len(flows) and len(flows) > 1:
        begin, end = max(span[0] for span in present), min(span[1] for span in present)
        if end > begin:
            result["together"] = {"from_ns": begin, "to_ns": end, **_share(run, flows, (begin, end))}
    return result


def _share(run: RunData, flows: Sequence[FlowPlan], span: tuple[int, int] | None) -> dict[str, Any]:
    rows = run.table("throughput")
    if span is not None:
        rows = rows.filter(pl.col("t_ns").is_between(*span, closed="left"))
    sums = dict(rows.group_by("flow").agg(pl.col("goodput_bytes").sum()).iter_rows())
    values = {flow.name: int(sums.get(flow.name, 0)) for flow in flows}
    total = sum(values.values())
    shares = {name: value / total if total else None for name, value in values.items()}
    return {"share": shares, "jain_index": jain_index(list(values.values()))}
