"""Plot ``variables``: what a congestion control of one's own says about itself, beside cwnd."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from tcpexp.late import polars as pl
from tcpexp.plots.base import Options, Plot
from tcpexp.plots.kit.look import DASHES, PALETTE
from tcpexp.plots.kit.style import (
    flow_series,
    legend,
    note,
    panel_title,
    panels,
    time_limits,
    zero_based,
)
from tcpexp.plots.kit.thin import thin_line
from tcpexp.plots.marks import draw_marks
from tcpexp.views.variables import flow_variables
from tcpexp.views.windows import sender_windows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tcpexp.plots.kit.look import Series
    from tcpexp.store.rundata import RunData

#: Beyond so many a figure is no figure.
MOST_PANELS = 6
#: Units in which a variable can be drawn over cwnd.
OF_CWND = ("segments", "packets", "MSS")


class Variables(Plot):
    """The variables of a congestion control of the spec's own, as its tracepoints recorded them,
    beside the congestion window.

    Each variable has a panel with a line per flow. With a single flow, those in segments lie over
    its congestion window, so that one sees what the window follows. ``names`` chooses variables,
    in order; all of them when silent.
    """

    name = "variables"
    title = "The congestion control's own variables"
    defaults: ClassVar[dict[str, Any]] = {"names": None, "cwnd": True}

    def draw(self, run: RunData, options: Options) -> Figure | None:
        """Return the figure, or None when no tracepoint of the spec's own recorded anything."""
        rows, units = flow_variables(run, options.get("between"), options["names"])
        looks = flow_series(run, options, rows["flow"].unique().to_list())
        if not looks or not units:
            return None
        windows, _ = sender_windows(run, options.get("between"))
        over = (
            [name for name, unit in units.items() if unit in OF_CWND]
            if options["cwnd"] and len(looks) == 1
            else []
        )
        own = [name for name in units if name not in over]
        left_out = own[MOST_PANELS:]
        own = own[:MOST_PANELS]
        heights = [2.2] * bool(options["cwnd"]) + [1.5] * len(own)
        figure, axes = panels(heights or [2.2], options["title"])
        rest = list(axes)
        if options["cwnd"]:
            _draw_cwnd(rest.pop(0), windows, rows, looks, over)
        for axis, name in zip(rest, own, strict=True):
            for look in looks.values():
                _draw_line(axis, rows, look, name, {"color": look.color, "label": look.name})
            axis.set_ylabel(units[name] or "Value")
            panel_title(axis, name)
            zero_based(axis)
            if axis is axes[0]:
                legend(axis)
        if left_out:
            note(axes[0], f"not drawn: {', '.join(left_out)} (names: chooses)")
        time_limits(axes, run, options)
        draw_marks(figure, axes, run, options)
        return figure


def _draw_cwnd(
    axis: Axes, windows: pl.DataFrame, rows: pl.DataFrame, looks: dict[str, Series], over: list[str]
) -> None:
    """Draw the flows' congestion windows, and over them the variables in segments."""
    for look in looks.values():
        mine = windows.filter(pl.col("flow") == look.name)
        label: str | None = "cwnd" if len(looks) == 1 else look.name
        for connection in mine["connection"].unique().sort().to_list():
            one = mine.filter(pl.col("connection").eq_missing(pl.lit(connection)))
            thin = thin_line(one, "t_ns", "cwnd")
            axis.plot(
                thin["t_ns"] / 1e9,
                thin["cwnd"],
                color=look.color,
                linewidth=1.1,
                label=label,
                drawstyle="steps-post",
            )
            label = None
    for number, name in enumerate(over, start=1):
        line = {
            "color": PALETTE[number % len(PALETTE)],
            "linestyle": DASHES[number % len(DASHES)],
            "label": name,
        }
        _draw_line(axis, rows, next(iter(looks.values())), name, line)
    axis.set_ylabel("Segments")
    panel_title(axis, "congestion window")
    zero_based(axis)
    legend(axis)


def _draw_line(
    axis: Axes, rows: pl.DataFrame, look: Series, name: str, line: dict[str, Any]
) -> None:
    mine = rows.filter((pl.col("flow") == look.name) & (pl.col("variable") == name))
    for connection in mine["connection"].unique().sort().to_list():
        one = mine.filter(pl.col("connection").eq_missing(pl.lit(connection)))
        thin = thin_line(one, "t_ns", "value")
        axis.plot(thin["t_ns"] / 1e9, thin["value"], linewidth=1.0, drawstyle="steps-post", **line)
        line = {**line, "label": None}
