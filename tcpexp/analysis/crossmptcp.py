"""MPTCP: what arrived in order over all subflows, by the packets' mappings, against what the
receiver acknowledged in its own numbers (DATA_ACK, RFC 8684 section 3.3.2).
"""

from __future__ import annotations

from collections.abc import Iterator

from tcpexp.analysis.comparison import CrossCheck
from tcpexp.ingest.subflows import with_places
from tcpexp.late import numpy as np
from tcpexp.late import polars as pl
from tcpexp.plan.flows import receiver_of
from tcpexp.plan.types import FlowPlan
from tcpexp.store.rundata import RunData

#: A receiver may hold an acknowledgment back for so long (net/tcp.h: TCP_DELACK_MAX).
_DELAYED_NS = 200_000_000
_SPACE, _HALF = 1 << 32, 1 << 31


def check_data_acks(run: RunData) -> Iterator[CrossCheck]:
    """Compare, for each MPTCP connection of a flow, the bytes in order at the receiver's captures
    with its last DATA_ACK.
    """
    table = run.table("subflows")
    for flow in run.plan.flows:
        own = table.filter(pl.col("flow") == flow.name)
        for (mptcp,), rows in own.group_by("mptcp", maintain_order=True):
            check = _compare(run, flow, int(str(mptcp)), rows["connection"].to_list())
            if check is not None:
                yield check


def _compare(run: RunData, flow: FlowPlan, mptcp: int, connections: list[int]) -> CrossCheck | None:
    receiver = receiver_of(flow)
    mine = run.table("packets").filter(
        (pl.col("node") == receiver) & pl.col("connection").is_in(connections)
    )
    addresses = [face.address for face in run.plan.network.node(receiver).interfaces]
    from_receiver = pl.col("src").is_in(addresses)
    acks = mine.filter(from_receiver & pl.col("data_ack").is_not_null()).sort("t_ns")
    data = with_places(mine.filter(~from_receiver).sort("t_ns"))
    if acks.is_empty() or data.is_empty():
        return None
    first = int(data["dsn"].drop_nulls()[0]) - int(
        data.filter(pl.col("dsn").is_not_null())["place"][0]
    )
    numbers = (acks["data_ack"].to_numpy() - first + _HALF) % _SPACE - _HALF
    acked, at = int(np.max(numbers)) - 1, int(acks["t_ns"].max())  # type: ignore[arg-type]
    arrived, before = (
        _in_order(data.filter(pl.col("t_ns") <= until)) for until in (at, at - _DELAYED_NS)
    )
    return CrossCheck(
        "data acknowledged",
        f"{flow.name}, MPTCP connection {mptcp}",
        arrived,
        "the mappings of what arrived in order, all subflows together",
        acked,
        "the receiver's last DATA_ACK",
        -1,
        arrived - before,
        f"DATA_FIN has a number too; {arrived - before:,} bytes arrived in the last 200 ms, for"
        " which an acknowledgment may be held back",
    )


def _in_order(data: pl.DataFrame) -> int:
    """Return how many bytes from the first on are there without a hole."""
    rows = data.select(begin="place", end=pl.col("place") + pl.col("payload_bytes")).sort("begin")
    reached = rows["end"].cum_max()
    holes = rows["begin"] > reached.shift().fill_null(1)
    whole = reached.filter(holes.cum_sum() == 0)
    return int(whole[-1]) - 1 if whole.len() else 0
