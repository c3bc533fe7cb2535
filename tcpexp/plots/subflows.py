"""Plot ``subflows``: what came over each subflow of MPTCP connections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from tcpexp.late import polars as pl
from tcpexp.plots.base import Options, Plot
from tcpexp.plots.kit.look import ALARM, INK, PAPER, series_of
from tcpexp.plots.kit.style import (
    legend,
    panel_title,
    panels,
    rate_unit,
    time_limits,
    zero_based,
)
from tcpexp.plots.marks import draw_marks
from tcpexp.views.subflows import subflow_rates

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tcpexp.store.rundata import RunData


class Subflows(Plot):
    """Data of MPTCP flows as it arrives at their receivers, stacked by subflow, per 100 ms.

    Each byte counts where it came first. Data that came again, because the sender gave a subflow
    up, is drawn beside it and is no goodput.
    """

    name = "subflows"
    title = "Subflows"
    defaults: ClassVar[dict[str, Any]] = {"flow": ""}

    def draw(self, run: RunData, options: Options) -> Figure | None:
        """Return the figure, or None when no flow is MPTCP's."""
        table = run.table("subflows").filter(pl.col("flow").is_not_null())
        flows = [
            flow.name
            for flow in run.plan.flows
            if flow.name in table["flow"] and options["flow"] in ("", flow.name)
        ]
        if not flows:
            return None
        figure, axes = panels([2.6] * len(flows), options["title"])
        for axis, flow in zip(axes, flows, strict=True):
            _draw(axis, run, flow, options, table.filter(pl.col("flow") == flow))
        time_limits(list(axes), run, options)
        draw_marks(figure, list(axes), run, options)
        return figure


def _draw(axis: Axes, run: RunData, flow: str, options: Options, table: pl.DataFrame) -> None:
    rates = subflow_rates(run, flow, options.get("between"))
    names = table["subflow"].to_list()
    ways = dict(table.select("subflow", "path").iter_rows())
    wide = rates.pivot("subflow", index="t_ns", values="new_bps").sort("t_ns").fill_null(0.0)
    again = rates.group_by("t_ns").agg(pl.col("again_bps").sum()).sort("t_ns")
    present = [name for name in names if name in wide.columns]
    divisor, unit = rate_unit(float(wide.select(present).sum_horizontal().max() or 0.0))  # type: ignore[arg-type]
    seconds = wide["t_ns"].to_numpy() / 1e9
    looks = series_of(names)
    axis.stackplot(
        seconds,
        [wide[name].to_numpy() / divisor for name in present],
        colors=[looks[name].color for name in present],
        labels=[f"{name} ({ways[name]})" for name in present],
        alpha=0.6,
        edgecolor=PAPER,
        linewidth=0.6,
    )
    total = wide.select(present).sum_horizontal().to_numpy() / divisor
    axis.plot(seconds, total, color=INK, linewidth=0.9, label="all together")
    if again["again_bps"].sum():
        axis.plot(
            again["t_ns"].to_numpy() / 1e9,
            again["again_bps"].to_numpy() / divisor,
            color=ALARM,
            linewidth=0.9,
            label="came again",
        )
    axis.set_ylabel(unit)
    zero_based(axis)
    panel_title(axis, flow)
    legend(axis)
