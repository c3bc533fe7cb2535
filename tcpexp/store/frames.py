"""Polars frames that fit a table's schema: empty ones, conforming ones, and Parquet files."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from tcpexp.errors import DataError
from tcpexp.late import polars as pl
from tcpexp.record.columns import TableSchema
from tcpexp.store.rundir import write_atomic_with
from tcpexp.store.schemas import table_schema


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


#: A table by its name, or by its schema where a run's own recorder brings it.
Table = str | TableSchema


def named_schema(table: Table) -> TableSchema:
    """Return a table's schema; raises ``KeyError`` for a name that nobody knows."""
    return table if isinstance(table, TableSchema) else table_schema(table)


def schema_of(table: Table) -> dict[str, pl.DataType]:
    """Return the columns of a table as polars types, in their order."""
    types = _types()
    return {column: types[kind] for column, kind in named_schema(table).types.items()}


def empty_frame(table: Table) -> pl.DataFrame:
    """Return the table without rows."""
    return pl.DataFrame(schema=schema_of(table))


def conform(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Return ``frame`` with exactly the columns, types and row order of a table.

    Absent columns become null.
    """
    schema = schema_of(table)
    columns = [
        (pl.col(column) if column in frame.columns else pl.lit(None)).cast(kind).alias(column)
        for column, kind in schema.items()
    ]
    order = list(named_schema(table).order)
    whole = frame.select(columns)
    if not order or _is_sorted(whole.select(order)):  # a large table is not copied
        return whole
    return whole.sort(order, maintain_order=True, nulls_last=True)


def _is_sorted(keys: pl.DataFrame) -> bool:
    """Return whether rows are known to be in the order of their columns, the first before all
    others; rows with nulls are not.
    """
    if any(keys.null_count().row(0)):
        return False
    behind = pl.lit(False)
    for name in reversed(keys.columns):
        here, before = pl.col(name), pl.col(name).shift()
        behind = (here < before) | ((here == before) & behind)
    return not keys.select(behind.fill_null(False).any()).item()


def table_path(run_dir: Path, name: str) -> Path:
    """Return where the table ``name`` of a run lies."""
    return run_dir / "tables" / f"{name}.parquet"


def write_table(run_dir: Path, table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """Write ``frame`` as a table (Parquet, zstd, atomically) and return it as it was written."""
    schema = named_schema(table)
    whole = conform(frame, schema)
    write_atomic_with(
        table_path(run_dir, schema.name), lambda path: whole.write_parquet(path, compression="zstd")
    )
    return whole


def read_table(run_dir: Path, table: Table) -> pl.DataFrame:
    """Return a table, empty when it is absent.

    Raises ``DataError`` when the file is damaged.
    """
    schema = named_schema(table)
    path = table_path(run_dir, schema.name)
    if not path.is_file():
        return empty_frame(schema)
    try:
        frame = pl.read_parquet(path, glob=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(
            f"{path}: damaged: {error}", hint="`tcpexp report RUN` makes the tables again from raw/"
        ) from None
    if dict(frame.schema) != schema_of(schema):
        raise DataError(
            f"{path}: its columns are not those of this version",
            hint="`tcpexp report RUN` makes them again",
        )
    return frame
