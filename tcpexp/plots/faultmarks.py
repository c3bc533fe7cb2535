"""Where faults acted on segments: marks in the sequence figure and on the arrows of the ladder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.late import polars as pl
from tcpexp.plots.kit.look import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes


#: The mark of each effect, and its word in the legend.
MARKS = {
    "drop": ("v", "dropped by a fault"),
    "corrupt": ("s", "damaged by a fault"),
    "duplicate": ("D", "duplicated by a fault"),
    "delay": (">", "delayed by a fault"),
}


def draw_fault_marks(axes: Axes, faults: pl.DataFrame, divisor: float) -> None:
    """Draw a mark for each fault at the time when the segment came out of the bottleneck.

    ``divisor`` is the axis's unit in bytes.
    """
    for effect, (marker, words) in MARKS.items():
        own = faults.filter(pl.col("effect") == effect)
        if own.is_empty():
            continue
        axes.plot(
            own["t_ns"] / 1e9,
            own["seq_rel"] / divisor,
            linestyle="none",
            marker=marker,
            markersize=6,
            markerfacecolor="none",
            markeredgecolor=INK,
            markeredgewidth=1.1,
            label=words,
            zorder=5,
        )
