"""The two captures in which one packet stands: where it was sent and where it arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.plots.table import PacketLink

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


def both_ends(run: RunData, capture: str, number: int) -> tuple[PacketLink, ...]:
    """Return the packet and, when the table ``journeys`` knows it at the other end too, that one: the sender's first."""
    import polars as pl

    packets = run.table("packets")
    own = packets.filter((pl.col("capture") == capture) & (pl.col("number") == number)).select("node", "t_ns")
    here = PacketLink(capture, number)
    if own.is_empty():
        return (here,)
    node, t_ns = own.row(0)
    journeys = run.table("journeys").filter(pl.col("received_number").is_not_null())
    sent = journeys.filter((pl.col("from_node") == node) & (pl.col("sent_number") == number) & (pl.col("sent_ns") == t_ns))
    for to_node, other, other_ns in sent.select("to_node", "received_number", "received_ns").head(1).iter_rows():
        return (here, *_found(run, to_node, other, other_ns))
    arrived = journeys.filter((pl.col("to_node") == node) & (pl.col("received_number") == number) & (pl.col("received_ns") == t_ns))
    for from_node, other, other_ns in arrived.select("from_node", "sent_number", "sent_ns").head(1).iter_rows():
        return (*_found(run, from_node, other, other_ns), here)
    return (here,)


def _found(run: RunData, node: str, number: int, t_ns: int) -> tuple[PacketLink, ...]:
    """Return the packet of that number and time at one of a node's interfaces."""
    import polars as pl

    rows = run.table("packets").filter((pl.col("node") == node) & (pl.col("number") == number) & (pl.col("t_ns") == t_ns))
    return tuple(PacketLink(capture, number) for capture in rows["capture"].head(1))
