"""Packets as their sender, a flow or a connection saw them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tcpexp.analysis.segments import mark_resent
from tcpexp.late import polars as pl
from tcpexp.plan.flows import addresses_of
from tcpexp.views.spans import Span, rows_within

if TYPE_CHECKING:
    from tcpexp.plan.types import FlowPlan
    from tcpexp.store.rundata import RunData

#: tcpdump's letters, as the table ``packets`` joins them, and their names.
FLAG_WORDS = {
    "S": "SYN",
    "F": "FIN",
    "R": "RST",
    "P": "PSH",
    "A": "ACK",
    "U": "URG",
    "E": "ECE",
    "C": "CWR",
    "e": "AE",
}


@dataclass(frozen=True)
class PacketLink:
    """A packet: the capture (``h1-eth0``) and the number that Wireshark shows there."""

    capture: str
    number: int


def flow_packets(run: RunData, flow: FlowPlan) -> pl.DataFrame:
    """Return a flow's packets as its sender saw them, of the connection that carried most data.

    Adds ``outgoing`` (Boolean: sent by the sender) and ``again`` (sent again, as the table
    ``resent`` says). Empty when the sender's capture holds none.
    """
    packets = run.table("packets").filter(
        (pl.col("flow") == flow.name) & (pl.col("node") == flow.sender)
    )
    if packets.is_empty():
        return packets.with_columns(pl.lit(False).alias("outgoing"), pl.lit(False).alias("again"))
    packets = packets.with_columns(
        pl.col("src").is_in(addresses_of(run.plan, flow.sender)).alias("outgoing")
    )
    totals = packets.group_by("capture", "stream").agg(pl.col("payload_bytes").sum().alias("total"))
    busiest = totals.sort(["total", "capture", "stream"], descending=[True, False, False]).row(
        0, named=True
    )
    own_stream = (pl.col("capture") == busiest["capture"]) & pl.col("stream").eq_missing(
        pl.lit(busiest["stream"])
    )
    return mark_resent(run, packets.filter(own_stream).sort("number"))


def flow_frames(run: RunData, span: Span | None, wanted: pl.Expr) -> dict[str, pl.DataFrame]:
    """Return the packets of each flow (as :func:`flow_packets`) within ``span``.

    Flows that have no ``wanted`` packet among them are left out.
    """
    frames = {flow.name: rows_within(flow_packets(run, flow), span) for flow in run.plan.flows}
    return {
        name: packets for name, packets in frames.items() if not packets.filter(wanted).is_empty()
    }


def connection_packets(run: RunData, one: dict[str, Any]) -> pl.DataFrame:
    """Return the packets of one connection (a row of ``connections``), both ways and of all
    captures, in the order of time.
    """
    return (
        run.table("packets")
        .filter(pl.col("connection") == one["connection"])
        .sort("t_ns", maintain_order=True)
    )


def has_label(*names: str) -> pl.Expr:
    """Return an expression: whether the packet carries any of Wireshark's labels ``names``."""
    return pl.any_horizontal([pl.col("labels").list.contains(name) for name in names]).fill_null(
        False
    )
