"""Tables as text, and as the generated block of a Markdown page."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from costing.summary import Table

BEGIN, END = "<!-- cost:begin -->", "<!-- cost:end -->"


def as_text(table: Table) -> str:
    """Return a table for a terminal: left column flush left, the others flush right."""
    lines = [table.headings, *table.lines]
    widths = [max(len(line[column]) for line in lines) for column in range(len(table.headings))]
    left, *right = widths
    body = ["  ".join([line[0].ljust(left), *map(str.rjust, line[1:], right)]) for line in lines]
    return "\n".join(["", table.title, "=" * len(table.title), *(line.rstrip() for line in body), *(f"- {note}" for note in table.notes)])


def as_markdown(table: Table) -> str:
    """Return a table in Markdown under a heading of the third level."""
    lines = [_line(table.headings), _line(("---",) + ("---:",) * (len(table.headings) - 1)), *(_line(each) for each in table.lines)]
    return "\n".join([f"### {table.title}", "", *lines, "", *table.notes, ""])


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def facts_line(facts: dict[str, Any]) -> str:
    """Return in one sentence what was measured, where and how often."""
    quick = ", quick form" if facts["quick"] else ""
    return (
        f"Measured {facts['date']} with tcpexp {facts['tcpexp']} ({facts['revision']}), QEMU {facts['qemu']}, {facts['processors']} processors "
        f"({facts['processor']}), Linux {facts['kernel']}; load of the machine {facts['load']} during the runs; {facts['rounds']} "
        f"round{'s' * (facts['rounds'] != 1)}{quick}."
    )


def fill_block(page: str, content: str) -> str:
    """Return ``page`` with what lies between the two marks replaced. Raises ``SystemExit`` when the marks are not there, once each."""
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(BEGIN) > page.index(END):
        raise SystemExit(f"the page needs the lines {BEGIN} and {END}, once each and in this order")
    return re.sub(f"{BEGIN}.*?{END}", lambda found: f"{BEGIN}\n{content.strip()}\n{END}", page, flags=re.DOTALL)


def markdown_content(page: Path, facts: dict[str, Any], tables: list[Table], figure: Path | None) -> str:
    """Return the block's content; the figure is linked relative to the page."""
    picture = [] if figure is None else [f"![How the cost grows]({os.path.relpath(figure, page.parent)})", ""]
    return "\n".join([facts_line(facts), "", *picture, *(as_markdown(table) for table in tables)])
