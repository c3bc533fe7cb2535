"""Rows about sockets to connections: what ss, the kernel's trace and other witnesses say is matched
by both addresses, both ports, and time.
"""

from __future__ import annotations

import polars as pl

#: A socket's own record of its opening, and the capture of its SYN, are at most so far out of
#: order.
SLACK_NS = 1_000_000
_ENDS = ("address", "port", "peer", "peer_port")


def socket_spans(connections: pl.DataFrame) -> pl.DataFrame:
    """Return (address, port, peer, peer_port, since_ns, connection, flow) of every connection, from
    both ends' points of view.

    ``since_ns`` is the connection's SYN: from then on its ends are this connection and no earlier
    one.
    """
    client, server = ("client_address", "client_port"), ("server_address", "server_port")
    sides = [
        connections.select(
            *(
                pl.col(name).alias(alias)
                for name, alias in zip((*local, *peer), _ENDS, strict=True)
            ),
            pl.col("syn_ns").fill_null(-(2**62)).alias("since_ns"),
            "connection",
            "flow",
        )
        for local, peer in ((client, server), (server, client))
    ]
    return pl.concat(sides).sort("since_ns", maintain_order=True)


def name_sockets(
    frame: pl.DataFrame,
    spans: pl.DataFrame,
    local: tuple[str, str],
    peer: tuple[str, str],
    opening: pl.Expr | None = None,
) -> pl.DataFrame:
    """Fill ``connection`` and ``flow`` of rows about sockets; ``local`` and ``peer`` are the names
    of their address and port columns.

    Where connections share both ends, a row belongs to the one whose SYN came last before it, or
    first of all. Rows that are ``opening`` a connection stand before its SYN.
    """
    names = [*local, *peer]
    known = spans.rename(dict(zip(_ENDS, names, strict=True)))
    rows = frame.drop("flow", "connection", strict=False)
    first = known.unique(names, keep="first", maintain_order=True)
    if first.height == known.height or rows.is_empty():
        return rows.join(known.drop("since_ns"), on=names, how="left", maintain_order="left")
    rows = rows.with_row_index("row").sort("t_ns", maintain_order=True)
    last = _asof(rows, known, names, "backward", 0)
    parts = [
        last,
        rows.select("row", *names)
        .join(first.select(*names, "connection"), on=names, how="left")
        .select("row", "connection"),
    ]
    if opening is not None:
        parts = [_asof(rows.filter(opening), known, names, "forward", SLACK_NS), *parts]
    found = pl.concat([part.drop_nulls("connection") for part in parts]).unique(
        "row", keep="first", maintain_order=True
    )
    flows = known.select("connection", "flow").unique("connection")
    return (
        rows.join(found, on="row", how="left")
        .join(flows, on="connection", how="left")
        .sort("row")
        .drop("row")
    )


def _asof(
    rows: pl.DataFrame, known: pl.DataFrame, names: list[str], strategy: str, slack_ns: int
) -> pl.DataFrame:
    """Return (row, connection) of the connection with the same ends that is next in time, at most
    ``slack_ns`` on the other side.
    """
    wanted = rows.select("row", *names, at=pl.col("t_ns") - slack_ns)
    joined = wanted.join_asof(
        known,
        left_on="at",
        right_on="since_ns",
        by=names,
        strategy=strategy,  # type: ignore[arg-type]
        check_sortedness=False,
    )
    return joined.select("row", "connection")
