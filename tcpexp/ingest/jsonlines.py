"""JSON lines as the engine writes them: events, queues, processor samples."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import polars as pl

from tcpexp.errors import DataError
from tcpexp.store.frames import Table, conform, empty_frame, schema_of


def parse_lines(text: str, source: str) -> list[dict[str, Any]]:
    """Return one mapping per line. A last line that was cut off (the writer was killed) is left
    out.

    Raises ``DataError`` naming ``source`` and the line for any other line that is not a JSON
    mapping.
    """
    lines = text.splitlines()
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if isinstance(row, dict):
            rows.append(row)
        elif number < len(lines) or text.endswith("\n"):
            raise DataError(f"{source}:{number}: not a JSON mapping")
    return rows


def parse_table(text: str, name: str, source: str) -> pl.DataFrame:
    """Return JSON lines whose keys are the columns of table ``name``.

    Unknown keys are ignored, absent ones are null.
    """
    return table_of_rows(parse_lines(text, source), name)


def table_of_rows(rows: Iterable[dict[str, Any]], table: Table) -> pl.DataFrame:
    """Return mappings whose keys are the columns of a table as that table.

    Unknown keys are ignored, absent ones are null.
    """
    schema = schema_of(table)
    picked = [{column: row.get(column) for column in schema} for row in rows]
    if not picked:
        return empty_frame(table)
    return conform(pl.DataFrame(picked, schema=schema, strict=False), table)
