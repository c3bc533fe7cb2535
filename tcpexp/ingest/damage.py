"""Segments that arrived damaged in a capture that holds only headers: their checksum cannot be
verified, but nobody sent them so.
"""

from __future__ import annotations

import polars as pl

from tcpexp.ingest.network import Nodes
from tcpexp.plan.types import LinkChange, RunPlan

_SENT = ("src", "src_port", "dst", "dst_port", "flags", "seq", "payload_bytes")


def mark_unsent(packets: pl.DataFrame, plan: RunPlan, nodes: Nodes) -> pl.DataFrame:
    """Set ``checksum_bad`` of segments that arrived at a host and never left their sender with
    these ports, flags, sequence number and length.

    Only where the plan asks for corruption, no host cuts or joins segments, and the sender's
    packets were captured. The receiver drops such a segment (RFC 9293 section 3.1): its bytes are
    no goodput, and ports that a flipped bit made are no connection.
    """
    if not corrupts(plan) or any(
        face.offloads for node in plan.network.nodes for face in node.interfaces
    ):
        return packets
    data = packets.with_row_index("row").filter(pl.col("protocol") == "tcp")
    sent = data.filter(nodes.of_address("src") == pl.col("node"))
    arrived = data.filter(
        (nodes.of_address("dst") == pl.col("node")) & ~pl.col("checksum_bad").fill_null(False)
    )
    arrived = arrived.join(sent.select("src").unique(), on="src", how="semi")
    strange = arrived.join(sent.select(_SENT).unique(), on=list(_SENT), how="anti")["row"]
    if strange.is_empty():
        return packets
    at = pl.int_range(pl.len(), dtype=pl.UInt32).is_in(strange.implode())
    return packets.with_columns(checksum_bad=pl.col("checksum_bad").fill_null(False) | at)


def corrupts(plan: RunPlan) -> bool:
    """Whether a link is asked to damage packets, by chance, at any time."""
    asked = [side for link in plan.network.links for side in (link.forward, link.backward)]
    asked += [step.do.direction for step in plan.steps if isinstance(step.do, LinkChange)]
    return any(side.corrupt for side in asked)
