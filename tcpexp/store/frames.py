"""Polars frames that fit ``tcpexp.record.tables``: empty ones, conforming ones, and Parquet files."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from tcpexp.errors import DataError
from tcpexp.late import polars as pl
from tcpexp.record.tables import TABLES
from tcpexp.store.rundir import write_atomic_with


@cache
def _types() -> dict[str, pl.DataType]:
    """Return the polars type of each word that ``tcpexp.record.tables`` uses for one."""
    return {
        "Int64": pl.Int64(),
        "Float64": pl.Float64(),
        "String": pl.String(),
        "Boolean": pl.Boolean(),
        "List(Int64)": pl.List(pl.Int64()),
        "List(String)": pl.List(pl.String()),
    }


def schema_of(name: str) -> dict[str, pl.DataType]:
    """Return the columns of a table as polars types, in their order."""
    types = _types()
    return {column: types[kind] for column, kind in TABLES[name].columns.items()}


def empty_frame(name: str) -> pl.DataFrame:
    """Return the table ``name`` without rows."""
    return pl.DataFrame(schema=schema_of(name))


def conform(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """Return ``frame`` with exactly the columns, types and row order of table ``name``.

    Absent columns become null.
    """
    schema = schema_of(name)
    columns = [
        (pl.col(column) if column in frame.columns else pl.lit(None)).cast(kind).alias(column)
        for column, kind in schema.items()
    ]
    return frame.select(columns).sort(TABLES[name].order, maintain_order=True, nulls_last=True)


def table_path(run_dir: Path, name: str) -> Path:
    """Return where the table ``name`` of a run lies."""
    return run_dir / "tables" / f"{name}.parquet"


def write_table(run_dir: Path, name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Write ``frame`` as the table ``name`` (Parquet, zstd, atomically) and return it as it was
    written.
    """
    whole = conform(frame, name)
    write_atomic_with(
        table_path(run_dir, name), lambda path: whole.write_parquet(path, compression="zstd")
    )
    return whole


def read_table(run_dir: Path, name: str) -> pl.DataFrame:
    """Return the table ``name``, empty when it is absent.

    Raises ``DataError`` when the file is damaged.
    """
    if name not in TABLES:
        raise KeyError(f"no table '{name}'; known: {', '.join(TABLES)}")
    path = table_path(run_dir, name)
    if not path.is_file():
        return empty_frame(name)
    try:
        frame = pl.read_parquet(path, glob=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(
            f"{path}: damaged: {error}", hint="`tcpexp report RUN` makes the tables again from raw/"
        ) from None
    if dict(frame.schema) != schema_of(name):
        raise DataError(
            f"{path}: its columns are not those of this version",
            hint="`tcpexp report RUN` makes them again",
        )
    return frame
