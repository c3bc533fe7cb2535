"""Plot ``share``: each flow's part of the goodput over time, and Jain's fairness index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.plots.base import Options, Plot
from tcpexp.plots.marks import draw_marks
from tcpexp.plots.style import INK, SOFT_INK, flow_series, legend, panel_title, panels, time_limits
from tcpexp.plots.throughput import binned_goodput

if TYPE_CHECKING:
    from typing import Any

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from tcpexp.store.rundata import RunData


class Share(Plot):
    """Each flow's share of the goodput, and Jain's fairness index over the flows that are running: 1 is equal shares.

    The index of n flows lies between 1/n (one takes all) and 1 (Jain, Chiu and Hawe, 1984). It is drawn where at least two flows were active for the whole
    of an interval: from a flow's first data segment sent to its last data that arrived. A flow's share is of the flows that share a direction of a link
    with it; the index is of the direction with most flows.
    """

    name = "share"
    title = "Share of the bottleneck and fairness"

    def draw(self, run: RunData, options: Options) -> Figure | None:
        """Return the figure, or None with fewer than two flows."""
        import numpy as np

        rates, interval_s = binned_goodput(run, options)
        looks = flow_series(run, options, [] if rates is None else rates.columns[1:])
        if rates is None or len(looks) < 2:
            return None
        seconds = rates["t_ns"].to_numpy() / 1e9
        values = rates.select(list(looks)).to_numpy()
        groups = _directions(run, list(looks))
        total = np.column_stack([values[:, next(group for group in groups if index in group)].sum(axis=1) for index in range(len(looks))])
        shares = np.divide(values, total, out=np.full_like(values, np.nan), where=total > 0)
        running = np.column_stack([_running(run, name, rates["t_ns"].to_numpy(), round(interval_s * 1e9)) for name in looks])
        figure, (upper, lower) = panels([2.1, 1.4], options["title"])
        for index, (name, look) in enumerate(looks.items()):
            drawn = np.where(running[:, index], shares[:, index] * 100, np.nan)
            upper.plot(seconds, drawn, color=look.color, linestyle=look.dash, label=name)
        most = max(groups, key=len)
        count = running[:, most].sum(axis=1)
        fair = np.where(count >= 2, 100 / np.maximum(count, 1), np.nan)
        upper.plot(seconds, fair, color=SOFT_INK, linewidth=1, linestyle=(0, (1, 1.5)), label="equal share")
        upper.set_ylim(0, 104)
        upper.set_ylabel("Share of goodput (%)")
        panel_title(upper, f"Averaged over {interval_s:g} s")
        legend(upper)
        lower.plot(seconds, jain_index(values[:, most], running[:, most]), color=INK)
        lower.set_ylim(0, 1.05)
        lower.set_ylabel("Jain's index")
        panel_title(lower, "Fairness over the flows that were active (1 = equal)")
        time_limits([upper, lower], run, options)
        draw_marks(figure, [upper, lower], run, options)
        return figure


def _directions(run: RunData, names: list[str]) -> list[list[int]]:
    """Return the positions in ``names`` of the flows of each direction."""
    from tcpexp.analysis.sharing import find_directions

    groups = [[number for number, name in enumerate(names) if name in direction.names] for direction in find_directions(run.plan)]
    planned = {number for group in groups for number in group}
    return [group for group in groups if group] + [[number] for number in range(len(names)) if number not in planned]


def jain_index(values: NDArray[Any], running: NDArray[Any]) -> NDArray[Any]:
    """Return Jain's index per row over the running columns; NaN where fewer than two run."""
    import numpy as np

    from tcpexp.analysis.sharing import jain_index as of_flows

    rows = [of_flows(row[on].tolist()) if on.sum() >= 2 else None for row, on in zip(values, running, strict=True)]
    return np.array([np.nan if each is None else each for each in rows])


def _running(run: RunData, name: str, t_ns: NDArray[Any], width_ns: int) -> NDArray[Any]:
    """Return whether the flow was active in each whole bin (their middles are ``t_ns``)."""
    import numpy as np

    from tcpexp.analysis.activity import activity_of

    flow = next((flow for flow in run.plan.flows if flow.name == name), None)
    active = None if flow is None else activity_of(run, flow)
    if active is None:
        return np.zeros(len(t_ns), dtype=bool)
    inside: NDArray[Any] = (t_ns - width_ns // 2 >= active.from_ns) & (t_ns + width_ns // 2 <= active.to_ns)
    return inside
