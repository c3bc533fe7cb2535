"""Plot ``retransmissions``: when each flow retransmitted, and how often in all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.late import polars as pl
from tcpexp.plots.base import Options, Plot
from tcpexp.plots.kit.style import (
    flow_series,
    legend,
    panel_title,
    panels,
    time_limits,
    whole_numbers,
    zero_based,
)
from tcpexp.plots.kit.thin import thin_line, thin_moments
from tcpexp.plots.marks import draw_marks
from tcpexp.views.flows import retransmission_times
from tcpexp.views.spans import shown_span

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tcpexp.store.rundata import RunData


class Retransmissions(Plot):
    """Retransmitted segments of each flow: the running total, and below it one stroke per
    retransmission.

    What the sender's own capture shows it to have sent again (the table ``resent``): data that had
    been sent before, and a repeated SYN, SYN-ACK or FIN.
    """

    name = "retransmissions"
    title = "Retransmissions"

    def draw(self, run: RunData, options: Options) -> Figure | None:
        """Return the figure, or None when no flow retransmitted anything."""
        repeats = retransmission_times(run, options.get("between"))
        looks = flow_series(run, options, repeats["flow"].unique().to_list())
        if not looks:
            return None
        figure, (upper, lower) = panels([2.1, 0.26 * len(looks) + 0.2], options["title"], gap=0.3)
        for row, (name, look) in enumerate(looks.items()):
            mine = repeats.filter(pl.col("flow") == name).with_columns(
                total=pl.col("segments").cum_sum()
            )
            thin = thin_line(mine, "t_ns", "total")
            seconds, totals = (thin["t_ns"] / 1e9).to_list(), thin["total"].to_list()
            upper.plot(
                [seconds[0], *seconds],
                [0, *totals],
                color=look.color,
                linestyle=look.dash,
                drawstyle="steps-post",
                label=f"{name}: {mine['segments'].sum():,}",
            )
            strokes = (
                thin_moments(mine, "t_ns", shown_span(run, options.get("between")))["t_ns"] / 1e9
            )
            lower.vlines(strokes, row - 0.38, row + 0.38, color=look.color, linewidth=0.8)
        upper.set_ylabel("Retransmissions, total")
        zero_based(upper)
        whole_numbers(upper)
        legend(upper)
        lower.set_ylim(len(looks) - 0.4, -0.6)
        lower.set_yticks(range(len(looks)), list(looks))
        lower.grid(visible=False, axis="y")
        panel_title(lower, "One stroke per retransmission")
        time_limits([upper, lower], run, options)
        draw_marks(figure, [upper, lower], run, options)
        return figure
