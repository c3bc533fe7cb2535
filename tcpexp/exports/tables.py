"""Tables as CSV (RFC 4180) or Parquet, with ``columns.json``, which says what the columns mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tcpexp.late import polars as pl
from tcpexp.store.frames import table_path
from tcpexp.store.rundir import to_json_text, write_atomic, write_atomic_with
from tcpexp.store.schemas import tables_of

if TYPE_CHECKING:
    import polars

    from tcpexp.record.columns import TableSchema
    from tcpexp.store.rundata import RunData

COLUMNS = "columns.json"
#: What stands between the values of a list in a cell of a CSV file.
BETWEEN = ";"


def export_tables(
    run: RunData, folder: Path, kind: Literal["csv", "parquet"], names: tuple[str, ...]
) -> list[Path]:
    """Write the tables ``names`` into ``folder``, and ``columns.json``; return the files."""
    known = tables_of(run.plan)
    written = []
    for name in names:
        frame = run.table(name)
        path = folder / f"{name}.{kind}"
        if kind == "csv":
            write_csv(frame, path)
        else:
            write_parquet(frame, path)
        written.append(path)
    meanings = folder / COLUMNS
    there = _read(meanings)
    write_atomic(
        meanings, to_json_text({**there, **{name: meaning_of(known[name]) for name in names}})
    )
    return [*written, meanings]


def _read(path: Path) -> dict[str, Any]:
    """Return what an earlier export into the same folder wrote."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def tables_with_rows(run: RunData) -> tuple[str, ...]:
    """Return the names of the tables that hold something."""
    return tuple(
        name
        for name in tables_of(run.plan)
        if table_path(run.path, name).is_file() and run.has(name)
    )


def write_csv(frame: polars.DataFrame, path: Path) -> None:
    """Write a table as CSV by RFC 4180: a line of names, lines that end in CR LF, UTF-8.

    An absent value is an empty cell; lists are one cell, their values parted by semicolons.
    """
    lists = [name for name, kind in frame.schema.items() if isinstance(kind, pl.List)]
    flat = frame.with_columns(
        pl.col(name).list.eval(pl.element().cast(pl.String)).list.join(BETWEEN) for name in lists
    )
    write_atomic_with(path, lambda target: flat.write_csv(target, line_terminator="\r\n"))


def write_parquet(frame: polars.DataFrame, path: Path) -> None:
    """Write a table as Parquet, compressed with Snappy, which every reader knows."""
    write_atomic_with(path, lambda target: frame.write_parquet(target, compression="snappy"))


def meaning_of(table: TableSchema) -> dict[str, Any]:
    """Return what a table's rows and columns are, with types and units."""
    return {
        "row": table.row,
        "order": list(table.order),
        "columns": [
            {
                "name": column.name,
                "type": column.type,
                "unit": column.unit or None,
                "meaning": column.meaning,
            }
            for column in table.columns
        ],
    }
