"""Plot ``spacing``: how far apart the packets of each flow leave their sender."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.late import numpy as np
from tcpexp.plots.base import Options, Plot
from tcpexp.plots.kit.distribution import draw_distribution
from tcpexp.plots.kit.style import flow_series, legend, panels, time_unit
from tcpexp.views.disciplines import departure_gaps
from tcpexp.views.spans import shown_span

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tcpexp.store.rundata import RunData

FEWEST = 20


class Spacing(Plot):
    """The times between one data packet of a flow and the next as they left the sender, by its own
    capture: the part of the packets that followed within at most the value below.
    """

    name = "spacing"
    title = "Time between packets at the sender"
    time_axis = False

    def draw(self, run: RunData, options: Options) -> Figure | None:
        """Return the figure, or None when no flow sent enough packets."""
        span = options.get("between") or shown_span(run, None)
        gaps = {
            flow.name: departure_gaps(run, flow.name, span)["gap_ns"].to_numpy()
            for flow in run.plan.flows
        }
        looks = flow_series(run, options, [name for name in gaps if len(gaps[name]) >= FEWEST])
        if not looks:
            return None
        largest = max(float(np.quantile(gaps[name], 0.95)) for name in looks)
        divisor, unit = time_unit(largest)
        figure, axes = panels([2.7], options["title"])
        for name, look in looks.items():
            values = np.sort(gaps[name]) / divisor
            draw_distribution(axes[0], values, name, look)
        axes[0].set_xlabel(f"Time to the packet before ({unit})")
        axes[0].set_ylabel("Packets at most this (%)")
        axes[0].set_ylim(0, 102)
        axes[0].set_xlim(0, largest / divisor * 1.3)
        legend(axes[0])
        return figure
