"""Plot ``window_table``: each ACK of a flow's receiver and the window that it advertises, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from tcpexp.plots.base import Options, Plot
from tcpexp.plots.data import addresses, receiver_of, within
from tcpexp.plots.style import GRID, INK, SHADE, SOFT_INK, add_head_room, flow_series, panel_title, panels

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tcpexp.plan.types import FlowPlan
    from tcpexp.store.rundata import RunData

#: Heading and right edge of each column, as a fraction of the width.
COLUMNS: tuple[tuple[str, float], ...] = (
    ("time (s)", 0.11),
    ("packet", 0.20),
    ("acknowledged", 0.34),
    ("window on the wire", 0.51),
    ("scale", 0.60),
    ("window (bytes)", 0.75),
    ("change", 0.86),
    ("right edge", 0.98),
)
#: Height of a line, inches.
LINE = 0.19


class WindowTable(Plot):
    """The windows that a receiver advertises, one line per ACK: when, how much is acknowledged, and the window before and after scaling.

    The right edge is the acknowledged bytes plus the window: the last byte that the sender may send. ACKs that change neither number
    are left out, and so are lines beyond ``rows``, evenly. The receiver's own capture is shown.
    """

    name = "window_table"
    title = "Advertised windows, ACK by ACK"
    defaults: ClassVar[dict[str, Any]] = {"rows": 40, "panels": 2}
    time_axis = False
    on_demand = True

    def draw(self, run: RunData, options: Options) -> Figure | None:
        """Return the figure, or None when no flow's receiver was captured."""
        tables = {}
        for flow in run.plan.flows:
            table = advertised_windows(run, flow, options)
            if not table.is_empty():
                tables[flow.name] = table
        shown = list(flow_series(run, options, tables))[: options["panels"]]
        if not shown:
            return None
        chosen = {name: _chosen(tables[name], options["rows"]) for name in shown}
        figure, axes = panels([LINE * (chosen[name].height + 1.6) for name in shown], options["title"])
        add_head_room(figure, 0.16)
        for axis, name in zip(axes, shown, strict=True):
            _draw_table(axis, chosen[name])
            left_out = tables[name].height - chosen[name].height
            panel_title(axis, f"{name}: {chosen[name].height} ACKs" + (f", {left_out} more left out" if left_out else ""))
        return figure


def advertised_windows(run: RunData, flow: FlowPlan, options: Options) -> pl.DataFrame:
    """Return the receiver's segments in order: ``t_ns``, ``number``, ``ack_rel``, ``window`` (the field), ``scale`` (shift count; null in a
    SYN-ACK, whose window is never scaled), ``window_bytes``, ``change`` and ``edge`` in bytes. One connection, the first one."""
    import polars as pl

    receiver = receiver_of(flow)
    seen = run.table("packets").filter((pl.col("flow") == flow.name) & (pl.col("node") == receiver)).sort("t_ns", "number")
    seen = seen.filter(pl.col("stream").eq_missing(pl.lit(seen["stream"].min())))
    scale = _scale(seen, addresses(run, receiver))
    rows = seen.filter(pl.col("src").is_in(list(addresses(run, receiver))) & pl.col("window_bytes").is_not_null() & ~pl.col("flags").str.contains("R"))
    syn = pl.col("flags").str.contains("S")
    rows = rows.select(
        "t_ns",
        "number",
        pl.col("ack_rel").fill_null(0),
        "window",
        pl.when(syn).then(None).otherwise(pl.lit(scale)).alias("scale"),
        "window_bytes",
    )
    rows = rows.with_columns(change=pl.col("window_bytes").diff(), edge=pl.col("ack_rel") + pl.col("window_bytes"))
    return within(rows, options)


def _scale(packets: pl.DataFrame, receiver: set[str]) -> int:
    """Return the receiver's shift count: that of its SYN, in force only when both ends sent the option (RFC 7323 section 2.2)."""
    import polars as pl

    syns = packets.filter(pl.col("flags").str.contains("S") & pl.col("wscale").is_not_null())
    own = syns.filter(pl.col("src").is_in(list(receiver)))["wscale"]
    return int(own[0]) if len(own) and syns["src"].n_unique() == 2 else 0


def _chosen(rows: pl.DataFrame, most: int) -> pl.DataFrame:
    """Return at most ``most`` rows: those that change something, the first and the last always, evenly thinned."""
    import polars as pl

    changed = (pl.col("window_bytes").diff() != 0) | (pl.col("ack_rel").diff() != 0)
    rows = rows.filter(changed.fill_null(True))
    if rows.height <= most:
        return rows
    step = (rows.height - 1) / max(most - 1, 1)
    return rows[[round(index * step) for index in range(most)]]


def _draw_table(axes: Axes, rows: pl.DataFrame) -> None:
    """Write headings and lines; a window of 0 stands on a shade."""
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    axes.set_ylim(rows.height + 0.6, -1)
    for heading, right in COLUMNS:
        axes.text(right, -0.4, heading, ha="right", va="center", fontsize=8.5, color=SOFT_INK)
    axes.axhline(0.1, color=GRID, linewidth=0.8)
    for line, row in enumerate(rows.iter_rows(named=True)):
        if row["window_bytes"] == 0:
            axes.axhspan(line + 0.12, line + 1.12, color=SHADE, zorder=0)
        scale = "none" if row["scale"] is None else f"x {1 << row['scale']}"
        change = "" if not row["change"] else f"{row['change']:+,}"
        cells = (f"{row['t_ns'] / 1e9:.6f}", row["number"], f"{row['ack_rel']:,}", f"{row['window']:,}", scale)
        for (_, right), cell in zip(COLUMNS, (*cells, f"{row['window_bytes']:,}", change, f"{row['edge']:,}"), strict=True):
            axes.text(right, line + 0.62, str(cell), ha="right", va="center", fontsize=8, color=INK)
