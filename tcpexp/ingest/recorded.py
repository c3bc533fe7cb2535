"""``raw/<recorder>.jsonl`` to the tables that recorders bring."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from tcpexp.catalogue import Catalogue, catalogue_for, load_catalogue
from tcpexp.errors import DataError
from tcpexp.ingest.jsonlines import parse_lines, table_of_rows
from tcpexp.plan.types import RunPlan
from tcpexp.record.columns import TableSchema
from tcpexp.record.sampling import raw_name


def read_recorded(raw: Path, plan: RunPlan) -> Iterator[tuple[TableSchema, pl.DataFrame]]:
    """Yield each table that a recorder brings; without rows where it recorded nothing.

    Raises ``DataError`` naming the file that is damaged, or the recorder that cannot read it.
    """
    for name, model in _catalogue(plan).recorders:
        if model.table is not None:
            path = raw / raw_name(name)
            text = path.read_text(errors="replace") if path.is_file() else ""
            yield model.table, parse_recorded(model, text, str(path))


def _catalogue(plan: RunPlan) -> Catalogue:
    """Return the installed catalogue; with the plan's plugins where one of them records."""
    installed = load_catalogue()
    brought = any(recorder.kind not in installed.recorders for recorder in plan.recorders)
    return catalogue_for(plan) if brought else installed


def parse_recorded(model: Any, text: str, source: str) -> pl.DataFrame:
    """Return the table of a recorder's model from the lines that its sampler left.

    Raises ``DataError``.
    """
    lines = parse_lines(text, source)
    try:
        return table_of_rows(model.rows(lines), model.table)
    except DataError:
        raise
    except Exception as error:  # a plugin's code
        raise DataError(
            f"{source}: the recorder '{model.name}' cannot read it: {type(error).__name__}: {error}"
        ) from error
