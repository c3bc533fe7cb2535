"""``panel_data(run)``: everything that a report's interactive panels show, computed from the run's
tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.report.panels.activity import activity_table
from tcpexp.report.panels.common import Parts, flow_colors
from tcpexp.report.panels.control import control_parts
from tcpexp.report.panels.limits import limit_parts
from tcpexp.report.panels.model import PanelData
from tcpexp.report.panels.moments import band_rows, mark_rows
from tcpexp.report.panels.packets import connections_of
from tcpexp.report.panels.sequence import connection_parts
from tcpexp.report.panels.traffic import io_parts, queue_parts, rtt_parts, throughput_parts
from tcpexp.views.spans import busy_part

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


def panel_data(run: RunData) -> PanelData:
    """Return the panels of a run, from its tables alone; a layer whose table is absent is absent,
    and ``absent`` says why.

    Stable interface. The result's tables hold every row (packets beyond ``MOST_PACKETS`` excepted,
    which ``absent`` says), so its parts can be renamed and put together with another run's: names
    of tables are unique within one run, layers name their table.
    """
    connections = connections_of(run)
    colors = flow_colors(run)
    control = control_parts(run, colors)
    others = [
        limit_parts(run, connections),
        control,
        rtt_parts(run, colors, control.tables),
        throughput_parts(run, colors),
        queue_parts(run),
        io_parts(run, [connection.facts["capture"] for connection in connections]),
    ]
    first = connection_parts(run, connections, colors)
    if not connections:
        first.lacks("Time-sequence graph", "no TCP packet was captured")
    if not run.has("faults"):
        first.lacks(
            "Faults",
            "the table faults is absent or has no row: the spec asks for none, or none acted",
        )
    left_out = sum(connection.left_out for connection in connections)
    if left_out:
        first.lacks(f"{left_out:,} packets", LEFT_OUT)
    activity = activity_table(run, connections)
    end = run.end_ns
    parts = [Parts([activity] if activity else []), first, *others]
    ordered = sorted(
        (panel for part in parts for panel in part.panels),
        key=lambda panel: ORDER.index(panel.id.partition("-")[0]),
    )
    span = (0, max(run.plan.duration_ns, end if end > run.plan.duration_ns * 1.02 else 0, 1))
    return PanelData(
        span=span,
        view=busy_part(span, run.table("packets")["t_ns"].to_numpy()),
        flows=colors,
        connections=[
            {"id": connection.id, "label": connection.label, "flow": connection.flow}
            for connection in connections
        ],
        marks=mark_rows(run),
        bands=band_rows(run),
        tables={table.name: table for part in parts for table in part.tables},
        panels=ordered,
        absent=[row for part in parts for row in part.absent],
        activity=[{"table": activity.name, "color": "--soft"}] if activity else [],
    ).without_empty()


LEFT_OUT = (
    "a page cannot hold so many: of those without label, loss, SYN, FIN or RST only a regular part"
    " is kept; all are in tables/packets.parquet"
)
#: From the packets to their effects.
ORDER = (
    "sequence",
    "limits",
    "cwnd",
    "states",
    "rtt",
    "throughput",
    "stacked",
    "queue",
    "window",
    "delay",
    "io",
)
