"""Plot ``window``: the receive window that each flow's receiver advertises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from tcpexp.late import polars as pl
from tcpexp.plots.base import Options, Plot
from tcpexp.plots.kit.look import INK, WINDOW
from tcpexp.plots.kit.style import (
    flow_series,
    legend,
    panel_title,
    panels,
    size_unit,
    time_limits,
    zero_based,
)
from tcpexp.plots.kit.thin import thin_line, thin_points
from tcpexp.plots.marks import draw_marks
from tcpexp.views.packets import flow_frames, has_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tcpexp.store.rundata import RunData

#: Wireshark's label, the text in the legend, marker and colour.
EVENTS: tuple[tuple[str, str, str, str], ...] = (
    ("zero_window", "Zero Window", "x", WINDOW),
    ("window_full", "Window Full", "v", WINDOW),
    ("zero_window_probe", "Zero-window probe", "|", INK),
    ("keep_alive", "Keep-Alive", "|", INK),
    ("window_update", "Window Update", "^", WINDOW),
)


class Window(Plot):
    """The receive window over time, as it arrives at the sender, and how many bytes are in flight
    against it.

    Markers are Wireshark's labels: Window Full (the sender has used all of it), Zero Window (the
    receiver has no room), the probes that ask again, and Window Update (room again). Window scaling
    is taken into account.
    """

    name = "window"
    title = "Advertised receive window"
    defaults: ClassVar[dict[str, Any]] = {"in_flight": True, "panels": 4}

    def draw(self, run: RunData, options: Options) -> Figure | None:
        """Return the figure, or None when no flow's receiver was captured."""
        frames = flow_frames(run, options.get("between"), _advertised())
        looks = flow_series(run, options, frames)
        shown = list(looks)[: options["panels"]]
        if not shown:
            return None
        figure, axes = panels([2.6 if len(shown) == 1 else 1.8] * len(shown), options["title"])
        for axis, name in zip(axes, shown, strict=True):
            _draw_window(axis, frames[name], looks[name].color, bool(options["in_flight"]))
            if len(shown) > 1:
                panel_title(axis, name)
            legend(axis)
        time_limits(axes, run, options)
        draw_marks(figure, axes, run, options)
        return figure


def _advertised() -> pl.Expr:
    """Return an expression: whether the packet carries the receiver's window."""
    return (
        ~pl.col("outgoing")
        & pl.col("window_bytes").is_not_null()
        & ~pl.col("flags").str.contains("R")
    )


def _draw_window(axes: Axes, packets: pl.DataFrame, color: str, with_flight: bool) -> None:
    windows = packets.filter(_advertised()).sort("t_ns")
    sent = packets.filter(pl.col("outgoing") & pl.col("in_flight_bytes").is_not_null()).sort("t_ns")
    divisor, unit = size_unit(float(windows["window_bytes"].max()))  # type: ignore[arg-type]
    thin = thin_line(windows, "t_ns", "window_bytes")
    axes.plot(
        thin["t_ns"] / 1e9,
        thin["window_bytes"] / divisor,
        color=WINDOW,
        label="window",
        drawstyle="steps-post",
    )
    if with_flight and not sent.is_empty():
        thin = thin_line(sent, "t_ns", "in_flight_bytes")
        axes.plot(
            thin["t_ns"] / 1e9,
            thin["in_flight_bytes"] / divisor,
            color=color,
            linewidth=0.8,
            linestyle=(0, (2, 1.2)),
            label="in flight",
            drawstyle="steps-post",
        )
    zero_based(axes, head_room=1.12)
    for label, text, marker, shade in EVENTS:
        _draw_events(
            axes,
            packets.filter(has_label(label)),
            divisor,
            {"marker": marker, "color": shade, "label": text},
        )
    axes.set_ylabel(f"Window ({unit})")


def _draw_events(axes: Axes, found: pl.DataFrame, divisor: float, look: dict[str, Any]) -> None:
    """Draw one kind of label: at the window's value for the receiver's packets, at 0 for the
    sender's.
    """
    if found.is_empty():
        return
    height = (
        pl.when(pl.col("outgoing"))
        .then(0)
        .otherwise(pl.col("window_bytes").fill_null(0))
        .alias("height")
    )
    points = thin_points(found.with_columns(height), "t_ns", "height", 300, 60)
    named = {**look, "label": f"{look['label']} ({found.height:,})"}
    axes.plot(
        points["t_ns"] / 1e9,
        points["height"] / divisor,
        linestyle="none",
        markersize=5.5,
        markeredgewidth=1.2,
        fillstyle="none",
        clip_on=False,
        zorder=4,
        **named,
    )
