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
from typing import NotRequired, TypedDict

from tcpexp import paths
from tcpexp.errors import HostError, Position, SpecError, SpecErrors, TcpexpError
from tcpexp.runs.sourceline import line_of


class PlaceRow(TypedDict):
    """A place in a file, with the text of its line; None stands for what there is none of."""

    file: str | None
    line: int | None
    column: int | None
    text: NotRequired[str | None]


class MissingRow(PlaceRow):
    """What a machine lacks, and the place in the spec that asks for it."""

    what: str
    needed_for: str
    remedy: str


class ErrorRow(PlaceRow):
    """An error, with its place in the spec where it has one."""

    message: str
    hint: str | None
    missing: NotRequired[list[MissingRow]]


def error_rows(error: TcpexpError) -> list[ErrorRow]:
    """Return the error as rows for ``--json``: one, or one for each of several errors of a spec."""
    if isinstance(error, SpecErrors):
        return [row for single in error.errors for row in error_rows(single)]
    where = error.where if isinstance(error, SpecError) else None
    place = _place_row(where)
    row: ErrorRow = {
        "file": place["file"],
        "line": place["line"],
        "column": place["column"],
        "text": place["text"],
        "message": error.message,
        "hint": error.hint,
    }
    if isinstance(error, HostError) and error.missing:
        row["missing"] = [
            {
                "what": lack.what,
                "needed_for": lack.needed_for,
                "remedy": lack.remedy,
                **_place_row(lack.where),
            }
            for lack in error.missing
        ]
    return [row]


def _place_row(where: Position | str | None) -> PlaceRow:
    if isinstance(where, Position):
        return {
            "file": where.file,
            "line": where.line,
            "column": where.column,
            "text": line_of(where.file, where.line),
        }
    return {
        "file": None if where is None else str(where),
        "line": None,
        "column": None,
        "text": None,
    }


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
