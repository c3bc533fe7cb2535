"""Numbers for the connections of made-up tables: what ingest finds, a test's rows can do without."""

from __future__ import annotations

import polars as pl

PORTS = ("client_port", "server_port", "src_port", "dst_port", "local_port", "peer_port", "port")
#: Made-up clients have ports from here on, servers below.
CLIENTS = 30_000


def numbered(frame: pl.DataFrame) -> pl.DataFrame:
    """Fill ``connection`` where it is absent: made-up connections differ in their client's port, which is then its number."""
    ports = [pl.col(name).cast(pl.Int64) for name in PORTS if name in frame.columns]
    if not ports:
        return frame
    largest = pl.max_horizontal(*ports)
    number = pl.when(largest >= CLIENTS).then(largest)
    given = [pl.col("connection").cast(pl.Int64)] if "connection" in frame.columns else []
    return frame.with_columns(connection=pl.coalesce(*given, number))
