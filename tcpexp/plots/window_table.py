"""Plot ``window_table``: each ACK of a flow's receiver and the window that it advertises, as a
table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from tcpexp.late import polars as pl
from tcpexp.plots.base import Options, Plot
from tcpexp.plots.data import addresses, receiver_of, within
from tcpexp.plots.kit.style import flow_series
from tcpexp.plots.kit.table import MOST_ROWS, Column, Part, Row, Table, spread
from tcpexp.views.packets import PacketLink

if TYPE_CHECKING:
    from tcpexp.plan.types import FlowPlan
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
            table = advertised_windows(run, flow, options)
            if not table.is_empty():
                tables[flow.name] = table
        shown = list(flow_series(run, options, tables))[: options["panels"]]
        return (
            Table(tuple(_part(name, tables[name], options["rows"]) for name in shown))
            if shown
            else None
        )


def advertised_windows(run: RunData, flow: FlowPlan, options: Options) -> pl.DataFrame:
    """Return the receiver's segments in order: ``t_ns``, ``capture``, ``number``, ``ack_rel``,
    ``window`` (the field), ``scale`` (shift count; null in a SYN-ACK, whose window is never
    scaled), ``window_bytes``, ``change`` and ``edge`` in bytes. One connection, the first one.
    """
    receiver = receiver_of(flow)
    seen = (
        run.table("packets")
        .filter((pl.col("flow") == flow.name) & (pl.col("node") == receiver))
        .sort("t_ns", "number")
    )
    seen = seen.filter(pl.col("stream").eq_missing(pl.lit(seen["stream"].min())))
    scale = _scale(seen, addresses(run, receiver))
    rows = seen.filter(
        pl.col("src").is_in(list(addresses(run, receiver)))
        & pl.col("window_bytes").is_not_null()
        & ~pl.col("flags").str.contains("R")
    )
    syn = pl.col("flags").str.contains("S")
    rows = rows.select(
        "t_ns",
        "capture",
        "number",
        pl.col("ack_rel").fill_null(0),
        "window",
        pl.when(syn).then(None).otherwise(pl.lit(scale)).alias("scale"),
        "window_bytes",
    )
    rows = rows.with_columns(
        change=pl.col("window_bytes").diff(), edge=pl.col("ack_rel") + pl.col("window_bytes")
    )
    return within(rows, options)


def _scale(packets: pl.DataFrame, receiver: set[str]) -> int:
    """Return the receiver's shift count: that of its SYN, in force only when both ends sent the
    option (RFC 7323 section 2.2).
    """
    syns = packets.filter(pl.col("flags").str.contains("S") & pl.col("wscale").is_not_null())
    own = syns.filter(pl.col("src").is_in(list(receiver)))["wscale"]
    return int(own[0]) if len(own) and syns["src"].n_unique() == 2 else 0


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
