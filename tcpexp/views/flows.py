"""What flows delivered over time, and when they sent something again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.late import polars as pl
from tcpexp.record.tables import THROUGHPUT_INTERVAL_NS
from tcpexp.views.spans import Span, rows_within

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


def binned_goodput(run: RunData, span: Span | None = None) -> tuple[pl.DataFrame | None, float]:
    """Return goodput in bit/s per flow and the bin's length in seconds.

    Columns: ``t_ns`` (the middle of the bin), then one Float64 column per flow; a flow without a
    row in a bin has 0. About 120 bins, each a whole number of the table's intervals; a bin that the
    run ended in is left out.
    """
    table = rows_within(run.table("throughput"), span).filter(pl.col("flow").is_not_null())
    if table.is_empty():
        return None, 0.0
    first, last = int(table["t_ns"].min()), int(table["t_ns"].max())  # type: ignore[arg-type]
    multiple = next(
        (
            m
            for m in (1, 2, 5, 10, 20, 50, 100, 200, 500)
            if (last - first) / (m * THROUGHPUT_INTERVAL_NS) <= 125
        ),
        1000,
    )
    width = multiple * THROUGHPUT_INTERVAL_NS
    ends = int((table["t_ns"] + table["interval_ns"]).max())  # type: ignore[arg-type]
    binned = (
        table.with_columns((pl.col("t_ns") // width * width + width // 2).alias("t_ns"))
        .group_by("t_ns", "flow")
        .agg(pl.col("goodput_bytes").sum() * 8e9 / width)
        .pivot("flow", index="t_ns", values="goodput_bytes", sort_columns=True)
    )
    grid = pl.DataFrame(
        {"t_ns": range(first // width * width + width // 2, last + width // 2 + 1, width)}
    )
    whole = grid.filter(pl.col("t_ns") + width // 2 <= ends)
    grid = grid if whole.is_empty() else whole
    return grid.join(binned, on="t_ns", how="left").fill_null(0.0).sort("t_ns"), width / 1e9


def retransmission_times(run: RunData, span: Span | None = None) -> pl.DataFrame:
    """Return ``flow``, ``t_ns`` and ``segments`` of every packet that a flow's sender sent again,
    in time order.
    """
    senders = {flow.name: flow.sender for flow in run.plan.flows}
    mine = pl.col("node") == pl.col("flow").replace_strict(
        senders, default=None, return_dtype=pl.String
    )
    return (
        rows_within(run.table("resent").filter(mine), span)
        .select("flow", "t_ns", "segments")
        .sort("t_ns")
    )


def rtt_samples(run: RunData, span: Span | None = None) -> pl.DataFrame:
    """Return the samples of the flows' round-trip times (rows of ``rtt``) in time order."""
    table = rows_within(run.table("rtt"), span)
    return table.filter(pl.col("flow").is_not_null() & pl.col("rtt_ns").is_not_null()).sort(
        "t_ns", maintain_order=True
    )
