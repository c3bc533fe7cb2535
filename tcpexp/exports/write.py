"""Write a run in another format into a folder beside it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tcpexp.errors import SpecError
from tcpexp.exports.qlog import export_qlog
from tcpexp.exports.tables import export_tables, tables_with_rows
from tcpexp.paths import give_to_user
from tcpexp.registry import suggest
from tcpexp.store.schemas import tables_of

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData

Format = Literal["csv", "parquet", "qlog"]


def export_run(
    run: RunData, kind: Format, folder: Path | None = None, tables: Iterable[str] = ()
) -> list[Path]:
    """Write a run as ``csv``, ``parquet`` (its tables, or those named) or ``qlog``; return the
    files.

    ``folder`` is by default ``RUN-export`` beside the run's folder, which stays as it is. Each file
    is there as a whole or not at all. Raises ``SpecError`` for a table that is none, ``RunError``
    when the folder cannot be written.
    """
    whole = run.path.resolve()
    target = folder or whole.parent / f"{whole.name}-export"
    names = tuple(tables)
    if kind == "qlog":
        if names:
            raise SpecError("qlog has no tables", hint="name tables with CSV or Parquet")
        written = export_qlog(run, target)
    else:
        known = tables_of(run.plan)
        for name in names:
            if name not in known:
                raise SpecError(f"there is no table '{name}'", hint=suggest(name, list(known)))
        written = export_tables(run, target, kind, names or tables_with_rows(run))
    give_to_user(target)
    return written
