"""Plot ``sockets``: how many sockets of a node are in each state over time."""

from __future__ import annotations

from bisect import bisect
from itertools import pairwise
from typing import TYPE_CHECKING

from tcpexp.analysis.transitions import FROM_SS
from tcpexp.late import polars as pl
from tcpexp.plots.base import Options, Plot
from tcpexp.plots.data import within
from tcpexp.plots.kit.style import legend, panel_title, panels, time_limits, whole_numbers, zero_based
from tcpexp.plots.kit.look import series_of
from tcpexp.plots.marks import draw_marks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tcpexp.store.rundata import RunData


class Sockets(Plot):
    """Number of TCP sockets in each state over time, per host, from the ``ss`` snapshots; listening
    sockets left out.

    During a SYN flood SYN-RECEIVED shows the queue of half-open connections.
    """

    name = "sockets"
    title = "Sockets by state"

    def draw(self, run: RunData, options: Options) -> Figure | None:
        """Return the figure, or None when no snapshot shows a connection."""
        counts = state_counts(run, options)
        if counts.is_empty():
            return None
        nodes = counts["node"].unique().sort().to_list()
        totals = (
            counts.group_by("state")
            .agg(pl.col("count").max())
            .sort(["count", "state"], descending=[True, False])
        )
        looks = series_of(sorted(totals["state"].to_list(), key=list(FROM_SS.values()).index))
        figure, axes = panels([2.4 if len(nodes) == 1 else 1.5] * len(nodes), options["title"])
        for axis, node in zip(axes, nodes, strict=True):
            for name, look in looks.items():
                mine = counts.filter((pl.col("node") == node) & (pl.col("state") == name)).sort(
                    "t_ns"
                )
                if int(mine["count"].max() or 0) > 0:  # type: ignore[arg-type]
                    axis.plot(
                        mine["t_ns"] / 1e9,
                        mine["count"],
                        color=look.color,
                        linestyle=look.dash,
                        label=name,
                        drawstyle="steps-post",
                    )
            axis.set_ylabel("Sockets")
            zero_based(axis, head_room=1.15)
            whole_numbers(axis)
            panel_title(axis, str(node))
            legend(axis, columns=7)
        time_limits(axes, run, options)
        draw_marks(figure, axes, run, options)
        return figure


def state_counts(run: RunData, options: Options) -> pl.DataFrame:
    """Return ``node``, ``state`` (RFC 9293's name), ``t_ns`` and ``count``, with a 0 for each
    snapshot without such a socket.
    """
    table = within(run.table("sockets"), options)
    named = table.with_columns(pl.col("state").replace(FROM_SS)).filter(
        ~pl.col("state").is_in(["LISTEN", "CLOSED"])
    )
    named = named.filter(pl.col("state").is_in(list(FROM_SS.values())))
    counts = (
        named.group_by("node", "state", "t_ns")
        .len("count")
        .with_columns(pl.col("count").cast(pl.Int64))
    )
    times = pl.DataFrame(
        [
            (node, t_ns)
            for node in named["node"].unique().sort()
            for t_ns in snapshot_times(table, node)
        ],
        schema={"node": pl.String, "t_ns": pl.Int64},
        orient="row",
    )
    grid = named.select("node", "state").unique().join(times, on="node")
    return (
        grid.join(counts, on=["node", "state", "t_ns"], how="left")
        .fill_null(0)
        .sort("node", "state", "t_ns")
    )


def snapshot_times(table: pl.DataFrame, node: str) -> list[int]:
    """Return when ``node`` was looked at: a snapshot that lists no socket of it leaves no row, so
    other nodes' times fill its gaps.

    All nodes are sampled on one grid, a little apart; a time of another node counts only where none
    of this node's own is near.
    """
    own = table.filter(pl.col("node") == node)["t_ns"].unique().sort().to_list()
    result = list(own)
    for other in table["node"].unique().sort().to_list():
        times = table.filter(pl.col("node") == other)["t_ns"].unique().sort().to_list()
        gaps = sorted(later - earlier for earlier, later in pairwise(times))
        near = gaps[len(gaps) // 2] * 0.6 if gaps else 0
        known = sorted(result)
        result += [t_ns for t_ns in times if other != node and _distance(known, t_ns) > near]
    return sorted(result)


def _distance(known: list[int], t_ns: int) -> float:
    """Return the distance of ``t_ns`` from the nearest of ``known``, which is sorted."""
    at = bisect(known, t_ns)
    return min((abs(t_ns - each) for each in known[max(at - 1, 0) : at + 1]), default=float("inf"))
