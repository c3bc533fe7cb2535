"""What the kernel printed while a module of the spec's own was loaded: the table ``kernel_log``."""

from __future__ import annotations

import polars as pl

from tcpexp.ingest.jsonlines import parse_table


def parse_kernel_log(text: str, source: str) -> pl.DataFrame:
    """Return the table; raises ``DataError`` naming ``source``."""
    return parse_table(text, "kernel_log", source)
