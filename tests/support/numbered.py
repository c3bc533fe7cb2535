"""Numbers for the connections of made-up tables: what ingest finds, a test's rows can
do without.
"""

from __future__ import annotations

import polars as pl

PAIRS = (
    ("client_port", "server_port"),
    ("src_port", "dst_port"),
    ("local_port", "peer_port"),
    ("port",),
)


def numbered(frame: pl.DataFrame) -> pl.DataFrame:
    """Fill ``connection`` where it is absent: made-up connections differ in their larger port,
    which is then their number; a listening socket has none.
    """
    names = next(
        (
            [name for name in pair if name in frame.columns]
            for pair in PAIRS
            if pair[0] in frame.columns
        ),
        [],
    )
    if not names:
        return frame
    ports = [pl.col(name).cast(pl.Int64) for name in names]
    number = pl.when(pl.all_horizontal(port > 0 for port in ports)).then(pl.max_horizontal(*ports))
    given = [pl.col("connection").cast(pl.Int64)] if "connection" in frame.columns else []
    return frame.with_columns(connection=pl.coalesce(*given, number))
