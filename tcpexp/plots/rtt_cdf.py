"""Plot ``rtt_cdf``: which part of a flow's round-trip times is at most how long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.late import numpy as np
from tcpexp.late import polars as pl
from tcpexp.plots.base import Options, Plot
from tcpexp.plots.kit.distribution import draw_distribution
from tcpexp.plots.kit.look import SOFT_INK
from tcpexp.plots.kit.style import flow_series, legend, panels, time_unit
from tcpexp.views.flows import rtt_samples

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tcpexp.store.rundata import RunData


class RoundTripTimeCdf(Plot):
    """How the round-trip times of each flow are distributed: the part of the samples that is at
    most the value below.
    """

    name = "rtt_cdf"
    title = "Distribution of the round-trip time"
    time_axis = False

    def draw(self, run: RunData, options: Options) -> Figure | None:
        """Return the figure, or None when no flow has ten samples."""
        samples = rtt_samples(run, options["between"])
        counts = samples.group_by("flow").len().filter(pl.col("len") >= 10)
        looks = flow_series(run, options, counts["flow"].to_list())
        if not looks:
            return None
        divisor, unit = time_unit(float(samples["rtt_ns"].quantile(0.99) or 1))
        figure, axes = panels([2.7], options["title"])
        for name, look in looks.items():
            values = np.sort(samples.filter(pl.col("flow") == name)["rtt_ns"].to_numpy()) / divisor
            draw_distribution(axes[0], values, name, look)
        axes[0].set_xlabel(f"RTT ({unit})")
        axes[0].set_ylabel("Samples at most this (%)")
        axes[0].set_ylim(0, 102)
        axes[0].set_xlim(left=0)
        for percent in (50, 95, 99):
            axes[0].axhline(percent, color=SOFT_INK, linewidth=0.6, linestyle=(0, (1, 2)))
        legend(axes[0])
        return figure
