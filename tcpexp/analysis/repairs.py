"""What became of the data segments on which a fault acted: when each was sent again, by which of
the sender's mechanisms, and when it arrived.

That a segment was sent again, and by which mechanism, is what the table ``resent`` says
(:mod:`tcpexp.analysis.mechanisms`).
"""

from __future__ import annotations

from dataclasses import dataclass

from tcpexp.late import polars as pl
from tcpexp.store.rundata import RunData

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
    """One retransmission: when, frame number in the sender's capture, mechanism, congestion state
    (None: not recorded).
    """

    t_ns: int
    number: int
    offset: int
    mechanism: str | None
    ca_state: str | None


@dataclass(frozen=True)
class Repair:
    """What became of one segment.

    ``arrived_ns`` is its first arrival, None when it never came; ``offset`` its first byte in the
    stream.
    """

    flow: str | None
    offset: int
    capture: str
    sent_ns: int
    sent_number: int
    again: tuple[Again, ...]
    arrived_ns: int | None


def find_repairs(run: RunData, step: str) -> list[Repair]:
    """Return what became of each data segment on which the fault ``step`` acted, by their first
    sending.
    """
    rows = run.table("faults").filter((pl.col("step") == step) & (pl.col("payload_bytes") > 0))
    keys = rows.unique(
        ["connection", "src", "src_port", "dst", "dst_port", "seq"],
        keep="first",
        maintain_order=True,
    )
    found = [_repair(run, row) for row in keys.iter_rows(named=True)]
    return sorted(
        (repair for repair in found if repair is not None), key=lambda repair: repair.sent_ns
    )


def _repair(run: RunData, row: dict[str, object]) -> Repair | None:
    ends = pl.all_horizontal(
        pl.col(name).eq_missing(pl.lit(row[name]))
        for name in ("connection", "src", "src_port", "dst", "dst_port")
    )
    segment = run.table("packets").filter(
        ends & (pl.col("seq") == row["seq"]) & (pl.col("payload_bytes") > 0)
    )
    nodes = {
        interface.address: node.name
        for node in run.plan.network.nodes
        for interface in node.interfaces
    }
    source, target = nodes.get(str(row["src"])), nodes.get(str(row["dst"]))
    sent = segment.filter(pl.col("node") == source).sort("t_ns", "number")
    if sent.is_empty():
        return None
    arrived = segment.filter(
        (pl.col("node") == target) & ~pl.col("checksum_bad").fill_null(False)
    ).sort("t_ns")
    offset = int(str(row["offset"]))
    repeated = (
        run.table("resent").join(sent.slice(1), on=["capture", "number"], how="semi").sort("t_ns")
    )
    again = [
        Again(int(row["t_ns"]), int(row["number"]), offset, row["by"], row["ca_state"])
        for row in repeated.iter_rows(named=True)
    ]
    first = sent.row(0, named=True)
    flow = None if row["flow"] is None else str(row["flow"])
    return Repair(
        flow,
        offset,
        first["capture"],
        first["t_ns"],
        first["number"],
        tuple(again),
        None if arrived.is_empty() else int(arrived["t_ns"][0]),
    )
