"""The two captures in which one packet stands: where it was sent and where it arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.late import polars as pl
from tcpexp.views.packets import PacketLink

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


#: What can become of a packet, in the order of the bits of ``fate_bits``.
FATES = ("lost on the way", "duplicated on the way", "overtaken on the way", "changed on the way")


def fate_bits() -> pl.Expr:
    """Return what became of a packet of ``journeys``, as bits in the order of ``FATES``; none where
    it cannot be followed.
    """
    return (
        (pl.col("copies") == 0).fill_null(False).cast(pl.Int64)
        + (pl.col("copies") > 1).fill_null(False).cast(pl.Int64) * 2
        + pl.col("late").fill_null(False).cast(pl.Int64) * 4
        + pl.col("changed").fill_null(False).cast(pl.Int64) * 8
    ).alias("fate")


def both_ends(run: RunData, capture: str, number: int) -> tuple[PacketLink, ...]:
    """Return the packet and, when the table ``journeys`` knows it at the other end too, that one:
    the sender's first.
    """
    packets = run.table("packets").select("capture", "number", "node", "t_ns")
    own = packets.filter((pl.col("number") == number) & (pl.col("capture") == capture))
    here = PacketLink(capture, number)
    if own.is_empty():
        return (here,)
    node, t_ns = own["node"][0], own["t_ns"][0]
    journeys = run.table("journeys").select(
        "from_node", "to_node", "sent_number", "sent_ns", "received_number", "received_ns"
    )
    arrives = pl.col("received_number").is_not_null()
    sent = journeys.filter(
        (pl.col("sent_ns") == t_ns)
        & (pl.col("sent_number") == number)
        & (pl.col("from_node") == node)
        & arrives
    )
    for to_node, other, other_ns in (
        sent.select("to_node", "received_number", "received_ns").head(1).iter_rows()
    ):
        return (here, *_found(run, to_node, other, other_ns))
    arrived = journeys.filter(
        (pl.col("received_ns") == t_ns)
        & (pl.col("received_number") == number)
        & (pl.col("to_node") == node)
    )
    for from_node, other, other_ns in (
        arrived.select("from_node", "sent_number", "sent_ns").head(1).iter_rows()
    ):
        return (*_found(run, from_node, other, other_ns), here)
    return (here,)


def _found(run: RunData, node: str, number: int, t_ns: int) -> tuple[PacketLink, ...]:
    """Return the packet of that number and time at one of a node's interfaces."""
    packets = run.table("packets").select("capture", "number", "node", "t_ns")
    rows = packets.filter(
        (pl.col("t_ns") == t_ns) & (pl.col("number") == number) & (pl.col("node") == node)
    )
    return tuple(PacketLink(capture, number) for capture in rows["capture"].head(1))
