"""Tables as text, and as the generated block of a Markdown page."""

from __future__ import annotations

import re
from typing import Any

from costing.table import NOTES, Value, main_table, packet_table, phase_table

BEGIN, END = "<!-- cost:begin -->", "<!-- cost:end -->"
Rows = list[list[str]]
PHASES_OF = "handshake_teardown"


def all_tables(values: list[Value]) -> list[tuple[str, Rows]]:
    """Return the tables that the values fill, each with a title."""
    tables = (
        ("What a run costs", main_table(values)),
        (f"Where the time of {PHASES_OF} goes", phase_table(values, PHASES_OF)),
        ("Packets", packet_table(values)),
    )
    return [(title, rows) for title, rows in tables if len(rows) > 1]


def as_text(title: str, rows: Rows) -> str:
    """Return a table for a terminal: left column flush left, the others flush right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(["", title, "=" * len(title), *lines])


def as_markdown(title: str, rows: Rows) -> str:
    """Return a table in Markdown under a heading of the third level."""
    rule = ["---", *["---:"] * (len(rows[0]) - 1)]
    lines = ["| " + " | ".join(row) + " |" for row in (rows[0], rule, *rows[1:])]
    return "\n".join([f"### {title}", "", *lines, ""])


def facts_line(facts: dict[str, Any]) -> str:
    """Return in one sentence what was measured, where and how often."""
    quick = ", quick form" if facts["quick"] else ""
    places = "; ".join(f"{name}: {version}" for name, version in facts["places"].items())
    return (
        f"Measured {facts['date']} with tcpexp {facts['tcpexp']} ({facts['revision']}) on "
        f"{facts['processors']} processors ({facts['processor']}), Linux {facts['kernel']}; "
        f"{facts['rounds']} round{'s' * (facts['rounds'] != 1)}{quick}. {places}."
    )


def fill_block(page: str, content: str) -> str:
    """Return ``page`` with what lies between the two marks replaced.

    Raises:
        SystemExit: the marks are not there, once each and in order.
    """
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(BEGIN) > page.index(END):
        raise SystemExit(f"the page needs the lines {BEGIN} and {END}, once each, in this order")
    filled = f"{BEGIN}\n{content.strip()}\n{END}"
    return re.sub(f"{BEGIN}.*?{END}", lambda found: filled, page, flags=re.DOTALL)


def markdown_content(facts: dict[str, Any], values: list[Value]) -> str:
    """Return the block's content."""
    tables = [as_markdown(title, rows) for title, rows in all_tables(values)]
    notes = [f"- {note}" for note in (*facts.get("left_out", []), *NOTES)]
    return "\n".join([facts_line(facts), "", *tables, *notes])
