"""Plot ``classes``: what each class of htb sends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.late import polars as pl
from tcpexp.plots.base import Options, Plot
from tcpexp.plots.kit.look import PALETTE, series_of
from tcpexp.plots.kit.style import legend, panel_title, panels, rate_unit, time_limits, zero_based
from tcpexp.plots.marks import draw_marks
from tcpexp.views.disciplines import class_rates
from tcpexp.views.spans import rows_within

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tcpexp.plan.types import ClassPlan
    from tcpexp.store.rundata import RunData

MOST_PLACES = 4


class Classes(Plot):
    """The rate of each class of htb per half second, by the kernel's count of the class.

    Dashed is what a class is guaranteed, dotted its ceiling.
    """

    name = "classes"
    title = "Classes of htb"

    def draw(self, run: RunData, options: Options) -> Figure | None:
        """Return the figure, or None when no class sent anything."""
        rates = rows_within(class_rates(run), options.get("between"))
        if rates.is_empty() or not rates["rate_bps"].sum():
            return None
        places = list(_places(run, rates["place"].unique().to_list()).items())[:MOST_PLACES]
        figure, axes = panels([2.4] * len(places), options["title"])
        divisor, unit = rate_unit(float(rates["rate_bps"].max() or 1))  # type: ignore[arg-type]
        for axis, (place, classes) in zip(axes, places, strict=True):
            looks = series_of([one.name for one in classes], PALETTE)
            for one in classes:
                mine = rates.filter((pl.col("place") == place) & (pl.col("class") == one.name))
                look = looks[one.name]
                axis.plot(
                    mine["t_ns"] / 1e9,
                    mine["rate_bps"] / divisor,
                    color=look.color,
                    linestyle=look.dash,
                    label=one.name,
                )
                for level, dash in ((one.rate_bps, (0, (5, 2))), (one.ceil_bps, (0, (1, 2)))):
                    if level is not None:
                        axis.axhline(
                            level / divisor, color=look.color, linewidth=0.7, linestyle=dash
                        )
            axis.set_ylabel(f"Rate ({unit})")
            zero_based(axis)
            legend(axis)
            if len(places) > 1:
                panel_title(axis, place)
        time_limits(axes, run, options)
        draw_marks(figure, axes, run, options)
        return figure


def _places(run: RunData, busy: list[str]) -> dict[str, tuple[ClassPlan, ...]]:
    """Return the classes of each direction that sent anything, in the plan's order."""
    return {
        f"{link.name} to {end.node}": side.queue.classes
        for link in run.plan.network.links
        for side, end in ((link.forward, link.b), (link.backward, link.a))
        if side.queue is not None and f"{link.name} to {end.node}" in busy
    }
