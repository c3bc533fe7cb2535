"""Plot ``window_table``: each ACK of a flow's receiver and the window that it advertises, as a
table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from tcpexp.late import polars as pl
from tcpexp.plots.base import Options, Plot
from tcpexp.plots.kit.style import flow_series
from tcpexp.plots.kit.table import MOST_ROWS, Column, Part, Row, Table, spread
from tcpexp.views.packets import PacketLink
from tcpexp.views.windows import advertised_windows

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

COLUMNS = tuple(
    Column(heading, "right")
    for heading in (
        "time (s)",
        "acknowledged",
        "window on the wire",
        "scale",
        "window (bytes)",
        "change",
        "right edge",
    )
)


class WindowTable(Plot):
    """The windows that a receiver advertises, one line per ACK: when, how much is acknowledged, and
    the window before and after scaling.

    The right edge is the acknowledged bytes plus the window: the last byte that the sender may
    send. ACKs that change neither number are left out, and so are lines beyond ``rows``, evenly.
    The receiver's own capture is shown.
    """

    name = "window_table"
    title = "Advertised windows, ACK by ACK"
    defaults: ClassVar[dict[str, Any]] = {"rows": MOST_ROWS, "panels": 2}
    time_axis = False
    on_demand = True

    def draw(self, run: RunData, options: Options) -> Table | None:
        """Return the table, or None when no flow's receiver was captured."""
        tables = {}
        for flow in run.plan.flows:
            table = advertised_windows(run, flow, options.get("between"))
            if not table.is_empty():
                tables[flow.name] = table
        shown = list(flow_series(run, options, tables))[: options["panels"]]
        return (
            Table(tuple(_part(name, tables[name], options["rows"]) for name in shown))
            if shown
            else None
        )


def _part(flow: str, rows: pl.DataFrame, most: int) -> Part:
    """Return a flow's lines: those that change something, evenly thinned.

    A window of 0 is shaded.
    """
    changed = (pl.col("window_bytes").diff() != 0) | (pl.col("ack_rel").diff() != 0)
    chosen = spread(rows.filter(changed.fill_null(True)).rows(named=True), most)
    left_out = rows.height - len(chosen)
    title = f"{flow}: {len(chosen)} ACKs" + (f", {left_out} more left out" if left_out else "")
    note = (
        f"All {rows.height:,} are in tables/packets.parquet. A change is against the ACK before,"
        " shown or not."
        if left_out
        else ""
    )
    return Part(COLUMNS, tuple(_line(row) for row in chosen), title, note)


def _line(row: dict[str, Any]) -> Row:
    scale = "none" if row["scale"] is None else f"x {1 << row['scale']}"
    change = "" if not row["change"] else f"{row['change']:+,}"
    numbers = (
        f"{row['ack_rel']:,}",
        f"{row['window']:,}",
        scale,
        f"{row['window_bytes']:,}",
        change,
        f"{row['edge']:,}",
    )
    return Row(
        (f"{row['t_ns'] / 1e9:.6f}", *numbers),
        row["window_bytes"] == 0,
        (PacketLink(row["capture"], row["number"]),),
    )
