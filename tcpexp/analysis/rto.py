"""The retransmission timer as the wire shows it: gaps between transmissions of the same data, where the timer ran out."""

from __future__ import annotations

from typing import Any

import polars as pl

from tcpexp.plan.types import FlowPlan
from tcpexp.store.rundata import RunData

#: From the kernel's setting of Loss to the retransmission in the capture, at most.
_AT_ONCE_NS = 5_000_000


def retransmission_timeouts(run: RunData, flow: FlowPlan) -> pl.DataFrame:
    """Return what a flow's sender sent again because the timer had run out: ``t_ns``, ``connection``, ``seq_rel``, ``gap_ns``, ``factor``.

    ``gap_ns`` is the time since the last transmission of the same segment, which estimates the RTO (Linux counts from there after a tail loss
    probe; without one, from the last ACK, so that the estimate is high by the ACKs' age). ``factor`` is the gap over the one before: 2 with RFC 6298's
    back-off (section 5.5). For a SYN or FIN each repetition is the timer's; for data those right behind the kernel's change to Loss.
    """
    packets = run.table("packets").filter((pl.col("flow") == flow.name) & (pl.col("node") == flow.sender) & (pl.col("protocol") == "tcp"))
    own = [each.address for each in run.plan.network.node(flow.sender).interfaces]
    timed = pl.col("flags").str.contains("[SF]")
    sent = packets.filter(pl.col("src").is_in(own) & ((pl.col("payload_bytes") > 0) | timed)).sort("t_ns", maintain_order=True)
    same = ("connection", "seq_rel", "payload_bytes")
    again = sent.select("t_ns", *same, handshake=timed).with_columns(gap_ns=pl.col("t_ns").diff().over(same)).filter(pl.col("gap_ns").is_not_null())
    losses = run.table("ca_states").filter((pl.col("flow") == flow.name) & (pl.col("node") == flow.sender) & (pl.col("ca_state") == "Loss"))
    marks = losses.select("connection", "t_ns", loss_ns=pl.col("t_ns")).sort("t_ns")
    joined = again.join_asof(marks, on="t_ns", by="connection", strategy="backward", tolerance=_AT_ONCE_NS, check_sortedness=False)
    mine = joined.filter(pl.col("handshake") | pl.col("loss_ns").is_not_null())
    first = pl.col("handshake") | (pl.col("loss_ns") != pl.col("loss_ns").shift().over("connection")).fill_null(True)
    return mine.filter(first).select(
        "t_ns", "connection", "seq_rel", "gap_ns", factor=pl.col("gap_ns") / pl.col("gap_ns").shift().over(same)
    )  # fmt: skip


def measure_timeouts(run: RunData, flow: FlowPlan) -> dict[str, Any] | None:
    """Return how often a flow's timer ran out, the estimated RTO (ms: first, largest) and the median back-off; None without a timeout."""
    rows = retransmission_timeouts(run, flow)
    if rows.is_empty():
        return None
    gaps, factors = rows["gap_ns"].to_numpy() / 1e6, rows["factor"].drop_nulls()
    return {"count": rows.height, "first_ms": float(gaps[0]), "max_ms": float(gaps.max()), "backoff": factors.median() if factors.len() else None}
