"""Data segments of a flow, and which packets their sender sent again: the table ``resent`` says it,
not Wireshark's labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, ref

from tcpexp.late import polars as pl

if TYPE_CHECKING:
    from tcpexp.plan.types import FlowPlan
    from tcpexp.store.rundata import RunData


def data_segments(run: RunData, flow: FlowPlan, seen_at: str) -> pl.DataFrame:
    """Return the ``packets`` with payload from the flow's sender as the captures of node
    ``seen_at`` have them, in time order.
    """
    addresses = [face.address for face in run.plan.network.node(flow.sender).interfaces]
    packets = run.table("packets")
    rows = _rows_of_flows(run, packets).get(flow.name)
    if rows is None:
        return packets.clear()
    # whole rows are taken once, of a large table they are many bytes
    own = (pl.col("node") == seen_at) & pl.col("src").is_in(addresses)
    mine = packets[rows.filter(packets.select("node", "src")[rows].select(own).to_series())]
    return mine if mine["t_ns"].is_sorted() else mine.sort("t_ns", maintain_order=True)


#: Of each run the table that was looked at last, and where in it each flow's data are.
_KNOWN: WeakKeyDictionary[RunData, tuple[ref[pl.DataFrame], dict[str, pl.Series]]] = (
    WeakKeyDictionary()
)


def _rows_of_flows(run: RunData, packets: pl.DataFrame) -> dict[str, pl.Series]:
    """Return the rows with payload of each flow: looked for once, not for each of its measures."""
    known = _KNOWN.get(run)
    if known is None or known[0]() is not packets:
        rows = packets.select("flow", "payload_bytes").with_row_index("row")
        data = rows.filter(pl.col("payload_bytes") > 0, pl.col("flow").is_not_null())
        parts = data.select("flow", "row").partition_by("flow", as_dict=True, maintain_order=True)
        known = ref(packets), {str(flow): part["row"] for (flow,), part in parts.items()}
        _KNOWN[run] = known
    return known[1]


def mark_resent(run: RunData, packets: pl.DataFrame) -> pl.DataFrame:
    """Return rows of ``packets``, each with ``again``: whether it was sent again, as the table
    ``resent`` says (so at its sender's capture).
    """
    place = ["capture", "number"]
    again = run.table("resent").select(*place, again=pl.lit(True))
    # only the columns that are looked for: those of a large capture are not copied
    found = packets.select(place).join(again, on=place, how="left", maintain_order="left")
    return packets.with_columns(again=found["again"].fill_null(False))
