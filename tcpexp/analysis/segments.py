"""Data segments of a flow, and which packets their sender sent again: the table ``resent`` says it,
not Wireshark's labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.late import polars as pl

if TYPE_CHECKING:
    from tcpexp.plan.types import FlowPlan
    from tcpexp.store.rundata import RunData


def data_segments(run: RunData, flow: FlowPlan, seen_at: str) -> pl.DataFrame:
    """Return the ``packets`` with payload from the flow's sender as the captures of node
    ``seen_at`` have them, in time order.
    """
    addresses = [face.address for face in run.plan.network.node(flow.sender).interfaces]
    own = (
        (pl.col("flow") == flow.name) & (pl.col("node") == seen_at) & pl.col("src").is_in(addresses)
    )
    return (
        run.table("packets")
        .filter(own & (pl.col("payload_bytes") > 0))
        .sort("t_ns", maintain_order=True)
    )


def mark_resent(run: RunData, packets: pl.DataFrame) -> pl.DataFrame:
    """Return rows of ``packets``, each with ``again``: whether it was sent again, as the table
    ``resent`` says (so at its sender's capture).
    """
    again = run.table("resent").select("capture", "number", again=pl.lit(True))
    return packets.join(
        again, on=["capture", "number"], how="left", maintain_order="left"
    ).with_columns(pl.col("again").fill_null(False))
