"""MPTCP connections (RFC 8684): which TCP connections are their subflows, and what arrived over
each.

A subflow that joins names its connection by the token of the receiver's key, which the first
subflow's handshake carried.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tcpexp.ingest.connections import KEY, with_new_bytes
from tcpexp.ingest.network import Nodes
from tcpexp.ingest.sequence import first_arrival_bytes, unwrap_seq
from tcpexp.plan.paths import Paths
from tcpexp.plan.types import FlowPlan
from tcpexp.store.frames import conform, empty_frame

CAPABLE, JOIN = "MP_CAPABLE", "MP_JOIN"
#: Where the knowledge of a flow comes from: the connection that the subflow joined.
JOINED = "mptcp"
_SPACE = 1 << 32
_SCHEMA = {
    "connection": pl.Int64(),
    "mptcp": pl.Int64(),
    "number": pl.Int64(),
    "opened_by": pl.String(),
    "token": pl.Int64(),
}


def find_subflows(
    packets: pl.DataFrame, streams: pl.DataFrame, connections: pl.DataFrame
) -> pl.DataFrame:
    """Return ``connection``, ``mptcp`` (the first subflow's connection), ``number``, ``opened_by``
    and ``token`` of every subflow of an MPTCP connection.

    One whose peer answered without MPTCP is plain TCP, and no subflow; so is one that joined what
    no capture saw begin.
    """
    if packets["mptcp_token"].null_count() == packets.height:
        return pl.DataFrame(schema=_SCHEMA)
    named = streams.select("capture", "stream", *KEY).join(
        connections.select(*KEY, "connection", "syn_ns"), on=KEY, nulls_equal=True
    )
    told = (
        packets.filter(pl.col("mptcp_token").is_not_null())
        .select("capture", "stream", "mptcp", "mptcp_token")
        .join(named.select("capture", "stream", "connection", "syn_ns"), on=["capture", "stream"])
        .select("connection", "syn_ns", "mptcp", "mptcp_token")
        .unique(maintain_order=True)
    )
    is_join = pl.col("mptcp").str.contains(JOIN)
    first = told.filter(~is_join).select("mptcp_token", master="connection", begun="syn_ns")
    joined = (
        told.filter(is_join)
        .join(first, on="mptcp_token")
        .filter(pl.col("begun") <= pl.col("syn_ns"))
        .sort("begun")
        .unique("connection", keep="last", maintain_order=True)
    )
    masters = first.unique("master", maintain_order=True)
    rows = pl.concat(
        [
            masters.select(
                connection="master",
                mptcp="master",
                opened_by=pl.lit(CAPABLE),
                token=pl.lit(None, dtype=pl.Int64),
                syn_ns="begun",
            ),
            joined.select(
                "connection",
                mptcp="master",
                opened_by=pl.lit(JOIN),
                token="mptcp_token",
                syn_ns="syn_ns",
            ),
        ]
    ).sort("mptcp", "syn_ns", "connection")
    return rows.with_columns(
        number=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("mptcp")
    ).select(*_SCHEMA)


def without_joined(connections: pl.DataFrame, subflows: pl.DataFrame) -> pl.DataFrame:
    """Return the connections that programs opened: none that joined another."""
    joined = subflows.filter(pl.col("opened_by") == JOIN)
    return connections.join(joined, on="connection", how="anti", maintain_order="left")


def with_joined(
    connections: pl.DataFrame, named: pl.DataFrame, subflows: pl.DataFrame
) -> pl.DataFrame:
    """Return all connections: those of ``named``, which have their flows, and those that joined
    them, which carry the same.
    """
    joined = subflows.filter(pl.col("opened_by") == JOIN).select("connection", "mptcp")
    of_first = named.select(
        "step", "process", "flow", mptcp="connection", flow_source=pl.lit(JOINED)
    )
    own = (
        connections.drop("step", "process", "flow", "flow_source", strict=False)
        .join(joined, on="connection")
        .join(of_first, on="mptcp", how="left")
    )
    return pl.concat([named, own.select(named.columns)]).sort("connection")


def with_new_data(rows: pl.DataFrame, subflows: pl.DataFrame) -> pl.DataFrame:
    """Add ``new_bytes``: the payload bytes of each segment that no earlier one held, of an MPTCP
    connection over any of its subflows.

    ``rows`` are TCP packets at one node that go one way, in the order of time. Of MPTCP the place
    in the data is what its mappings say; a segment without one continues the mapping before it.
    """
    plain = with_new_bytes(rows)
    if subflows.is_empty():
        return plain
    parts = plain.with_row_index("row").join(
        subflows.select("connection", of="mptcp"),
        on="connection",
        how="left",
        maintain_order="left",
    )
    new = plain["new_bytes"].to_numpy().copy()
    mine = parts.filter(pl.col("of").is_not_null())
    for _, group in mine.group_by("of", maintain_order=True):
        ordered = with_places(group)
        new[ordered["row"].to_numpy()] = first_arrival_bytes(
            ordered["place"].to_numpy(), ordered["payload_bytes"].to_numpy()
        )
    return plain.with_columns(new_bytes=pl.Series(new, dtype=pl.Int64))


def with_places(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the undamaged data segments of ``rows``, which are of one MPTCP connection and go one
    way, in the order of time, with ``place``: where each stands in the data, 1 for the first byte.

    A segment without a mapping of its own continues that of its subflow's segment before it.
    """
    shift = ((pl.col("dsn") - pl.col("seq")) % _SPACE).forward_fill().over("capture", "stream")
    data = (
        rows.filter((pl.col("payload_bytes") > 0) & ~pl.col("checksum_bad").fill_null(False))
        .with_columns(place=(pl.col("seq") + shift) % _SPACE)
        .filter(pl.col("place").is_not_null())
        .sort("t_ns", maintain_order=True)
    )
    if data.is_empty():
        return data
    places = unwrap_seq(data["place"].to_numpy())
    return data.with_columns(place=pl.Series(places - places[0] + 1, dtype=pl.Int64))


def arriving(
    packets: pl.DataFrame, subflows: pl.DataFrame, flow: FlowPlan, nodes: Nodes
) -> pl.DataFrame:
    """Return the flow's packets as they arrive at its receiver, with ``new_bytes``."""
    receiver = flow.server if flow.sender == flow.client else flow.client
    rows = packets.filter(
        (pl.col("flow") == flow.name)
        & (pl.col("node") == receiver)
        & (nodes.of_address("src") == flow.sender)
    )
    return with_new_data(rows, subflows)


def build_subflows(
    packets: pl.DataFrame,
    connections: pl.DataFrame,
    subflows: pl.DataFrame,
    flows: Sequence[FlowPlan],
    nodes: Nodes,
    paths: Paths,
) -> pl.DataFrame:
    """Return the table ``subflows``."""
    if subflows.is_empty():
        return empty_frame("subflows")
    parts = [
        with_tcp_bytes(arriving(packets, subflows, flow, nodes))
        .group_by("connection")
        .agg(pl.col("tcp_bytes").sum(), data_bytes=pl.col("new_bytes").sum())
        for flow in flows
    ]
    schema = pl.Schema(
        {"connection": pl.Int64(), "tcp_bytes": pl.Int64(), "data_bytes": pl.Int64()}
    )
    sums = pl.concat([pl.DataFrame(schema=schema), *(part.cast(schema) for part in parts)])
    rows = (
        subflows.join(
            connections.select(
                "connection",
                "flow",
                "client",
                "client_address",
                "server_address",
                "syn_ns",
                "established_ns",
            ),
            on="connection",
        )
        .join(sums, on="connection", how="left")
        .sort("mptcp", "number")
    )
    ways = [
        _path(paths, client, address)
        for client, address in rows.select("client", "server_address").iter_rows()
    ]
    return conform(
        rows.with_columns(
            pl.col("tcp_bytes", "data_bytes").fill_null(0), path=pl.Series(ways, dtype=pl.String)
        ).with_columns(
            again_bytes=pl.col("tcp_bytes") - pl.col("data_bytes"),
            subflow=pl.format(
                "{}.{}",
                pl.col("flow").fill_null(pl.format("connection {}", "mptcp")),
                "number",
            ),
        ),
        "subflows",
    )


def with_tcp_bytes(arrived: pl.DataFrame) -> pl.DataFrame:
    """Add ``tcp_bytes``: the payload bytes of each segment that its own subflow had not brought."""
    alone = with_new_bytes(arrived.drop("new_bytes"))
    return arrived.with_columns(tcp_bytes=alone["new_bytes"])


def _path(paths: Paths, client: str | None, address: str) -> str | None:
    """Return the links from a node to an address, in order."""
    if client is None:
        return None
    hops = paths.to_address(client, address)
    return None if hops is None else ", ".join(hop.link.name for hop in hops)
