"""``raw/cpu.jsonl`` to the ``cpu`` table."""

from __future__ import annotations

import polars as pl

from tcpexp.ingest.jsonlines import parse_lines
from tcpexp.store.frames import conform, empty_frame


def parse_cpu(text: str, source: str = "cpu.jsonl") -> pl.DataFrame:
    """Return the busy fraction (0 to 1) between each two samples of ``busy_ticks`` and
    ``total_ticks``.

    The first sample only begins the count and has no row. Where no tick passed the fraction is
    null. Raises ``DataError``.
    """
    rows = parse_lines(text, source)
    if len(rows) < 2:
        return empty_frame("cpu")
    kinds = {"t_ns": pl.Int64, "busy_ticks": pl.Float64, "total_ticks": pl.Float64}
    frame = pl.DataFrame(
        [{name: row.get(name) for name in kinds} for row in rows], schema=kinds, strict=False
    )
    total = pl.col("total_ticks").diff()
    busy = pl.when(total > 0).then((pl.col("busy_ticks").diff() / total).clip(0.0, 1.0))
    return conform(frame.with_columns(busy=busy).slice(1), "cpu")
