"""Numpy columns to polars: absent numbers to null, columns of some rows among all rows, and words
from their numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from tcpexp.ingest.pcap import Int64


def nullable(values: Int64, absent: int = -1) -> pl.Series:
    """Return a column in which ``absent`` has become null."""
    series = pl.Series(np.ascontiguousarray(values))
    missing = series == absent
    return series.set(missing, None) if missing.any() else series


def pick(words: Sequence[str], numbers: Int64) -> pl.Series:
    """Return the word of each number."""
    return pl.Series(words, dtype=pl.String).gather(numbers)


class Spread:
    """Puts columns of some packets, ``rows`` of ``count``, among the others."""

    def __init__(self, rows: Int64, count: int) -> None:
        self._rows, self._count, self._all = rows, count, rows.size == count
        at = np.full(count, -1, dtype=np.int64)
        at[rows] = np.arange(rows.size)
        self._at = nullable(at)

    def numbers(self, values: Int64, absent: int = -1) -> pl.Series:
        """Return them with null for ``absent`` and for the packets between."""
        if self._all:
            return nullable(values, absent)
        whole = np.full(self._count, absent, dtype=np.int64)
        whole[self._rows] = values
        return nullable(whole, absent)

    def series(self, values: pl.Series) -> pl.Series:
        """Return them with null for the packets between."""
        return values if self._all else values.gather(self._at)
