"""Plot ``sockets``: how many sockets of a node are in each state over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.analysis.transitions import FROM_SS
from tcpexp.late import polars as pl
from tcpexp.plots.base import Options, Plot
from tcpexp.plots.kit.look import series_of
from tcpexp.plots.kit.style import (
    legend,
    panel_title,
    panels,
    time_limits,
    whole_numbers,
    zero_based,
)
from tcpexp.plots.marks import draw_marks
from tcpexp.views.sockets import state_counts

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
        counts = state_counts(run, options.get("between"))
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
        time_limits(axes, run, options, whole=True)
        draw_marks(figure, axes, run, options, whole=True)
        return figure
