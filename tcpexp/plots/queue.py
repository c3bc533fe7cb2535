"""Plot ``queue``: backlog and drops of every bottleneck queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.late import polars as pl
from tcpexp.plots.base import Options, Plot
from tcpexp.plots.capacity import MOST_PANELS, draw_capacity
from tcpexp.plots.kit.look import ALARM, QUEUES, SOFT_INK, series_of
from tcpexp.plots.kit.style import (
    legend,
    panel_title,
    panels,
    time_limits,
    whole_numbers,
    zero_based,
)
from tcpexp.plots.kit.thin import thin_line
from tcpexp.plots.marks import draw_marks
from tcpexp.views.limits import varying_places
from tcpexp.views.queues import busy_queues

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tcpexp.store.rundata import RunData


class Queue(Plot):
    """Packets that wait in each bottleneck's queue, and packets dropped there per interval.

    From the queueing disciplines' own counters, sampled at a fixed interval. The grey line is the
    queue's limit where it is set in packets. Below, for each queue whose link's rate varies, the
    rate that was asked for and what passed per 100 ms.
    """

    name = "queue"
    title = "Bottleneck queue"

    def draw(self, run: RunData, options: Options) -> Figure | None:
        """Return the figure, or None when no queue was sampled or none ever held or dropped a
        packet.
        """
        samples = busy_queues(run, options.get("between"))
        if samples.is_empty():
            return None
        looks = series_of(samples["place"].unique().sort().to_list(), QUEUES)
        dropped = bool(samples["dropped"].sum())
        varying = dict(list(varying_places(run, list(looks)).items())[:MOST_PANELS])
        figure, axes = panels(
            [*([2.3, 1.1] if dropped else [2.6]), *([1.6] * len(varying))], options["title"]
        )
        for (place, varies), axis in zip(varying.items(), axes[2 if dropped else 1 :], strict=True):
            draw_capacity(axis, run, options, place, varies, looks[place])
        for name, look in looks.items():
            mine = samples.filter(pl.col("place") == name)
            thin = thin_line(mine, "t_ns", "backlog_packets")
            axes[0].plot(
                thin["t_ns"] / 1e9,
                thin["backlog_packets"],
                color=look.color,
                linestyle=look.dash,
                linewidth=1.0,
                label=name,
                drawstyle="steps-post",
            )
            lost = mine.filter(pl.col("dropped") > 0)
            if dropped and not lost.is_empty():
                axes[1].vlines(lost["t_ns"] / 1e9, 0, lost["dropped"], color=ALARM, linewidth=1.0)
        limit = max(samples["limit"].drop_nulls().to_list(), default=None)
        if limit is not None and limit < 4 * int(samples["backlog_packets"].max()):  # type: ignore[arg-type]
            axes[0].axhline(
                limit,
                color=SOFT_INK,
                linewidth=1,
                linestyle=(0, (1, 1.5)),
                label=f"limit {limit} packets",
            )
            axes[0].dataLim.update_from_data_y([0, limit], ignore=False)
        axes[0].set_ylabel("Backlog (packets)")
        legend(axes[0])
        for axis in axes[: 2 if dropped else 1]:
            zero_based(axis)
            whole_numbers(axis)
        if dropped:
            axes[1].set_ylabel("Drops")
            panel_title(
                axes[1], f"Packets dropped per sample: {int(samples['dropped'].sum()):,} in all"
            )
        time_limits(axes, run, options)
        draw_marks(figure, axes, run, options)
        return figure
