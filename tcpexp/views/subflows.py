"""The subflows of MPTCP connections: their names, and what came over each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.late import polars as pl
from tcpexp.plan.flows import flow_of
from tcpexp.record.tables import THROUGHPUT_INTERVAL_NS as INTERVAL_NS
from tcpexp.views.spans import Span, rows_within

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


def subflow_names(run: RunData) -> dict[int, str]:
    """Return by connection what a subflow is called in figures: ``upload.2``."""
    if not run.has("subflows"):
        return {}
    return dict(run.table("subflows").select("connection", "subflow").iter_rows())


def subflow_of(run: RunData, name: str) -> dict[str, object] | None:
    """Return the row of a subflow by its name, None when there is none."""
    rows = run.table("subflows").filter(pl.col("subflow") == name)
    return rows.row(0, named=True) if rows.height else None


def subflow_arrivals(run: RunData, flow: str, span: Span | None = None) -> pl.DataFrame:
    """Return the data segments of a flow's subflows as they arrive at its receiver: ``subflow``,
    ``t_ns``, ``payload_bytes`` and ``new_bytes``, those that had not come before.
    """
    from tcpexp.ingest.network import Nodes
    from tcpexp.ingest.subflows import arriving

    plan = flow_of(run.plan, flow)
    names = run.table("subflows").select("connection", "subflow", "mptcp")
    if plan is None or names.is_empty():
        return pl.DataFrame(
            schema={
                "subflow": pl.String,
                "t_ns": pl.Int64,
                "payload_bytes": pl.Int64,
                "new_bytes": pl.Int64,
            }
        )
    rows = arriving(run.table("packets"), names, plan, Nodes.of(run.plan))
    return rows_within(
        rows.filter(pl.col("payload_bytes") > 0)
        .join(names.drop("mptcp"), on="connection", maintain_order="left")
        .select("subflow", "t_ns", "payload_bytes", "new_bytes"),
        span,
    )


def subflow_rates(run: RunData, flow: str, span: Span | None = None) -> pl.DataFrame:
    """Return per interval of 100 ms and subflow the rates in bit/s: ``t_ns`` (its middle),
    ``subflow``, ``new_bps`` (bytes that had not come over any subflow) and ``again_bps``.
    """
    rows = subflow_arrivals(run, flow, span)
    slot = pl.col("t_ns") // INTERVAL_NS * INTERVAL_NS + INTERVAL_NS // 2
    factor = 8e9 / INTERVAL_NS
    return (
        rows.group_by(slot.alias("t_ns"), "subflow")
        .agg(
            new_bps=pl.col("new_bytes").sum() * factor,
            again_bps=(pl.col("payload_bytes") - pl.col("new_bytes")).sum() * factor,
        )
        .sort("t_ns", "subflow")
    )
