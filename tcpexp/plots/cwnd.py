"""Plot ``cwnd``: congestion window and slow start threshold at each flow's sender."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from tcpexp.late import polars as pl
from tcpexp.plan.flows import flow_of
from tcpexp.plots.base import Options, Plot
from tcpexp.plots.kit.look import SOFT_INK, Series, dense_look, series_of
from tcpexp.plots.kit.style import flow_series, legend, note, panels, time_limits, zero_based
from tcpexp.plots.kit.thin import thin_line
from tcpexp.plots.marks import draw_marks
from tcpexp.plots.phasestrip import ROW_INCHES, draw_strip, shade
from tcpexp.views.phases import busiest_phases
from tcpexp.views.subflows import subflow_names
from tcpexp.views.windows import kernel_samples, sender_windows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tcpexp.store.rundata import RunData


#: With up to so many flows each has a row of congestion states too.
_WITH_STATES = 2


class CongestionWindow(Plot):
    """Congestion window (cwnd) and slow start threshold (ssthresh) of each flow's sender, in
    segments, with the phases of its congestion control.

    One value per received ACK, from the kernel's tracepoint ``tcp:tcp_probe``; where the kernel
    lacks it, the values of the ``ss`` snapshots, and the figure says so. ``ssthresh`` is drawn once
    it is finite: before the first loss it is not. BBR has none. The strip below has the phases of
    each flow (docs/concepts/phases.md) and, with up to two flows, the kernel's congestion states
    Open, Disorder, CWR, Recovery and Loss. A single flow's phases also lie behind its curve, with
    what was outstanding, sent and not yet acknowledged (dotted).
    """

    name = "cwnd"
    title = "Congestion window"
    defaults: ClassVar[dict[str, Any]] = {"ssthresh": True, "phases": True, "in_flight": True}

    def draw(self, run: RunData, options: Options) -> Figure | None:
        """Return the figure, or None when neither the tracepoint nor ``ss`` saw a flow's sender."""
        samples, source = sender_windows(run, options.get("between"))
        looks = flow_series(run, options, samples["flow"].unique().to_list())
        if not looks:
            return None
        phased = [
            name for name in looks if options["phases"] and not busiest_phases(run, name).is_empty()
        ]
        rows = len(phased) * (2 if len(phased) <= _WITH_STATES else 1)
        figure, axes = panels([2.9, rows * ROW_INCHES] if phased else [2.9], options["title"])
        if len(looks) == 1 and phased:
            shade(axes[0], run, phased[0])
        if len(looks) == 1 and options["in_flight"]:
            _draw_in_flight(axes[0], run, options, next(iter(looks.values())))
        for look in looks.values():
            flow = flow_of(run.plan, look.name)
            has_ssthresh = flow is None or not str(flow.congestion_control).startswith("bbr")
            _draw_flow(axes[0], run, samples, look, bool(options["ssthresh"]) and has_ssthresh)
        axes[0].set_ylabel("Segments")
        zero_based(axes[0])
        legend(axes[0])
        if phased:
            patches = draw_strip(
                axes[1],
                run,
                options,
                {name: looks[name] for name in phased},
                with_states=len(phased) <= _WITH_STATES,
            )
            legend(axes[1], handles=patches, columns=8)
        if source == "ss":
            note(axes[0], "from ss snapshots: this run has no tcp_probe trace")
        time_limits(axes, run, options)
        draw_marks(figure, axes, run, options)
        return figure


def _draw_in_flight(axes: Axes, run: RunData, options: Options, look: Series) -> None:
    """Draw what the flow's busiest connection had outstanding, in segments."""
    rows = kernel_samples(run, options.get("between")).filter(pl.col("flow") == look.name)
    if rows.is_empty():
        return
    connection = (
        rows.group_by("connection")
        .len()
        .sort(["len", "connection"], descending=[True, False])["connection"][0]
    )
    own = rows.filter(pl.col("connection") == connection)
    thin = thin_line(own, "t_ns", "segments")
    axes.plot(
        thin["t_ns"] / 1e9,
        thin["segments"],
        color=SOFT_INK,
        linewidth=0.8,
        linestyle=(0, (1, 1.2)),
        label="outstanding",
    )


def _draw_flow(
    axes: Axes, run: RunData, samples: pl.DataFrame, look: Series, with_ssthresh: bool
) -> None:
    mine = samples.filter(pl.col("flow") == look.name)
    label: str | None = look.name
    names = subflow_names(run)
    looks = series_of(names.values())
    for connection in mine["connection"].unique().sort().to_list():
        label = names.get(connection, label)
        look = looks.get(names.get(connection, ""), look)
        one = mine.filter(pl.col("connection").eq_missing(pl.lit(connection)))
        thin = thin_line(one, "t_ns", "cwnd")
        line = (
            dense_look(look, thin.height)
            if thin.height > 300
            else {"color": look.color, "linestyle": look.dash}
        )
        axes.plot(
            thin["t_ns"] / 1e9,
            thin["cwnd"],
            linewidth=1.1,
            label=label,
            drawstyle="steps-post",
            **line,
        )
        slow = one.drop_nulls("ssthresh")
        if with_ssthresh and not slow.is_empty():
            changes = slow.filter(
                (pl.col("ssthresh") != pl.col("ssthresh").shift()).fill_null(True)
            )
            ends = pl.concat([changes, slow.tail(1)])
            axes.plot(
                ends["t_ns"] / 1e9,
                ends["ssthresh"],
                color=look.color,
                linestyle=(0, (1, 1)),
                linewidth=0.9,
                alpha=0.9,
                label=f"{label} ssthresh" if label else None,
                drawstyle="steps-post",
            )
        label = None
