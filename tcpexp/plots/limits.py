"""Plot ``limits``: what limited the rate of each flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.diagnosis.limitviews import limit_rows
from tcpexp.plots.base import Options, Plot
from tcpexp.plots.kit.style import flow_series, legend, panels, time_limits
from tcpexp.plots.limitstrip import draw_limits, limited_flows
from tcpexp.plots.phasestrip import ROW_INCHES
from tcpexp.views.spans import shown_span

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tcpexp.store.rundata import RunData


class Limits(Plot):
    """What kept the sender of each flow from sending faster, over time: its program, the receive
    window, the congestion window, the repair of losses, or the path.

    From packets alone, as anybody with a capture could tell (docs/concepts/limits.md); of several
    connections of a flow the one with the most data.
    """

    name = "limits"
    title = "What limited the rate"
    on_demand = True

    def draw(self, run: RunData, options: Options) -> Figure | None:
        """Return the figure, or None when no flow sent data."""
        rows = limit_rows(run)
        looks = flow_series(run, options, [flow.name for flow in run.plan.flows])
        names = limited_flows(run, rows, list(looks))
        if not names:
            return None
        figure, axes = panels([max(len(names) * ROW_INCHES, 0.5)], options["title"])
        span = shown_span(run, options.get("between"))
        patches = draw_limits(axes[0], run, rows, names, span)
        legend(axes[0], handles=patches, columns=5)
        time_limits(axes, run, options)
        return figure
