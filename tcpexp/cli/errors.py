"""How errors look: ``error:`` and ``hint:`` lines on standard error, and a saved traceback for what should not happen."""

from __future__ import annotations

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
    if isinstance(error, SpecErrors):
        for each in error.errors:
            print_error(each)
        return
    where = f"{error.where}: " if isinstance(error, SpecError) and error.where is not None else ""
    click.echo(f"{where}{click.style('error:', fg='red', bold=True)} {error.message}", err=True)
    if isinstance(error, HostError):
        for lack in error.missing:
            click.echo(f"  missing: {lack.what} (for {lack.needed_for})", err=True)
            click.echo(f"     mend: {lack.remedy}", err=True)
    if error.hint:
        click.echo(f"{click.style('hint:', fg='cyan', bold=True)} {error.hint}", err=True)


def error_rows(error: TcpexpError) -> list[dict[str, Any]]:
    """Return the error as rows for ``--json``: file, line, column, message, hint."""
    if isinstance(error, SpecErrors):
        return [row for each in error.errors for row in error_rows(each)]
    row: dict[str, Any] = {"file": None, "line": None, "column": None, "message": error.message, "hint": error.hint}
    where = error.where if isinstance(error, SpecError) else None
    if isinstance(where, Place):
        row.update(file=where.file, line=where.line, column=where.column)
    elif where is not None:
        row["file"] = str(where)
    return [row]


def print_crash(error: Exception) -> None:
    """Print an unexpected exception in one line and save its traceback where a bug report can quote it."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        click.echo(f"{click.style('error:', fg='red', bold=True)} the disk is full: {error}", err=True)
        click.echo("hint: free some space, or write elsewhere with --out; what was recorded so far is kept", err=True)
        return
    click.echo(f"{click.style('error:', fg='red', bold=True)} tcpexp failed unexpectedly: {type(error).__name__}: {error}", err=True)
    saved = _save(error)
    if saved is not None:
        click.echo(f"hint: this is a bug in tcpexp; please report it with {saved}", err=True)


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
