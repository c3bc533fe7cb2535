"""``raw/qdisc.jsonl`` to the ``queues`` table."""

from __future__ import annotations

import polars as pl

from tcpexp.ingest.jsonlines import parse_table


def parse_qdisc(text: str, source: str = "qdisc.jsonl") -> pl.DataFrame:
    """Return the samples of every qdisc of every wire; counts grow from the start of the run; raises ``DataError``."""
    return parse_table(text, "queues", source)
