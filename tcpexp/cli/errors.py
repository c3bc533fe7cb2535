"""How errors look: ``error:`` and ``hint:`` lines on standard error, and a saved traceback for what
should not happen.
"""

from __future__ import annotations

import errno
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

import click

from tcpexp import paths
from tcpexp.cli.sourceline import line_of, marked_line
from tcpexp.errors import HostError, Place, SpecError, SpecErrors, TcpexpError


def print_error(error: TcpexpError) -> None:
    """Print one error with its hint.

    Several spec errors each on lines of their own, a lack with what mends it.
    """
    for row in error_rows(error):
        print_error_row(row)


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


def _place_row(where: Place | str | None) -> dict[str, Any]:
    """Return file, line, column and the line's text, each None where there is none."""
    row: dict[str, Any] = {"file": None, "line": None, "column": None, "text": None}
    if isinstance(where, Place):
        row.update(
            file=where.file,
            line=where.line,
            column=where.column,
            text=line_of(where.file, where.line),
        )
    elif where is not None:
        row["file"] = str(where)
    return row


def print_error_row(row: dict[str, Any]) -> None:
    """Print one of :func:`error_rows` as :func:`print_error` prints the error itself."""
    click.echo(
        f"{_place_words(row)}{click.style('error:', fg='red', bold=True)} {row['message']}",
        err=True,
    )
    _print_line(row)
    for lack in row.get("missing", ()):
        click.echo(
            f"  {_place_words(lack)}missing: {lack['what']} (for {lack['needed_for']})", err=True
        )
        _print_line(lack)
        click.echo(f"     mend: {lack['remedy']}", err=True)
    if row["hint"]:
        click.echo(f"{click.style('hint:', fg='cyan', bold=True)} {row['hint']}", err=True)


def _place_words(row: dict[str, Any]) -> str:
    place = ":".join(
        str(row[key]) for key in ("file", "line", "column") if row.get(key) is not None
    )
    return f"{place}: " if place else ""


def _print_line(row: dict[str, Any]) -> None:
    """Print the line that an error is in, with a caret under the place."""
    if row.get("text") is not None:
        for line in marked_line(row["text"], row["line"], row["column"]):
            click.echo(line, err=True)


def print_crash(error: Exception) -> None:
    """Print an unexpected exception in one line, and where its traceback is."""
    message, hint = crash_words(error)
    click.echo(f"{click.style('error:', fg='red', bold=True)} {message}", err=True)
    if hint is not None:
        click.echo(f"hint: {hint}", err=True)


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
    click.echo(text, err=True)
    return None
