"""Plot ``labels``: when Wireshark's labels occur in a capture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from tcpexp.late import numpy as np
from tcpexp.late import polars as pl
from tcpexp.plots.base import Options, Plot
from tcpexp.plots.kit.look import PALETTE
from tcpexp.plots.kit.shapes import draw_rectangles
from tcpexp.plots.kit.style import panel_title, panels, time_limits
from tcpexp.plots.kit.thin import thin_moments
from tcpexp.plots.marks import draw_marks
from tcpexp.views.labels import WORDS
from tcpexp.views.spans import rows_within, shown_span

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from tcpexp.store.rundata import RunData

#: Width of one packet's stroke, as a part of the time axis: 0.8 points.
STROKE = 1 / 580


class Labels(Plot):
    """Wireshark's analysis labels over time, one row per label, one panel per capture, one stroke
    per packet.

    ``capture`` chooses one capture, such as ``h1-eth0``; without it the two with most labels are
    shown.
    """

    name = "labels"
    title = "Wireshark's labels"
    defaults: ClassVar[dict[str, Any]] = {"capture": ""}

    def draw(self, run: RunData, options: Options) -> Figure | None:
        """Return the figure, or None when no packet carries a label."""
        rows = labelled_packets(run, options)
        if rows.is_empty():
            return None
        counts = rows.group_by("capture").len().sort(["len", "capture"], descending=[True, False])
        captures = sorted(counts["capture"].to_list()[:2])
        kinds = {name: _kinds(rows.filter(pl.col("capture") == name)) for name in captures}
        figure, axes = panels(
            [0.22 * len(kinds[name]) + 0.18 for name in captures],
            options["title"],
            left=2.9,
            fixed=True,
        )
        for axis, capture in zip(axes, captures, strict=True):
            for row, kind in enumerate(kinds[capture]):
                mine = rows.filter((pl.col("capture") == capture) & (pl.col("label") == kind))
                span = shown_span(run, options.get("between"))
                moments = thin_moments(mine, "t_ns", span)["t_ns"].sort().to_numpy() / 1e9
                _draw_strokes(axis, moments, row, max(span[1] - span[0], 1) / 1e9 * STROKE)
            names = [_row_name(rows, capture, kind) for kind in kinds[capture]]
            axis.set_yticks(range(len(names)), names, fontsize=8)
            axis.set_ylim(len(names) - 0.4, -0.6)
            axis.grid(visible=False, axis="y")
            panel_title(axis, f"capture {capture}")
        time_limits(axes, run, options)
        draw_marks(figure, axes, run, options)
        return figure


def _draw_strokes(axis: Axes, moments: NDArray[np.float64], row: int, width: float) -> None:
    """Draw strokes of ``width`` (seconds) at ``moments`` (s, ascending) as one path.

    Strokes that touch are one rectangle.
    """
    starts = np.flatnonzero(np.diff(moments, prepend=-np.inf) > width)
    left, right = (
        moments[starts] - width / 2,
        moments[np.append(starts[1:], len(moments)) - 1] + width / 2,
    )
    draw_rectangles(axis, left, right, row - 0.36, row + 0.36, PALETTE[row % len(PALETTE)])


def labelled_packets(run: RunData, options: Options) -> pl.DataFrame:
    """Return ``capture``, ``number``, ``t_ns`` and ``label``: one row per label of a packet, in
    capture order.
    """
    packets = rows_within(run.table("packets"), options.get("between"))
    if options.get("capture"):
        packets = packets.filter(pl.col("capture") == options["capture"])
    rows = packets.filter(pl.col("labels").list.len() > 0).select(
        "capture", "number", "t_ns", pl.col("labels").alias("label")
    )
    return rows.explode("label").sort("capture", "number", maintain_order=True)


def _kinds(rows: pl.DataFrame) -> list[str]:
    present = rows["label"].unique().to_list()
    return [kind for kind in WORDS if kind in present] + sorted(set(present) - set(WORDS))


def _row_name(rows: pl.DataFrame, capture: str, kind: str) -> str:
    count = rows.filter((pl.col("capture") == capture) & (pl.col("label") == kind)).height
    return f"{WORDS.get(kind, kind)}  {count:,}"
