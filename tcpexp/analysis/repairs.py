"""What became of the data segments on which a fault acted: when each was sent again, by which of the sender's mechanisms, and when it arrived.

The mechanism is read from the kernel: tracepoint ``tcp:tcp_retransmit_skb`` says that a segment was sent again, ``tcp:tcp_cong_state_set`` in which congestion
state the sender was (net/ipv4/tcp_input.c): a fast retransmission happens in Recovery, a retransmission timeout enters Loss just before it sends,
and a tail loss probe is all that is sent again in Open, Disorder or CWR.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from tcpexp.store.rundata import RunData

#: The kernel's trace event of a retransmission follows its capture (or precedes it) by at most so much.
CAPTURED_WITHIN_NS = 2_000_000
#: A timeout enters Loss and sends at once; what is sent later in Loss follows ACKs.
AT_ONCE_NS = 1_000_000
#: In the order of the documentation.
MECHANISMS = {
    "fast_retransmit": "fast retransmission",
    "lost_retransmission": "retransmission of a lost retransmission",
    "tail_loss_probe": "tail loss probe",
    "timeout": "retransmission timeout",
    "after_timeout": "retransmission after a timeout",
}


@dataclass(frozen=True)
class Again:
    """One retransmission: when, frame number in the sender's capture, mechanism, congestion state (None: not recorded)."""

    t_ns: int
    number: int
    offset: int
    mechanism: str | None
    ca_state: str | None


@dataclass(frozen=True)
class Repair:
    """What became of one segment. ``arrived_ns`` is its first arrival, None when it never came; ``offset`` its first byte in the stream."""

    flow: str | None
    offset: int
    capture: str
    sent_ns: int
    sent_number: int
    again: tuple[Again, ...]
    arrived_ns: int | None


def find_repairs(run: RunData, step: str) -> list[Repair]:
    """Return what became of each data segment on which the fault ``step`` acted, by their first sending."""
    rows = run.table("faults").filter((pl.col("step") == step) & (pl.col("payload_bytes") > 0))
    keys = rows.unique(["connection", "src", "src_port", "dst", "dst_port", "seq"], keep="first", maintain_order=True)
    found = [_repair(run, row) for row in keys.iter_rows(named=True)]
    return sorted((each for each in found if each is not None), key=lambda each: each.sent_ns)


def _repair(run: RunData, row: dict[str, object]) -> Repair | None:
    ends = pl.all_horizontal(pl.col(name).eq_missing(pl.lit(row[name])) for name in ("connection", "src", "src_port", "dst", "dst_port"))
    segment = run.table("packets").filter(ends & (pl.col("seq") == row["seq"]) & (pl.col("payload_bytes") > 0))
    nodes = {each.address: node.name for node in run.plan.network.nodes for each in node.interfaces}
    source, target = nodes.get(str(row["src"])), nodes.get(str(row["dst"]))
    sent = segment.filter(pl.col("node") == source).sort("t_ns", "number")
    if sent.is_empty():
        return None
    arrived = segment.filter((pl.col("node") == target) & ~pl.col("checksum_bad").fill_null(False)).sort("t_ns")
    offset = int(str(row["offset"]))
    again = []
    for index, each in enumerate(sent.slice(1).iter_rows(named=True)):
        mechanism, state = _mechanism(run, str(source), ends, int(each["t_ns"]), index)
        again.append(Again(int(each["t_ns"]), int(each["number"]), offset, mechanism, state))
    first = sent.row(0, named=True)
    flow = None if row["flow"] is None else str(row["flow"])
    return Repair(flow, offset, first["capture"], first["t_ns"], first["number"], tuple(again), None if arrived.is_empty() else int(arrived["t_ns"][0]))


def _mechanism(run: RunData, node: str, ends: pl.Expr, t_ns: int, earlier: int) -> tuple[str | None, str | None]:
    """Return the mechanism and the congestion state of the retransmission that was captured at ``t_ns`` after ``earlier`` others."""
    own = (pl.col("node") == node) & ends
    events = run.table("retransmits").filter(own).with_columns(apart=(pl.col("t_ns") - t_ns).abs()).sort("apart")
    if events.is_empty() or events["apart"][0] > CAPTURED_WITHIN_NS:
        return None, None
    at = int(events["t_ns"][0])
    states = run.table("ca_states").filter(own & (pl.col("t_ns") <= at)).sort("t_ns")
    if states.is_empty():
        return None, None
    since, state = int(states["t_ns"][-1]), str(states["ca_state"][-1])
    if state == "Loss":
        return ("timeout" if at - since < AT_ONCE_NS else "after_timeout"), state
    if state == "Recovery":
        return ("lost_retransmission" if earlier else "fast_retransmit"), state
    return "tail_loss_probe", state
