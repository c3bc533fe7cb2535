"""The limits of a run's flows: from its table, or from its packets where it has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.diagnosis.limits import limits
from tcpexp.late import polars as pl
from tcpexp.plan.flows import flow_of

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


def limit_rows(run: RunData) -> pl.DataFrame:
    """Return the table ``limits`` of a run.

    A run whose table was not made has it computed from its packets.
    """
    if run.has("limits"):
        return run.table("limits")
    return limits(run.table("packets"), run.table("connections"))


def flow_limits(run: RunData, rows: pl.DataFrame, flow: str) -> pl.DataFrame:
    """Return the rows of a flow's data: of its connection with the most bytes from the flow's
    sender.
    """
    plan = flow_of(run.plan, flow)
    own = run.table("connections").filter(pl.col("flow") == flow).select("connection")
    sender = "server" if plan is not None and plan.sender != plan.client else "client"
    found = rows.join(own, on="connection", how="semi", maintain_order="left").filter(
        pl.col("sender") == sender
    )
    if found.is_empty():
        return found
    totals = found.group_by("connection", maintain_order=True).agg(pl.col("bytes").sum())
    largest = totals.sort("bytes", descending=True, maintain_order=True)["connection"][0]
    return found.filter(pl.col("connection") == largest)
