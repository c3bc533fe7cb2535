"""The part of the page of data that lists the tables, written from ``TABLES`` and its comments."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from tcpexp.record import tables
from tcpexp.record.tables import TABLES, TableSchema

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "data.md"
BEGIN = "<!-- tables: written by python -m tools.docs -->"
END = "<!-- end of tables -->"


def tables_markdown() -> str:
    """Return a section per table: what a row is, its order, and each column with its type and
    meaning.
    """
    notes = column_notes()
    return "\n".join(_section(table, notes.get(table.name, {})) for table in TABLES.values())


def _section(table: TableSchema, notes: dict[str, str]) -> str:
    lines = [
        f"### {table.name}",
        "",
        f"One row is {table.row}. Sorted by {', '.join(f'`{name}`' for name in table.order)}.",
        "",
    ]
    lines += ["| column | type | meaning |", "|---|---|---|"]
    lines += [
        f"| `{name}` | {kind} | {notes.get(name, '')} |" for name, kind in table.columns.items()
    ]
    return "\n".join(lines) + "\n"


def column_notes() -> dict[str, dict[str, str]]:
    """Return table -> column -> the comment behind the column in ``tables.py``, which goes on in
    lines that are comments only.
    """
    notes: dict[str, dict[str, str]] = {}
    table, column = "", ""
    for line in inspect.getsource(tables).splitlines():
        code, _, comment = line.partition("  # ")
        named = re.match(r'\s+"(\w+)",$', code)
        if named and named[1] in TABLES:
            table, column = named[1], ""
        columns = re.findall(r'"(\w+)": "[\w()]+"', code)
        if columns:
            column = columns[-1]
        if line.strip().startswith("# ") and table and column in notes.get(table, {}):
            notes[table][column] += " " + line.strip()[2:]
        elif comment and columns and table:
            notes.setdefault(table, {})[column] = comment.strip()
    return notes


def update_page(text: str) -> str:
    """Return the page with the tables' part written anew.

    Raises ``ValueError`` when its marks are missing.
    """
    if BEGIN not in text or END not in text:
        raise ValueError(f"the page lacks the marks {BEGIN} and {END}")
    before, rest = text.split(BEGIN, 1)
    return f"{before}{BEGIN}\n\n{tables_markdown()}\n{END}{rest.split(END, 1)[1]}"


def page() -> str:
    """Return the page, whose other parts are written by hand."""
    return update_page(PAGE.read_text(encoding="utf-8"))
