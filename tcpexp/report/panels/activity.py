"""How much went on when: frames, retransmissions and losses in equal intervals, for the strip over
all panels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.late import numpy as np
from tcpexp.late import polars as pl
from tcpexp.report.panels.model import PanelColumn, PanelTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tcpexp.report.panels.packets import Connection
    from tcpexp.store.rundata import RunData

#: The strip has so many intervals between the first packet and the last.
INTERVALS = 480


def activity_table(run: RunData, connections: list[Connection]) -> PanelTable | None:
    """Return the intervals from the first packet to the last; None where no packet was captured.

    ``n`` counts the frames of all captures, ``again`` the retransmissions of the connections,
    ``lost`` the packets that left one end and never reached the other.
    """
    frames = run.table("packets")["t_ns"].drop_nulls().to_numpy()
    if not frames.size:
        return None
    edges = _edges(int(frames.min()), int(frames.max()))
    again = [
        connection.frame.filter(pl.col("again"))["t_ns"].to_numpy() for connection in connections
    ]
    journeys = run.table("journeys")
    lost = journeys.filter(pl.col("copies") == 0)["sent_ns"].drop_nulls().to_numpy()
    columns = {
        "t": PanelColumn(edges[:-1], "from", "ns"),
        "to": PanelColumn(edges[1:], "to", "ns"),
        "n": PanelColumn(_counts(frames, edges), "frames"),
        "again": PanelColumn(
            _counts(np.concatenate(again) if again else lost[:0], edges), "retransmissions"
        ),
        "lost": PanelColumn(_counts(lost, edges), "lost on the way"),
    }
    return PanelTable("activity", "samples", columns)


def _edges(first: int, last: int) -> NDArray[np.int64]:
    """Return the borders of the intervals; the last one lies behind the last packet."""
    width = max(1, -(-(last - first + 1) // INTERVALS))
    return np.arange(first, last + width + 1, width, dtype=np.int64)


def _counts(times: NDArray[np.int64], edges: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.histogram(times, edges)[0].astype(np.int64)
