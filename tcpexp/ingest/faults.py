"""``raw/faults.json`` to the ``faults`` table."""

from __future__ import annotations

import json

import polars as pl

from tcpexp.errors import DataError
from tcpexp.ingest.jsonlines import table_of_rows
from tcpexp.store.frames import empty_frame


def parse_faults(text: str, source: str = "raw/faults.json") -> pl.DataFrame:
    """Return the segments on which faults acted, without their flows; an empty text gives no rows.

    Raises ``DataError``.
    """
    if not text.strip():
        return empty_frame("faults")
    try:
        points = json.loads(text)["points"]
        rows = [
            {**line, "link": point["link"], "towards": point["towards"]}
            for point in points
            for line in point["lines"]
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{source}: damaged: {error}") from None
    return table_of_rows(rows, "faults")
