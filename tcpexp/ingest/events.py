"""``events.jsonl`` to the ``events`` table."""

from __future__ import annotations

import polars as pl

from tcpexp.ingest.jsonlines import parse_table


def parse_events(text: str, source: str = "events.jsonl") -> pl.DataFrame:
    """Return the actions' starts and ends, marks and errors; raises ``DataError``."""
    return parse_table(text, "events", source)
