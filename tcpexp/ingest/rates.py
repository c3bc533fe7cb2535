"""``raw/rates.jsonl`` to the ``link_rates`` table."""

from __future__ import annotations

import polars as pl

from tcpexp.ingest.jsonlines import parse_lines, table_of_rows


def parse_rates_log(text: str, source: str = "raw/rates.jsonl") -> pl.DataFrame:
    """Return the changes of rate of every list, in time; an empty text gives no rows.

    Raises ``DataError``.
    """
    return table_of_rows(parse_lines(text, source), "link_rates")
