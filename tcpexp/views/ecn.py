"""Explicit Congestion Notification of a flow: what its handshake agreed on, how many packets
arrived with a mark, and of how many the sender heard.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tcpexp.late import polars as pl
from tcpexp.plan.flows import addresses_of, receiver_of

if TYPE_CHECKING:
    from tcpexp.plan.types import FlowPlan
    from tcpexp.store.rundata import RunData

Variant = Literal["accurate", "classic", "none"]
CE = 3
_DELIVERED_CE = re.compile(r"\bdelivered_ce:(\d+)")


@dataclass(frozen=True)
class Marks:
    """Marks of a flow in numbers.

    ``arrived`` counts packets with CE at the receiver, ``told`` what the acknowledgments that came
    back tell of (accurate ECN: the growth of ACE; classic ECN: those with ECE), ``kernel`` the
    sender's own count of marked segments (``delivered_ce`` of ss) at its last snapshot, None where
    it was never seen.
    """

    arrived: int
    told: int
    kernel: int | None


def negotiated(run: RunData, flow: FlowPlan) -> Variant | None:
    """Return what the handshakes of a flow's connections agreed on, by the client's capture; None
    without a handshake.

    RFC 3168 section 6.1.1: a SYN with ECE and CWR, a SYN-ACK with ECE alone. RFC 9768 section
    3.1.1: a SYN with AE as well, and a SYN-ACK of its own pattern.
    """
    packets = run.table("packets").filter(
        (pl.col("flow") == flow.name) & (pl.col("node") == flow.client)
    )
    if packets["ace"].drop_nulls().len():
        return "accurate"
    answers = packets.filter(
        pl.col("flags").str.contains("S", literal=True)
        & pl.col("flags").str.contains("A", literal=True)
    )["flags"]
    if answers.is_empty():
        return None
    asked = packets.filter(~pl.col("flags").str.contains("A", literal=True))["flags"]
    classic = all("E" in flags and "C" not in flags for flags in answers.to_list())
    return "classic" if classic and any("C" in flags for flags in asked.to_list()) else "none"


def marks_of(run: RunData, flow: FlowPlan) -> Marks:
    """Return how many marks of a flow's data arrived and were told of."""
    sources = addresses_of(run.plan, flow.sender)
    own = run.table("packets").filter(pl.col("flow") == flow.name)
    arrived = own.filter(
        (pl.col("node") == receiver_of(flow)) & pl.col("src").is_in(sources) & (pl.col("ecn") == CE)
    )
    back = own.filter(
        (pl.col("node") == flow.sender)
        & ~pl.col("src").is_in(sources)
        & ~pl.col("flags").str.contains("S", literal=True)
    ).sort("connection", "t_ns", maintain_order=True)
    if back["ace"].drop_nulls().len():
        grown = pl.col("ace").diff().over("connection") % 8
        # polars' remainder has the sign of the dividend
        told = int(back.select(pl.when(grown < 0).then(grown + 8).otherwise(grown).sum()).item())
    else:
        told = back.filter(pl.col("flags").str.contains("E", literal=True)).height
    return Marks(arrived.height, told, _kernel_count(run, flow))


def _kernel_count(run: RunData, flow: FlowPlan) -> int | None:
    """Return the largest ``delivered_ce`` of the flow's sockets at its sender, summed."""
    rows = run.table("sockets").filter(
        (pl.col("flow") == flow.name) & (pl.col("node") == flow.sender)
    )
    counts: dict[int, int] = {}
    for port, info in rows.select("local_port", "info").iter_rows():
        found = _DELIVERED_CE.search(info or "")
        if found is not None:
            counts[port] = max(counts.get(port, 0), int(found[1]))
    return sum(counts.values()) if counts else (0 if rows.height else None)
