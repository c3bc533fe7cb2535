"""The part of docs/reference/data.md that lists the tables, written from ``TABLES`` and its
comments.

``python -m tcpexp.store.describe docs/reference/data.md`` brings the page up to date; a test
checks that it is.
"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

from tcpexp.record import tables
from tcpexp.record.tables import TABLES, TableSchema

BEGIN = "<!-- tables: written by python -m tcpexp.store.describe -->"
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


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(update_page(page.read_text()))
