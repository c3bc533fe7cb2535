"""What limited each flow's rate, as a strip with a row per flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcpexp.diagnosis.limitviews import flow_limits
from tcpexp.late import polars as pl
from tcpexp.plots.kit.limitlook import LIMITS, WORDS
from tcpexp.plots.kit.look import SOFT_INK
from tcpexp.plots.kit.shapes import legend_patch
from tcpexp.plots.phasestrip import draw_bands

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from tcpexp.store.rundata import RunData


def limited_flows(run: RunData, rows: pl.DataFrame, names: Sequence[str]) -> list[str]:
    """Return those flows of which something is known, in their order."""
    return [name for name in names if not flow_limits(run, rows, name).is_empty()]


def draw_limits(
    axes: Axes, run: RunData, rows: pl.DataFrame, names: Sequence[str], span: tuple[int, int]
) -> list[Any]:
    """Draw a row per flow and return the legend's patches."""
    used: set[str] = set()
    for at, name in enumerate(names):
        own = flow_limits(run, rows, name)
        bands = list(own.select("limit", "from_ns", "to_ns").iter_rows())
        inside = own.filter((pl.col("to_ns") > span[0]) & (pl.col("from_ns") < span[1]))
        used |= set(inside["limit"].to_list())
        draw_bands(axes, at, bands, LIMITS, span)
    axes.set_ylim(len(names) - 0.45, -0.55)
    labels = list(names) if len(names) > 1 else ["limit"]
    axes.set_yticks(range(len(names)), labels, fontsize=7.5)
    axes.grid(visible=False)
    axes.tick_params(axis="y", length=0)
    return [
        legend_patch(axes, WORDS[name], look.color, look.hatch, SOFT_INK, 0.4)
        for name, look in LIMITS.items()
        if name in used
    ]
