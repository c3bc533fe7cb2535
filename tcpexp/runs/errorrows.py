"""Errors as rows of plain values: what ``--json`` prints, and what a run in a process of its own
hands over.
"""

from __future__ import annotations

import errno
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

from tcpexp import paths
from tcpexp.errors import HostError, Position, SpecError, SpecErrors, TcpexpError
from tcpexp.runs.sourceline import line_of


def error_rows(error: TcpexpError) -> list[dict[str, Any]]:
    """Return the error as rows for ``--json``: file, line, column, message, hint, and what the
    machine lacks, if that is it.
    """
    if isinstance(error, SpecErrors):
        return [row for each in error.errors for row in error_rows(each)]
    where = error.where if isinstance(error, SpecError) else None
    row: dict[str, Any] = {**_place_row(where), "message": error.message, "hint": error.hint}
    if isinstance(error, HostError) and error.missing:
        row["missing"] = [
            {
                "what": each.what,
                "needed_for": each.needed_for,
                "remedy": each.remedy,
                **_place_row(each.where),
            }
            for each in error.missing
        ]
    return [row]


def _place_row(where: Position | str | None) -> dict[str, Any]:
    """Return file, line, column and the line's text, each None where there is none."""
    row: dict[str, Any] = {"file": None, "line": None, "column": None, "text": None}
    if isinstance(where, Position):
        row.update(
            file=where.file,
            line=where.line,
            column=where.column,
            text=line_of(where.file, where.line),
        )
    elif where is not None:
        row["file"] = str(where)
    return row


def crash_words(error: Exception) -> tuple[str, str | None]:
    """Return what is to be said of an unexpected exception, as message and hint.

    Saves its traceback where a bug report can quote it.
    """
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"the disk is full: {error}",
            "free some space, or write elsewhere with --out; what was recorded so far is kept",
        )
    saved = _save(error)
    hint = None if saved is None else f"this is a bug in tcpexp; please report it with {saved}"
    return f"tcpexp failed unexpectedly: {type(error).__name__}: {error}", hint


def _save(error: Exception) -> Path | None:
    text = "".join(traceback.format_exception(error))
    name = f"crash-{time.strftime('%Y%m%dT%H%M%S')}.txt"
    for folder in (paths.cache_dir() / "crashes", Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
            paths.give_to_user(folder / name)
        except OSError:
            continue
        return folder / name
    sys.stderr.write(text)
    return None
