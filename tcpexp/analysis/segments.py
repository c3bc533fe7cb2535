"""Data segments at the sender: which were sent, and which of them were sent again. By sequence number, not by Wireshark's labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from tcpexp.plan.types import FlowPlan
    from tcpexp.store.rundata import RunData

#: The columns of ``packets`` that tell connections apart.
CONNECTION = ("capture", "stream")


def data_segments(run: RunData, flow: FlowPlan, seen_at: str) -> pl.DataFrame:
    """Return the ``packets`` with payload from the flow's sender as the captures of node ``seen_at`` have them, in time order."""
    import polars as pl

    addresses = [face.address for face in run.plan.network.node(flow.sender).interfaces]
    own = (pl.col("flow") == flow.name) & (pl.col("node") == seen_at) & pl.col("src").is_in(addresses)
    return run.table("packets").filter(own & (pl.col("payload_bytes") > 0)).sort("t_ns", maintain_order=True)


def segments_sent_again(run: RunData, flow: FlowPlan) -> pl.DataFrame:
    """Return the flow's data segments that its sender sent again, as the sender's captures have them, in time order."""
    return data_segments(run, flow, flow.sender).filter(sent_again(*CONNECTION))


def sent_again(*by: str) -> pl.Expr:
    """Return an expression over a sender's data segments in time order: whether their last byte was sent before.

    ``by`` are the columns that tell connections apart, where there are several. Needs ``seq_rel``, which may wrap, and
    ``payload_bytes``. Exact at the sender; Wireshark calls a repeated segment Out-Of-Order when it comes soon after a new one.
    """
    import polars as pl

    # RFC 9293 section 3.4: sequence numbers are compared modulo 2^32, so each is taken as a step of less than 2^31 from the one before.
    step = pl.col("seq_rel").cast(pl.Int64).diff()
    steps = (step + 2**31 + 2**32) % 2**32 - 2**31
    left = (steps.over(*by) if by else steps).fill_null(0)
    end = (left.cum_sum().over(*by) if by else left.cum_sum()) + pl.col("payload_bytes")
    before = end.cum_max().shift()
    return ((end <= (before.over(*by) if by else before)) & pl.col("seq_rel").is_not_null()).fill_null(False)
