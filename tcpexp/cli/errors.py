"""How errors look: ``error:`` and ``hint:`` lines on standard error, and a saved traceback for what
should not happen.
"""

from __future__ import annotations

import click

from tcpexp.errors import TcpexpError
from tcpexp.runs.errorrows import ErrorRow, PlaceRow, crash_words, error_rows
from tcpexp.runs.sourceline import marked_line


def print_error(error: TcpexpError) -> None:
    """Print one error with its hint.

    Several spec errors each on lines of their own, a lack with what mends it.
    """
    for row in error_rows(error):
        print_error_row(row)


def print_error_row(row: ErrorRow) -> None:
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


def _place_words(row: PlaceRow) -> str:
    place = ":".join(
        str(row[key]) for key in ("file", "line", "column") if row.get(key) is not None
    )
    return f"{place}: " if place else ""


def _print_line(row: PlaceRow) -> None:
    """Print the line that an error is in, with a caret under the place."""
    text, line, column = row.get("text"), row["line"], row["column"]
    if text is not None and line is not None and column is not None:
        for words in marked_line(text, line, column):
            click.echo(words, err=True)


def print_crash(error: Exception) -> None:
    """Print an unexpected exception in one line, and where its traceback is."""
    message, hint = crash_words(error)
    click.echo(f"{click.style('error:', fg='red', bold=True)} {message}", err=True)
    if hint is not None:
        click.echo(f"hint: {hint}", err=True)
