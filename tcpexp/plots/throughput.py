"""Plot ``throughput``: goodput of every flow over time, as lines and stacked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from tcpexp.late import numpy as np
from tcpexp.late import polars as pl
from tcpexp.plots.base import Options, Plot
from tcpexp.plots.capacity import MOST_PANELS, draw_steps
from tcpexp.plots.kit.look import PAPER
from tcpexp.plots.kit.style import (
    flow_series,
    legend,
    panel_title,
    panels,
    rate_unit,
    time_limits,
    zero_based,
)
from tcpexp.plots.marks import draw_marks
from tcpexp.views.flows import binned_goodput
from tcpexp.views.limits import bottleneck_lines, distinct_steps

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from tcpexp.store.rundata import RunData


#: A bottleneck that is so many times as fast as all goodput together would only make the curves
#: flat.
WORTH_DRAWING = 4


class Throughput(Plot):
    """Goodput of each flow at its receiver: first arrivals of payload bytes per interval. Above as
    lines, below stacked: those that share a bottleneck.

    Where the bottleneck on the flows' way is shaped, a grey line shows its rate, in steps where it
    changes; it counts headers too, and goodput stays a few percent below. The two directions of a
    link are two bottlenecks.
    """

    name = "throughput"
    title = "Goodput"
    defaults: ClassVar[dict[str, Any]] = {"stacked": True}

    def draw(self, run: RunData, options: Options) -> Figure | None:
        """Return the figure, or None when no flow has received anything."""
        rates, interval_s = binned_goodput(run, options.get("between"))
        looks = flow_series(run, options, [] if rates is None else rates.columns[1:])
        if rates is None or not looks:
            return None
        totals = rates.select(list(looks)).sum_horizontal()
        divisor, unit = rate_unit(float(totals.max()))  # type: ignore[arg-type]
        seconds = rates["t_ns"].to_numpy() / 1e9
        lines = bottleneck_lines(run, list(looks))
        stacks = {
            place: names
            for place, (names, _) in lines.items()
            if options["stacked"] and len(names) > 1
        }
        stacks = dict(list(stacks.items())[:MOST_PANELS])
        figure, axes = panels([2.2, *[1.8] * len(stacks)] if stacks else [2.6], options["title"])
        for name, look in looks.items():
            axes[0].plot(
                seconds,
                _until_last(rates[name]) / divisor,
                color=look.color,
                linestyle=look.dash,
                label=name,
            )
        near = {
            place: steps
            for place, (_, steps) in lines.items()
            if steps and min(rate for _, rate in steps) < WORTH_DRAWING * _largest(totals)
        }
        for label, steps in distinct_steps(near, "bottleneck rate").items():
            draw_steps(axes[0], run, steps, divisor, label)
        for axis, (place, names) in zip(axes[1:], stacks.items(), strict=True):
            mine = [name for name in looks if name in names]
            bands = [rates[name].to_numpy() / divisor for name in mine]
            axis.stackplot(
                seconds,
                bands,
                colors=[looks[name].color for name in mine],
                alpha=0.6,
                edgecolor=PAPER,
                linewidth=0.6,
            )
            panel_title(axis, "Stacked" if len(lines) == 1 else f"Stacked: {place}")
            if place in near:
                draw_steps(axis, run, near[place], divisor, None)
        for axis in axes:
            zero_based(axis)
            axis.set_ylabel(unit)
        panel_title(axes[0], f"Per flow, averaged over {interval_s:g} s")
        legend(axes[0])
        time_limits(axes, run, options)
        draw_marks(figure, axes, run, options)
        return figure


def _largest(values: pl.Series) -> float:
    return float(values.max() or 0.0)  # type: ignore[arg-type]


def _until_last(rate: pl.Series) -> NDArray[Any]:
    """Return the values with NaN before the first and after the last that is above 0, so that no
    line is drawn there.
    """
    values = rate.to_numpy().astype(float).copy()
    busy = np.flatnonzero(values > 0)
    if len(busy):
        values[: max(busy[0] - 1, 0)] = np.nan
        values[busy[-1] + 2 :] = np.nan
    return values
