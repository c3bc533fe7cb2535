"""The strip under the time-sequence graph: what limited the rate of each direction of a connection.

From the table ``limits``; a run without it has no strip.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.late import polars as pl
from tcpexp.plots.kit.limitlook import LIMITS, WORDS
from tcpexp.report.panels.common import NO_FLOW, Parts, codes, numbers
from tcpexp.report.panels.model import Layer, Panel, PanelColumn, PanelTable

if TYPE_CHECKING:
    from tcpexp.report.panels.packets import Connection
    from tcpexp.store.rundata import RunData

NOTE = (
    "What kept the sender from sending faster at each moment, as packets alone show it: its"
    " program, the receive window, the congestion window, the repair of losses, or the path. Hover"
    " over an interval for what the packets show and how sure that is."
)
LANES = ("data", "the other way")


def limit_parts(run: RunData, connections: list[Connection]) -> Parts:
    """Return the strip of all connections: the data's direction, and the other one below it where
    it carried data too.
    """
    rows = run.table("limits")
    parts = Parts()
    if rows.is_empty():
        return parts
    clients = (
        dict(run.table("connections").select("connection", "client_address").iter_rows()),
        dict(run.table("connections").select("connection", "client_port").iter_rows()),
    )
    layers: list[Layer] = []
    for connection in connections:
        number = connection.frame["connection"][0]
        own = rows.filter(pl.col("connection") == number)
        sent = connection.frame.filter(pl.col("outgoing"))
        if own.is_empty() or sent.is_empty():
            continue
        ends = (sent["src"][0], sent["src_port"][0])
        data = "client" if ends == tuple(known[number] for known in clients) else "server"
        for (sender,), part in own.partition_by(
            "sender", as_dict=True, maintain_order=True
        ).items():
            lane = 0 if sender == data else 1
            table = _table(f"{connection.id}-limits-{lane}", connection, part)
            parts.tables.append(table)
            layers.append(_layer(table, connection, lane))
    if not layers:
        return parts
    lanes = LANES[: 1 + max(layer.lane for layer in layers)]
    parts.panels.append(
        Panel(
            "limits",
            "What limited the rate",
            "",
            layers,
            NOTE,
            height=50 + 22 * len(lanes),
            lanes=lanes,
            figures=("limits",),
        )
    )
    return parts


def _table(name: str, connection: Connection, rows: pl.DataFrame) -> PanelTable:
    named: list[str] = []
    limit = codes(rows["limit"].replace(WORDS), named)
    sure: list[str] = []
    surely = codes(rows["sure"], sure)
    whys: list[str] = []
    because = codes(rows["why"], whys)
    columns = {
        "t": PanelColumn(numbers(rows["from_ns"]), "from", "ns"),
        "to": PanelColumn(numbers(rows["to_ns"]), "to", "ns"),
        "code": PanelColumn(limit, "limit", words=tuple(named)),
        "sure": PanelColumn(surely, "how sure", words=tuple(sure)),
        "bytes": PanelColumn(numbers(rows["bytes"]), "sent meanwhile", "bytes"),
        "why": PanelColumn(because, "what packets show", words=tuple(whys)),
    }
    return PanelTable(name, "samples", columns, {"flow": connection.flow})


def _layer(table: PanelTable, connection: Connection, lane: int) -> Layer:
    looks = {WORDS[name]: look.variable for name, look in LIMITS.items()}
    palette = tuple(looks.get(word, NO_FLOW) for word in table.columns["code"].words)
    return Layer(
        "limit",
        "spans",
        table.name,
        NO_FLOW,
        "code",
        connection=connection.id,
        lane=lane,
        palette=palette,
    )
