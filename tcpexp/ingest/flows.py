"""Connections to flows of the plan: who opened each is known, from the kernel's trace or from the
program itself, or guessed from its SYN's time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from tcpexp.ingest.lifetimes import OPENED
from tcpexp.ingest.network import Nodes
from tcpexp.plan.types import FlowPlan

#: Where the knowledge comes from: the process that opened the socket; the user-space TCP's own log;
#: nothing but the time of the SYN.
PROCESS, PROGRAM, TIME = "process", "program", "time"
#: iperf3's client opens each data connection with a cookie of so many bytes (COOKIE_SIZE); only
#: senders send more.
_COOKIE_BYTES = 37
Ports = tuple[int, int]


def with_openers(
    connections: pl.DataFrame, lives: pl.DataFrame, programs: pl.DataFrame
) -> pl.DataFrame:
    """Add ``step``, ``process`` and ``flow_source`` (``process``, ``program``, null) to the
    connections.

    ``lives`` are the trace's sockets with their ``connection``; of several the run's own counts.
    ``programs`` are connections (``connection``, ``step``) that a user-space TCP wrote about.
    """
    client = connections.select(
        "connection", local_address="client_address", local_port="client_port"
    )
    opened = lives.filter((pl.col("kind") == OPENED) & pl.col("own").is_not_null()).join(
        client, on=["connection", "local_address", "local_port"], how="semi"
    )
    opened = opened.sort("own", "order", descending=[True, True]).unique(
        "connection", keep="first", maintain_order=True
    )
    sources = [
        opened.select("connection", "step", "process", flow_source=pl.lit(PROCESS)),
        programs.select(
            "connection", "step", process=pl.lit(None, dtype=pl.Int64), flow_source=pl.lit(PROGRAM)
        ).unique("connection", keep="first"),
    ]
    known = pl.concat(sources).unique("connection", keep="first", maintain_order=True)
    return connections.drop("step", "process", "flow_source", strict=False).join(
        known, on="connection", how="left", maintain_order="left"
    )


def with_flows(
    connections: pl.DataFrame,
    flows: Sequence[FlowPlan],
    nodes: Nodes,
    client_sends: Mapping[Ports, bool],
) -> pl.DataFrame:
    """Add ``flow``, and to ``flow_source`` the word ``time`` where only that decided; the frame has
    ``step``, ``process`` and ``flow_source``.

    A flow is the connections from its client to its server's port that its step's processes opened.
    Where the opener is not known, a connection belongs to the flow that started last before its
    SYN. A connection that another step or nobody of the run opened carries no flow. Of a
    ``not_first`` flow the first connection of each process is the control channel. Flows of one
    step in both directions are told apart by ``client_sends`` (client's and server's port), else by
    the payload.
    """
    rows = connections.with_columns(
        flow=pl.lit(None, dtype=pl.String),
        node=nodes.of_address("client_address"),
        peer=nodes.of_address("server_address"),
    )
    given: dict[int, tuple[str | None, str]] = {}
    for (client, server, port), units in _by_endpoints(flows).items():
        mine = rows.filter(
            (pl.col("node") == client)
            & (pl.col("peer") == server)
            & (pl.col("server_port") == port)
        ).sort("syn_ns", nulls_last=False)
        for unit, own in zip(units, _share(mine, units), strict=True):
            carried = _data_connections(own) if unit[0].data_connections == "not_first" else own
            for row in carried.iter_rows(named=True):
                given[row["connection"]] = (
                    _of_direction(row, unit, client_sends),
                    row["flow_source"] or TIME,
                )
    schema = {"connection": pl.Int64(), "flow": pl.String(), "source": pl.String()}
    named = pl.DataFrame(
        [(number, *what) for number, what in given.items()], schema=schema, orient="row"
    )
    joined = rows.drop("flow", "node", "peer").join(
        named, on="connection", how="left", maintain_order="left"
    )
    return joined.with_columns(flow_source=pl.coalesce("flow_source", "source")).drop("source")


def _by_endpoints(flows: Sequence[FlowPlan]) -> dict[tuple[str, str, int], list[list[FlowPlan]]]:
    """Return, per client, server and port, the flows by their start.

    Those of one step, which are the two directions, together.
    """
    groups: dict[tuple[str, str, int], list[list[FlowPlan]]] = {}
    for flow in sorted(flows, key=lambda flow: flow.start_ns):
        units = groups.setdefault((flow.client, flow.server, flow.port), [])
        if units and (units[-1][0].step, units[-1][0].start_ns) == (flow.step, flow.start_ns):
            units[-1].append(flow)
        else:
            units.append([flow])
    return groups


def _share(connections: pl.DataFrame, units: list[list[FlowPlan]]) -> list[pl.DataFrame]:
    """Return the connections of each of some flows with the same ends."""
    starts = [unit[0].start_ns for unit in units]
    when = (
        connections["syn_ns"].fill_null(0).to_numpy()
        if connections.height
        else np.zeros(0, dtype=np.int64)
    )
    guessed = pl.Series(
        np.clip(np.searchsorted(starts, when, side="right") - 1, 0, len(units) - 1), dtype=pl.Int64
    )
    known = connections["flow_source"].is_not_null()
    of_step = [connections["step"] == unit[0].step for unit in units]
    return [
        connections.filter((known & mine).fill_null(False) | (~known & (guessed == number)))
        for number, mine in enumerate(of_step)
    ]


def _data_connections(connections: pl.DataFrame) -> pl.DataFrame:
    """Return all but the first of each process."""
    nth = pl.int_range(pl.len()).over("process")
    return connections.filter(nth > 0)


def _of_direction(
    row: Mapping[str, object], unit: list[FlowPlan], client_sends: Mapping[Ports, bool]
) -> str | None:
    """Return the one of a step's flows whose sender a connection has.

    None when that cannot be told.
    """
    if len(unit) == 1:
        return unit[0].name
    sends = client_sends.get((int(str(row["client_port"])), int(str(row["server_port"]))))
    if sends is None and int(str(row["bytes_to_client"])) > 0:
        sends = False
    if sends is None and int(str(row["bytes_to_server"])) > _COOKIE_BYTES:
        sends = True
    return next(
        (flow.name for flow in unit if sends is not None and (flow.sender == flow.client) == sends),
        None,
    )
