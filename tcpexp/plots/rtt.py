"""Plots ``rtt`` and ``rtt_cdf``: round-trip times over time, and their distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.late import numpy as np
from tcpexp.late import polars as pl
from tcpexp.plots.base import Options, Plot
from tcpexp.plots.capacity import draw_steps
from tcpexp.plots.kit.look import SOFT_INK, dense_look
from tcpexp.plots.kit.style import flow_series, legend, panels, time_limits, time_unit, zero_based
from tcpexp.plots.kit.thin import BUCKETS, thin_line
from tcpexp.plots.marks import draw_marks
from tcpexp.views.limits import base_rtt_lines
from tcpexp.views.spans import rows_within

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tcpexp.store.rundata import RunData


class RoundTripTime(Plot):
    """Round-trip time of each flow: from a data segment to the ACK that first covers it, at the
    sender's interface.

    Retransmitted segments give no sample (Karn's rule). The dotted line is the sum of the delays on
    the flow's own way, there and back, in steps where a link's delay changes: the smallest value
    that the network allows. It is grey where it is the same for all flows, else in each flow's
    colour.
    """

    name = "rtt"
    title = "Round-trip time"

    def draw(self, run: RunData, options: Options) -> Figure | None:
        """Return the figure, or None without samples."""
        samples = _samples(run, options)
        looks = flow_series(run, options, samples["flow"].unique().to_list())
        if not looks:
            return None
        divisor, unit = time_unit(float(samples["rtt_ns"].max()))  # type: ignore[arg-type]
        figure, axes = panels([2.7], options["title"])
        for name, look in looks.items():
            thin = thin_line(samples.filter(pl.col("flow") == name), "t_ns", "rtt_ns")
            line = (
                dense_look(look, thin.height)
                if thin.height > 300
                else {
                    "color": look.color,
                    "linestyle": look.dash,
                    "marker": look.marker,
                    "markersize": 3,
                }
            )
            axes[0].plot(
                thin["t_ns"] / 1e9, thin["rtt_ns"] / divisor, linewidth=0.8, label=name, **line
            )
        base = base_rtt_lines(run, list(looks))
        alike = len({tuple(steps) for steps in base.values()}) == 1
        for name, steps in list(base.items())[: 1 if alike else None]:
            draw_steps(
                axes[0],
                run,
                steps,
                divisor,
                "sum of delays" if alike else f"{name}: sum of delays",
                SOFT_INK if alike else looks[name].color,
            )
        axes[0].set_ylabel(f"RTT ({unit})")
        zero_based(axes[0])
        legend(axes[0])
        time_limits(axes, run, options)
        draw_marks(figure, axes, run, options)
        return figure


class RoundTripTimeCdf(Plot):
    """How the round-trip times of each flow are distributed: the part of the samples that is at
    most the value below.
    """

    name = "rtt_cdf"
    title = "Distribution of the round-trip time"
    time_axis = False

    def draw(self, run: RunData, options: Options) -> Figure | None:
        """Return the figure, or None when no flow has ten samples."""
        samples = _samples(run, options)
        counts = samples.group_by("flow").len().filter(pl.col("len") >= 10)
        looks = flow_series(run, options, counts["flow"].to_list())
        if not looks:
            return None
        divisor, unit = time_unit(float(samples["rtt_ns"].quantile(0.99) or 1))
        figure, axes = panels([2.7], options["title"])
        for name, look in looks.items():
            values = np.sort(samples.filter(pl.col("flow") == name)["rtt_ns"].to_numpy()) / divisor
            part = np.arange(1, len(values) + 1) / len(values) * 100
            picked = np.unique(np.linspace(0, len(values) - 1, BUCKETS).round().astype(int))
            axes[0].plot(
                values[picked],
                part[picked],
                color=look.color,
                linestyle=look.dash,
                label=name,
                drawstyle="steps-post",
            )
        axes[0].set_xlabel(f"RTT ({unit})")
        axes[0].set_ylabel("Samples at most this (%)")
        axes[0].set_ylim(0, 102)
        axes[0].set_xlim(left=0)
        for percent in (50, 95, 99):
            axes[0].axhline(percent, color=SOFT_INK, linewidth=0.6, linestyle=(0, (1, 2)))
        legend(axes[0])
        return figure


def _samples(run: RunData, options: Options) -> pl.DataFrame:
    table = rows_within(run.table("rtt"), options.get("between"))
    return table.filter(pl.col("flow").is_not_null() & pl.col("rtt_ns").is_not_null()).sort(
        "t_ns", maintain_order=True
    )
