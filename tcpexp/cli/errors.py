"""How errors look: ``error:`` and ``hint:`` lines on standard error, and a saved traceback for what should not happen."""

from __future__ import annotations

import dataclasses
import errno
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

import click

from tcpexp import paths
from tcpexp.errors import HostError, Place, SpecError, SpecErrors, TcpexpError


def print_error(error: TcpexpError) -> None:
    """Print one error with its hint; several spec errors each on lines of their own, a lack with what mends it."""
    for row in error_rows(error):
        print_error_row(row)


def error_rows(error: TcpexpError) -> list[dict[str, Any]]:
    """Return the error as rows for ``--json``: file, line, column, message, hint, and what the machine lacks, if that is it."""
    if isinstance(error, SpecErrors):
        return [row for each in error.errors for row in error_rows(each)]
    row: dict[str, Any] = {"file": None, "line": None, "column": None, "message": error.message, "hint": error.hint}
    if isinstance(error, HostError) and error.missing:
        row["missing"] = [dataclasses.asdict(lack) for lack in error.missing]
    where = error.where if isinstance(error, SpecError) else None
    if isinstance(where, Place):
        row.update(file=where.file, line=where.line, column=where.column)
    elif where is not None:
        row["file"] = str(where)
    return [row]


def print_error_row(row: dict[str, Any]) -> None:
    """Print one of :func:`error_rows` as :func:`print_error` prints the error itself."""
    place = ":".join(str(row[key]) for key in ("file", "line", "column") if row[key] is not None)
    click.echo(f"{f'{place}: ' if place else ''}{click.style('error:', fg='red', bold=True)} {row['message']}", err=True)
    for lack in row.get("missing", ()):
        _print_lack(lack["what"], lack["needed_for"], lack["remedy"])
    if row["hint"]:
        click.echo(f"{click.style('hint:', fg='cyan', bold=True)} {row['hint']}", err=True)


def _print_lack(what: str, needed_for: str, remedy: str) -> None:
    click.echo(f"  missing: {what} (for {needed_for})", err=True)
    click.echo(f"     mend: {remedy}", err=True)


def print_crash(error: Exception) -> None:
    """Print an unexpected exception in one line, and where its traceback is."""
    message, hint = crash_words(error)
    click.echo(f"{click.style('error:', fg='red', bold=True)} {message}", err=True)
    if hint is not None:
        click.echo(f"hint: {hint}", err=True)


def crash_words(error: Exception) -> tuple[str, str | None]:
    """Return what is to be said of an unexpected exception, as message and hint; saves its traceback where a bug report can quote it."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full: {error}", "free some space, or write elsewhere with --out; what was recorded so far is kept"
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
