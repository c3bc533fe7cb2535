"""The parts of the page of data that list tables and metrics, written from what the code says."""

from __future__ import annotations

from pathlib import Path

from tcpexp.record.columns import Column, TableSchema
from tcpexp.record.metrics import METRICS
from tcpexp.store.schemas import known_tables

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "data.md"
BEGIN = "<!-- tables: written by python -m tools.docs -->"
END = "<!-- end of tables -->"
METRICS_BEGIN = "<!-- metrics: written by python -m tools.docs -->"
METRICS_END = "<!-- end of metrics -->"


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


def metrics_markdown() -> str:
    """Return the table of the numbers of ``metrics.json``: path, unit, meaning."""
    lines = [f"| `{metric.path}` | {metric.unit} | {metric.meaning} |" for metric in METRICS]
    return "\n".join(["| key | unit | meaning |", "|---|---|---|", *lines]) + "\n"


def update_page(text: str) -> str:
    """Return the page with the parts of tables and metrics written anew.

    Raises ``ValueError`` when their marks are missing.
    """
    text = _between(text, BEGIN, END, tables_markdown())
    return _between(text, METRICS_BEGIN, METRICS_END, metrics_markdown())


def _between(text: str, begin: str, end: str, content: str) -> str:
    if begin not in text or end not in text:
        raise ValueError(f"the page lacks the marks {begin} and {end}")
    before, rest = text.split(begin, 1)
    return f"{before}{begin}\n\n{content}\n{end}{rest.split(end, 1)[1]}"


def page() -> str:
    """Return the page, whose other parts are written by hand."""
    return update_page(PAGE.read_text(encoding="utf-8"))
