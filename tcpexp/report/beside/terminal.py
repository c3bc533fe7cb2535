"""Several runs for the terminal: the checks that measured other things, every flow's numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from tcpexp.report.beside.compare import Beside


def print_beside(beside: Beside, console: Console | None = None) -> None:
    """Print the table: a column for each run."""
    from rich.console import Console as RichConsole
    from rich.table import Table
    from rich.text import Text

    out = console or RichConsole(highlight=False)
    out.print(beside.headline(), style="bold", markup=False)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for head in ("", *beside.names):
        table.add_column(head, overflow="fold")
    for row in beside.checks:
        if row.differs or len(set(row.cells)) > 1:
            cells = zip(row.results, row.cells, strict=True)
            words = [f"{result} {cell}".strip() for result, cell in cells]
            table.add_row(Text(row.name), *(Text(text) for text in words))
    for row in beside.flows:
        table.add_row(Text(row.name), *(Text(text) for text in row.cells))
    if table.row_count:
        out.print(table)
