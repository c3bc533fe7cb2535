"""Plot ``share``: each flow's part of the goodput over time, and Jain's fairness index."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tcpexp.analysis.activity import activity_of
from tcpexp.analysis.sharing import find_directions, jain_index
from tcpexp.late import numpy as np
from tcpexp.late import polars as pl
from tcpexp.plots.base import Options, Plot
from tcpexp.plots.capacity import MOST_PANELS
from tcpexp.plots.kit.look import INK, SOFT_INK, Series
from tcpexp.plots.kit.style import flow_series, legend, panel_title, panels, time_limits
from tcpexp.plots.marks import draw_marks
from tcpexp.views.flows import binned_goodput

if TYPE_CHECKING:
    from typing import Any

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from tcpexp.store.rundata import RunData


class Share(Plot):
    """Each flow's share of the goodput of those that share its bottleneck, and Jain's fairness
    index over the flows that are running: 1 is equal shares.

    The index of n flows lies between 1/n (one takes all) and 1 (Jain, Chiu and Hawe, 1984). It is
    drawn where at least two flows were active for the whole of an interval: from a flow's first
    data segment sent to its last data that arrived. Flows that meet only head-on share nothing;
    each direction with two flows or more has panels of its own.
    """

    name = "share"
    title = "Share of the bottleneck and fairness"

    def draw(self, run: RunData, options: Options) -> Figure | None:
        """Return the figure, or None when no two flows share a bottleneck."""
        rates, interval_s = binned_goodput(run, options.get("between"))
        looks = flow_series(run, options, [] if rates is None else rates.columns[1:])
        every = find_directions(run.plan)
        shared = [
            direction for direction in every if sum(name in direction.names for name in looks) > 1
        ]
        if rates is None or not shared:
            return None
        shared = shared[:MOST_PANELS]
        figure, axes = panels([2.1, 1.4] * len(shared), options["title"])
        for index, direction in enumerate(shared):
            upper, lower = axes[2 * index : 2 * index + 2]
            where = "" if len(every) == 1 else f"Towards {direction.towards}. "
            own = {name: look for name, look in looks.items() if name in direction.names}
            _draw_direction(run, rates, own, round(interval_s * 1e9), (upper, lower))
            panel_title(upper, f"{where}Averaged over {interval_s:g} s")
            panel_title(lower, f"{where}Fairness over the flows that were active (1 = equal)")
        time_limits(list(axes), run, options)
        draw_marks(figure, list(axes), run, options)
        return figure


def _draw_direction(
    run: RunData,
    rates: pl.DataFrame,
    looks: Mapping[str, Series],
    width_ns: int,
    axes: tuple[Axes, Axes],
) -> None:
    """Draw the shares of the flows of one direction, and their index."""
    upper, lower = axes
    seconds = rates["t_ns"].to_numpy() / 1e9
    values = rates.select(list(looks)).to_numpy()
    total = values.sum(axis=1)
    shares = np.divide(
        values, total[:, None], out=np.full_like(values, np.nan), where=total[:, None] > 0
    )
    running = np.column_stack(
        [_running(run, name, rates["t_ns"].to_numpy(), width_ns) for name in looks]
    )
    for index, (name, look) in enumerate(looks.items()):
        drawn = np.where(running[:, index], shares[:, index] * 100, np.nan)
        upper.plot(seconds, drawn, color=look.color, linestyle=look.dash, label=name)
    count = running.sum(axis=1)
    fair = np.where(count >= 2, 100 / np.maximum(count, 1), np.nan)
    upper.plot(
        seconds, fair, color=SOFT_INK, linewidth=1, linestyle=(0, (1, 1.5)), label="equal share"
    )
    upper.set_ylim(0, 104)
    upper.set_ylabel("Share of goodput (%)")
    legend(upper)
    lower.plot(seconds, running_index(values, running), color=INK)
    lower.set_ylim(0, 1.05)
    lower.set_ylabel("Jain's index")


def running_index(values: NDArray[Any], running: NDArray[Any]) -> NDArray[Any]:
    """Return Jain's index per row over the running columns; NaN where fewer than two run."""
    rows = [
        jain_index(row[on].tolist()) if on.sum() >= 2 else None
        for row, on in zip(values, running, strict=True)
    ]
    return np.array([np.nan if row is None else row for row in rows])


def _running(run: RunData, name: str, t_ns: NDArray[Any], width_ns: int) -> NDArray[Any]:
    """Return whether the flow was active in each whole bin (their middles are ``t_ns``)."""
    flow = next((flow for flow in run.plan.flows if flow.name == name), None)
    active = None if flow is None else activity_of(run, flow)
    if active is None:
        return np.zeros(len(t_ns), dtype=bool)
    inside: NDArray[Any] = (t_ns - width_ns // 2 >= active.from_ns) & (
        t_ns + width_ns // 2 <= active.to_ns
    )
    return inside
