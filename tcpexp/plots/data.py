"""Small questions that several plots ask of a run's tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcpexp.analysis.segments import mark_resent
from tcpexp.late import polars as pl

if TYPE_CHECKING:
    from tcpexp.plan.types import FlowPlan
    from tcpexp.plots.base import Options
    from tcpexp.store.rundata import RunData

#: The largest ssthresh, segments, that a socket can really have; above it the kernel means
#: "infinite".
INFINITE_SSTHRESH = 0x7FFFFFFF


def addresses(run: RunData, node: str) -> set[str]:
    """Return the addresses of a node, without prefix lengths.

    Empty when the plan has no such node.
    """
    for each in run.plan.network.nodes:
        if each.name == node:
            return {interface.address for interface in each.interfaces}
    return set()


def flow_of(run: RunData, name: str) -> FlowPlan | None:
    """Return the plan's flow of that name."""
    return next((flow for flow in run.plan.flows if flow.name == name), None)


def receiver_of(flow: FlowPlan) -> str:
    """Return the node that receives the flow's data."""
    return flow.server if flow.sender == flow.client else flow.client


def within(frame: pl.DataFrame, options: Options, column: str = "t_ns") -> pl.DataFrame:
    """Return the rows whose time lies in ``options["between"]``, or all rows."""
    between = options.get("between")
    if between is None:
        return frame
    return frame.filter(pl.col(column).is_between(between[0], between[1]))


def flow_packets(run: RunData, flow: FlowPlan) -> pl.DataFrame:
    """Return a flow's packets as its sender saw them, of the connection that carried most data.

    Adds ``outgoing`` (Boolean: sent by the sender) and ``again`` (sent again, as the table
    ``resent`` says). Empty when the sender's capture holds none.
    """
    own = addresses(run, flow.sender)
    packets = run.table("packets").filter(
        (pl.col("flow") == flow.name) & (pl.col("node") == flow.sender)
    )
    if packets.is_empty():
        return packets.with_columns(pl.lit(False).alias("outgoing"), pl.lit(False).alias("again"))
    packets = packets.with_columns(pl.col("src").is_in(list(own)).alias("outgoing"))
    totals = packets.group_by("capture", "stream").agg(pl.col("payload_bytes").sum().alias("total"))
    busiest = totals.sort(["total", "capture", "stream"], descending=[True, False, False]).row(
        0, named=True
    )
    own_stream = (pl.col("capture") == busiest["capture"]) & pl.col("stream").eq_missing(
        pl.lit(busiest["stream"])
    )
    return mark_resent(run, packets.filter(own_stream).sort("number"))


def flow_frames(run: RunData, options: Options, wanted: pl.Expr) -> dict[str, pl.DataFrame]:
    """Return the packets of each flow (as :func:`flow_packets`) in the time that ``options``
    choose, of those flows that have a ``wanted`` one among them.
    """
    frames = {flow.name: within(flow_packets(run, flow), options) for flow in run.plan.flows}
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


def kernel_samples(run: RunData, options: Options) -> pl.DataFrame:
    """Return the rows of ``flow_states`` whose segment size is known, with ``segments``: what is in
    flight, in full segments.

    In flight is ``snd_nxt - snd_una`` of the kernel's trace, a full segment its ``mss``: never the
    largest packet that a capture shows, which with segmentation offload is many segments.
    """
    rows = within(run.table("flow_states"), options)
    return rows.filter(pl.col("mss") > 0).with_columns(
        segments=pl.col("in_flight_bytes") / pl.col("mss")
    )
