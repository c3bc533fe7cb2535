"""Plot ``discipline``: what the queues' disciplines say of themselves, probabilities and delays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.late import polars as pl
from tcpexp.plots.base import Options, Plot
from tcpexp.plots.kit.look import PALETTE, SOFT_INK, series_of
from tcpexp.plots.kit.style import legend, panels, time_limits, zero_based
from tcpexp.plots.kit.thin import thin_line
from tcpexp.plots.marks import draw_marks
from tcpexp.views.disciplines import control_lines
from tcpexp.views.spans import rows_within

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tcpexp.store.rundata import RunData


class Discipline(Plot):
    """The probability with which a queue's discipline drops or marks, and the delay that it steers
    by, as the kernel counts them: of PIE both, of dualpi2 those of either queue.

    Of dualpi2 the probabilities are those of RFC 9332: p'^2 for the classic queue, k p' for the
    low-latency queue. The dotted line is the target.
    """

    name = "discipline"
    title = "What the queue's discipline does"

    def draw(self, run: RunData, options: Options) -> Figure | None:
        """Return the figure, or None when no discipline says anything of the kind."""
        lines, targets = control_lines(run)
        lines = rows_within(lines, options.get("between"))
        if lines.is_empty():
            return None
        figure, axes = panels([2.0, 2.0], options["title"])
        looks = series_of(lines["line"].unique(maintain_order=True).to_list(), PALETTE)
        for axis, what, scale in ((axes[0], "probability", 100.0), (axes[1], "delay", 1e-6)):
            for name, look in looks.items():
                mine = lines.filter((pl.col("line") == name) & (pl.col("what") == what))
                if mine.is_empty():
                    continue
                thin = thin_line(mine, "t_ns", "value")
                axis.plot(
                    thin["t_ns"] / 1e9,
                    thin["value"] * scale,
                    color=look.color,
                    linestyle=look.dash,
                    linewidth=1.0,
                    label=name,
                )
            zero_based(axis)
            legend(axis)
        for target_ns in targets:
            axes[1].axhline(target_ns / 1e6, color=SOFT_INK, linewidth=0.8, linestyle=(0, (1, 2)))
        axes[0].set_ylabel("Probability (%)")
        axes[1].set_ylabel("Delay (ms)")
        time_limits(axes, run, options)
        draw_marks(figure, axes, run, options)
        return figure
