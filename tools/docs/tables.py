"""The part of the page of data that lists the tables, written from their schemas."""

from __future__ import annotations

from pathlib import Path

from tcpexp.record.columns import Column, TableSchema
from tcpexp.store.schemas import known_tables

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "data.md"
BEGIN = "<!-- tables: written by python -m tools.docs -->"
END = "<!-- end of tables -->"


def tables_markdown() -> str:
    """Return a section per table: what a row is, its order, and each column with its type, unit and
    meaning.
    """
    return "\n".join(_section(table) for table in known_tables().values())


def _section(table: TableSchema) -> str:
    lines = [
        f"### {table.name}",
        "",
        f"One row is {table.row}. Sorted by {', '.join(f'`{name}`' for name in table.order)}.",
        "",
        "| column | type | unit | meaning |",
        "|---|---|---|---|",
        *(_line(column) for column in table.columns),
    ]
    return "\n".join(lines) + "\n"


def _line(column: Column) -> str:
    return f"| `{column.name}` | {column.type} | {column.unit} | {column.meaning} |"


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
