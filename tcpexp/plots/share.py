"""Plot ``share``: each flow's part of the goodput over time, and Jain's fairness index."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tcpexp.plots.base import Options, Plot
from tcpexp.plots.capacity import MOST_PANELS, bottleneck_lines
from tcpexp.plots.marks import draw_marks
from tcpexp.plots.style import INK, SOFT_INK, Series, flow_series, legend, panel_title, panels, time_limits
from tcpexp.plots.throughput import binned_goodput

if TYPE_CHECKING:
    from typing import Any

    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from tcpexp.store.rundata import RunData


class Share(Plot):
    """Each flow's share of the goodput of those that share its bottleneck, and Jain's fairness index over the flows that are running: 1 is equal shares.

    The index of n flows lies between 1/n (one takes all) and 1 (Jain, Chiu and Hawe, 1984). It is drawn while at least two
    flows are running. Flows in opposite directions of a link share nothing; each direction with two flows or more has panels of its own.
    """

    name = "share"
    title = "Share of the bottleneck and fairness"

    def draw(self, run: RunData, options: Options) -> Figure | None:
        """Return the figure, or None when no two flows share a bottleneck."""
        rates, interval_s = binned_goodput(run, options)
        looks = flow_series(run, options, [] if rates is None else rates.columns[1:])
        lines = bottleneck_lines(run, list(looks))
        shared = {place: names for place, (names, _) in lines.items() if len(names) > 1}
        if rates is None or not shared:
            return None
        shared = dict(list(shared.items())[:MOST_PANELS])
        figure, axes = panels([2.1, 1.4] * len(shared), options["title"])
        for index, (place, names) in enumerate(shared.items()):
            upper, lower = axes[2 * index : 2 * index + 2]
            where = "" if len(lines) == 1 else f"{place}. "
            _draw_direction(run, rates, {name: look for name, look in looks.items() if name in names}, (upper, lower))
            panel_title(upper, f"{where}Averaged over {interval_s:g} s")
            panel_title(lower, f"{where}Fairness over the flows that are running (1 = equal)")
        time_limits(list(axes), run, options)
        draw_marks(figure, list(axes), run, options)
        return figure


def _draw_direction(run: RunData, rates: pl.DataFrame, looks: Mapping[str, Series], axes: tuple[Axes, Axes]) -> None:
    """Draw the shares of the flows of one direction, and their index."""
    import numpy as np

    upper, lower = axes
    seconds = rates["t_ns"].to_numpy() / 1e9
    values = rates.select(list(looks)).to_numpy()
    total = values.sum(axis=1)
    shares = np.divide(values, total[:, None], out=np.full_like(values, np.nan), where=total[:, None] > 0)
    running = np.column_stack([_running(run, name, rates["t_ns"].to_numpy(), values[:, i]) for i, name in enumerate(looks)])
    for index, (name, look) in enumerate(looks.items()):
        drawn = np.where(running[:, index], shares[:, index] * 100, np.nan)
        upper.plot(seconds, drawn, color=look.color, linestyle=look.dash, label=name)
    count = running.sum(axis=1)
    fair = np.where(count >= 2, 100 / np.maximum(count, 1), np.nan)
    upper.plot(seconds, fair, color=SOFT_INK, linewidth=1, linestyle=(0, (1, 1.5)), label="equal share")
    upper.set_ylim(0, 104)
    upper.set_ylabel("Share of goodput (%)")
    legend(upper)
    lower.plot(seconds, jain_index(values, running), color=INK)
    lower.set_ylim(0, 1.05)
    lower.set_ylabel("Jain's index")


def jain_index(values: NDArray[Any], running: NDArray[Any]) -> NDArray[Any]:
    """Return Jain's index per row over the running columns: (sum x)^2 / (n sum x^2); NaN where fewer than two run."""
    import numpy as np

    counted = np.where(running, values, 0.0)
    squares = (counted**2).sum(axis=1) * running.sum(axis=1)
    usable = (running.sum(axis=1) >= 2) & (squares > 0)
    index: NDArray[Any] = np.divide(counted.sum(axis=1) ** 2, squares, out=np.full(len(values), np.nan), where=usable)
    return index


def _running(run: RunData, name: str, t_ns: NDArray[Any], rate: NDArray[Any]) -> NDArray[Any]:
    """Return whether the flow runs in each bin: between its planned start and end, or else its first and last data."""
    import numpy as np

    flow = next((flow for flow in run.plan.flows if flow.name == name), None)
    busy = np.flatnonzero(rate > 0)
    if not len(busy):
        return np.zeros(len(t_ns), dtype=bool)
    start = t_ns[busy[0]]
    end = flow.until_ns if flow is not None and flow.until_ns is not None else t_ns[busy[-1]]
    active: NDArray[Any] = (t_ns >= start) & (t_ns <= max(end, t_ns[busy[-1]]))
    return active
