"""What the page shows of a run's ``plots:``.

Each drawn as SVG or as a table, straight from the tables, without matplotlib and without files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any

from tcpexp.catalogue import catalogue_for
from tcpexp.errors import TcpexpError
from tcpexp.plots.kit.sketch import SketchFigure
from tcpexp.plots.kit.style import house_style, sketching
from tcpexp.plots.kit.table import Table
from tcpexp.plots.run import NO_DATA, LeftOut, WantedPlot, wanted_plots
from tcpexp.report.page.figures import inline_text, themed
from tcpexp.report.page.tables import table_html

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


@dataclass(frozen=True)
class PageFigure:
    """A plot on the page: ``html`` is an ``<svg>`` element, or headings and tables.

    ``plot`` is the plot's name, ``name`` its own.
    """

    name: str
    plot: str
    title: str
    caption: str
    html: str


def page_figures(run: RunData) -> tuple[list[PageFigure], list[LeftOut]]:
    """Return the plots that the spec names, or all that have data, and what was left out.

    A plot whose drawing fails costs the others nothing. Raises ``SpecError`` for an unknown plot
    or option.
    """
    figures: list[PageFigure] = []
    left_out: list[LeftOut] = []
    for wanted in wanted_plots(run, catalogue_for(run.plan)):
        title = str(wanted.options["title"])
        try:
            html = figure_html(run, wanted)
        except TcpexpError:
            raise
        except (
            Exception
        ) as error:  # a plot may be another's program, and one bad figure must not cost the report
            left_out.append(
                LeftOut(
                    wanted.file_name,
                    title,
                    f"drawing it failed: {type(error).__name__}: {error}",
                )
            )
            continue
        if html is not None:
            figures.append(
                PageFigure(
                    wanted.file_name,
                    wanted.plot.name,
                    title,
                    wanted.plot.caption(),
                    html,
                )
            )
        elif run.plan.plots:
            left_out.append(LeftOut(wanted.file_name, title, NO_DATA))
    return figures, left_out


def figure_html(run: RunData, wanted: WantedPlot) -> str | None:
    """Return one plot for the page, None when the run holds no data for it."""
    title = str(wanted.options["title"])
    with sketching():
        try:
            drawn = wanted.plot.draw(run, wanted.options)
            if drawn is None:
                return None
            if isinstance(drawn, Table):
                return table_html(drawn, title)
            if isinstance(drawn, SketchFigure):
                return themed(drawn.to_svg(title, re.sub(r"[^A-Za-z0-9]", "-", wanted.file_name)))
        except (
            AttributeError,
            TypeError,
            KeyError,
        ):  # a call of matplotlib's that a sketch does not know; another fault comes again below
            pass
    return inline_text(matplotlib_svg(run, wanted), title, wanted.file_name)


def matplotlib_svg(run: RunData, wanted: WantedPlot) -> str:
    """Return the plot as matplotlib writes it: those of others draw with all that it can do."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    with house_style(f"tcpexp-{wanted.file_name}"), StringIO() as text:
        figure: Any = wanted.plot.draw(run, wanted.options)
        FigureCanvasSVG(figure).print_svg(text, metadata={"Date": None, "Creator": None})  # type: ignore[no-untyped-call]
        return text.getvalue()
