"""The bottlenecks' queues as the kernel's counters show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.late import polars as pl
from tcpexp.views.spans import Span, rows_within

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


def queue_samples(run: RunData, link: str, towards: str) -> pl.DataFrame:
    """Return the samples of one bottleneck's queue (rows of ``queues``) in time order."""
    wanted = (
        (pl.col("link") == link) & (pl.col("towards") == towards) & (pl.col("qdisc") == "queue")
    )
    return run.table("queues").filter(wanted).sort("t_ns")


def busy_queues(run: RunData, span: Span | None = None) -> pl.DataFrame:
    """Return the samples of the queues that ever held or dropped a packet.

    Columns: ``place`` (``link to node``), ``t_ns``, ``backlog_packets``, ``dropped`` (since the
    sample before) and ``limit`` (packets, null when the limit is not in packets); ordered by place
    and time.
    """
    place = pl.format("{} to {}", "link", "towards").alias("place")
    leaves = (
        run.table("queues")
        .filter(pl.col("qdisc") == "queue")
        .with_columns(place)
        .sort("place", "t_ns")
    )
    counted = leaves.with_columns(
        pl.col("drops").diff().over("place").fill_null(0).clip(0).alias("dropped")
    )
    shown = rows_within(counted, span)
    totals = shown.group_by("place").agg(
        pl.col("backlog_packets").max().alias("most"), pl.col("dropped").sum().alias("lost")
    )
    busy = totals.filter((pl.col("most") > 0) | (pl.col("lost") > 0))["place"]
    limits = {
        f"{link.name} to {end.node}": direction.queue.limit_packets
        for link in run.plan.network.links
        for direction, end in ((link.forward, link.b), (link.backward, link.a))
        if direction.queue is not None
    }
    limit = (
        pl.col("place").replace_strict(limits, default=None, return_dtype=pl.Int64).alias("limit")
    )
    return shown.filter(pl.col("place").is_in(busy.to_list())).select(
        "place", "t_ns", "backlog_packets", "dropped", limit
    )
