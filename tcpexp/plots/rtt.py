"""Plots ``rtt`` and ``rtt_cdf``: round-trip times over time, and their distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.late import polars as pl
from tcpexp.plots.base import Options, Plot
from tcpexp.plots.capacity import draw_steps
from tcpexp.plots.kit.look import SOFT_INK, dense_look
from tcpexp.plots.kit.style import flow_series, legend, panels, time_limits, time_unit, zero_based
from tcpexp.plots.kit.thin import thin_line
from tcpexp.plots.marks import draw_marks
from tcpexp.views.flows import rtt_samples
from tcpexp.views.limits import base_rtt_lines

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
        samples = rtt_samples(run, options["between"])
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
