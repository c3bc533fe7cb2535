"""The figures of a report as its template reads them: the one that shows the answer apart."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tcpexp.plots.run import INDEX
from tcpexp.report.page.pagefigures import PageFigure, page_figures
from tcpexp.report.page.rows import FigureRow
from tcpexp.report.prose import inline_html

if TYPE_CHECKING:
    from tcpexp.plots.run import LeftOut
    from tcpexp.report.panels.model import Panel
    from tcpexp.store.rundata import RunData


def report_figures(
    run: RunData, panels: list[Panel], *, only_data: bool = False
) -> tuple[FigureRow | None, list[FigureRow], list[LeftOut], list[Panel]]:
    """Return the figure of the answer, the other plots ready to embed, those that were left out,
    and the panels that show the same as one of the others.

    ``stands_in`` says of a plot that a panel shows the same: it is for print and for browsers
    without script. The figure of the answer is always shown. ``files`` are what ``--figures`` made
    of it. ``only_data``: as in :func:`tcpexp.report.page.pagefigures.page_figures`.
    """
    drawn, left_out = page_figures(run, only_data=only_data)
    shown_by = {name: panel for panel in panels for name in panel.figures}
    files = _figure_files(run)
    rows = [_row(figure, shown_by.get(figure.plot), files) for figure in drawn]
    key = next((row for row, figure in zip(rows, drawn, strict=True) if figure.key), None)
    others = [row for row in rows if row is not key]
    instead = {
        panel.id: panel
        for figure in drawn
        if not figure.key and (panel := shown_by.get(figure.plot))
    }
    return key, others, left_out, list(instead.values())


def _row(
    figure: PageFigure, panel: Panel | None, files: dict[str, list[tuple[str, str]]]
) -> FigureRow:
    import markupsafe

    return {
        "name": figure.name,
        "stands_in": panel is not None,
        "panel": panel.id if panel else "",
        "image": markupsafe.Markup(figure.html),
        "caption": markupsafe.Markup(inline_html(figure.caption.replace("``", "`"))),
        "files": files.get(figure.name, []),
        "tall": figure.tall,
        "long": figure.long,
        "table": figure.table,
    }


def _figure_files(run: RunData) -> dict[str, list[tuple[str, str]]]:
    """Return what kind of files there are of each figure, and their paths."""
    path = run.path / INDEX
    if not path.is_file():
        return {}
    kinds = {"SVG": "svg", "PNG": "png", "JSON": "table"}
    figures = json.loads(path.read_text(encoding="utf-8"))["figures"]
    return {
        figure["name"]: [(kind, figure[key]) for kind, key in kinds.items() if figure.get(key)]
        for figure in figures
    }
