"""The variables that a congestion control of one's own shows by tracepoints: the table
``variables``.

Any tracepoint will do. Its whole numbers are variables; ``skaddr``, the address of the socket in
the kernel, or the ports ``sport`` and ``dport`` in host order say whose they are. A unit is read
from the tracepoint's own format of printing: ``TP_printk("rate=%u Mbit/s", ...)``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tcpexp.ingest.network import Nodes
from tcpexp.ingest.socketnames import name_sockets
from tcpexp.ingest.trace import EventFormat
from tcpexp.store.frames import conform, empty_frame

#: Fields that say whose a record is, or what any record has.
_WHOSE = ("skaddr", "sport", "dport", "saddr", "daddr", "saddr_v6", "daddr_v6", "family")
_PRINT = re.compile(r'^print fmt: "((?:\\.|[^"\\])*)"', re.MULTILINE)
#: ``name=%u`` and what stands behind it, unless that is the next name.
_UNIT = re.compile(
    r"(\w+)[=:] ?%[-+#0-9.]*(?:hh|ll|[hlzjt])?[a-zA-Z](?:[ ]?(?!\w+[=:])([A-Za-z%/][\w%/]*))?"
)


@dataclass(frozen=True)
class OwnRecords:
    """The records of one tracepoint that a module brought, and the units that it prints."""

    kind: EventFormat
    columns: Mapping[str, NDArray[np.generic]]
    units: Mapping[str, str]


def parse_units(text: str) -> dict[str, str]:
    """Return the unit of each variable that a tracepoint's ``format`` file prints with one.

    >>> parse_units('print fmt: "cwnd=%u segments rate=%llu Mbit/s n=%u", REC->cwnd')
    {'cwnd': 'segments', 'rate': 'Mbit/s'}
    """
    found = _PRINT.search(text)
    if found is None:
        return {}
    return {name: unit for name, unit in _UNIT.findall(found[1]) if unit}


def build_variables(
    own: tuple[OwnRecords, ...], lives: pl.DataFrame, spans: pl.DataFrame, nodes: Nodes
) -> pl.DataFrame:
    """Return the table ``variables``: a row per record and variable, by time.

    ``lives`` are the sockets of the trace with ``node`` and ``connection``, ``spans`` the
    connections with both their ends.
    """
    parts = [_of(records, lives, spans, nodes) for records in own if records.columns["t_ns"].size]
    if not parts:
        return empty_frame("variables")
    return conform(pl.concat(parts), "variables")


def _of(
    records: OwnRecords, lives: pl.DataFrame, spans: pl.DataFrame, nodes: Nodes
) -> pl.DataFrame:
    columns, kind = records.columns, records.kind
    names = [
        name
        for name, field in kind.fields.items()
        if not name.startswith("common_")
        and name not in _WHOSE
        and not (field.array or field.pointer)
        and columns[name].ndim == 1
    ]
    frame = pl.DataFrame(
        {"t_ns": columns["t_ns"], "order": columns["order"]}
        | {name: columns[name].astype(np.float64) for name in names}
    )
    named = _named(frame, columns, lives, spans, nodes)
    long = named.unpivot(
        names,
        index=["t_ns", "order", "node", "connection", "flow"],
        variable_name="variable",
        value_name="value",
    )
    units = {name: records.units.get(name, "") for name in names}
    return (
        long.with_columns(
            event=pl.lit(kind.name),
            unit=pl.col("variable").replace_strict(units, return_dtype=pl.String),
        )
        .sort("order", maintain_order=True)
        .drop("order")
    )


def _named(
    frame: pl.DataFrame,
    columns: Mapping[str, NDArray[np.generic]],
    lives: pl.DataFrame,
    spans: pl.DataFrame,
    nodes: Nodes,
) -> pl.DataFrame:
    """Return the rows with ``node``, ``connection`` and ``flow``, null where nobody can tell."""
    flows = spans.select("connection", "flow").unique("connection")
    if "skaddr" in columns and not lives.is_empty():
        known = lives.select("socket", "order", "node", "connection").sort("order")
        rows = frame.with_columns(socket=pl.Series(columns["skaddr"].astype(np.int64)))
        joined = rows.sort("order").join_asof(
            known, on="order", by="socket", strategy="backward", check_sortedness=False
        )
        return joined.drop("socket").join(flows, on="connection", how="left", maintain_order="left")
    if "sport" in columns and "dport" in columns:
        ports = ["port", "peer_port"]
        ends = spans.select("address", "port", "peer", "peer_port").unique()
        single = ends.filter(pl.len().over(ports) == 1)
        rows = frame.with_columns(
            port=pl.Series(columns["sport"].astype(np.int64)),
            peer_port=pl.Series(columns["dport"].astype(np.int64)),
        ).join(single, on=ports, how="left", maintain_order="left")
        named = name_sockets(rows, spans, ("address", "port"), ("peer", "peer_port"))
        return named.with_columns(node=nodes.of_address("address"))
    return frame.with_columns(
        node=pl.lit(None, dtype=pl.String),
        connection=pl.lit(None, dtype=pl.Int64),
        flow=pl.lit(None, dtype=pl.String),
    )
