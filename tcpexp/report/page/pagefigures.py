"""What the page shows of a run's ``plots:``.

Each drawn as SVG or as a table, straight from the tables, without matplotlib and without files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from io import StringIO
from typing import TYPE_CHECKING, Any

from tcpexp.catalogue import catalogue_for
from tcpexp.errors import TcpexpError
from tcpexp.plots.kit.sketch import SketchFigure
from tcpexp.plots.kit.style import WIDTH, house_style, sketching
from tcpexp.plots.kit.table import Table
from tcpexp.plots.run import NO_DATA, LeftOut, WantedPlot, wanted_plots
from tcpexp.report.page.figures import inline_text, themed
from tcpexp.report.page.tables import table_html

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


#: Inches: of a figure beside the verdicts, and of one that a phone shows without scrolling. Letters
#: have the same size in all.
KEY_WIDTH, PHONE_WIDTH = 7.4, 3.6
#: A drawing is tall that leaves a phone's first screen no room for a verdict, and long that does
#: not end on a desk's.
TALL, LONG = 1.05, 0.92
_VIEW = re.compile(r'viewBox="[-0-9.]+ [-0-9.]+ ([0-9.]+) ([0-9.]+)"')


@dataclass(frozen=True)
class PageFigure:
    """A plot on the page: ``html`` holds its drawings, for wide windows and for a phone, or
    headings and tables.

    ``plot`` is the plot's name, ``name`` its own. ``key``: it shows the answer. ``tall``: on a
    phone it is much higher than wide, ``long``: on a wide page too. ``table``: it is a table.
    """

    name: str
    plot: str
    title: str
    caption: str
    html: str
    key: bool = False
    tall: bool = False
    long: bool = False
    table: bool = False


@dataclass(frozen=True)
class Drawing:
    """What became of a plot: the markup, how high it is for its width, whether it is a table, and
    whether it is a sketch, which can be drawn again in another width.
    """

    html: str
    ratio: float = 0.0
    table: bool = False
    sketch: bool = False


def page_figures(
    run: RunData, *, only_data: bool = False
) -> tuple[list[PageFigure], list[LeftOut]]:
    """Return the plots that the spec names, or all that have data, and what was left out.

    The one that the spec's ``key:`` names, or else the first, shows the answer. A plot whose
    drawing fails costs the others nothing. ``only_data`` leaves out what tables explain. Raises
    ``SpecError`` for an unknown plot or option.
    """
    figures: list[PageFigure] = []
    left_out: list[LeftOut] = []
    wanted_here = wanted_plots(run, catalogue_for(run.plan))
    key = _key(run, wanted_here)
    for wanted in wanted_here:
        title = str(wanted.options["title"])
        try:
            figure = draw_for_page(run, wanted, key=wanted is key, only_data=only_data)
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
        if figure is not None:
            figures.append(figure)
        elif run.plan.plots:
            left_out.append(LeftOut(wanted.file_name, title, NO_DATA))
    if figures and not any(figure.key for figure in figures):
        figures[0] = replace(figures[0], key=True)
    return figures, left_out


def key_plot(run: RunData) -> WantedPlot | None:
    """Return the plot that shows the answer, not drawn; None where a run has none."""
    return _key(run, wanted_plots(run, catalogue_for(run.plan)))


def _key(run: RunData, wanted: list[WantedPlot]) -> WantedPlot | None:
    """Return the plot that shows the answer: the one that the spec names, or else the first."""
    number = run.plan.key
    if number is not None and number < len(wanted):
        return wanted[number]
    return wanted[0] if wanted else None


def draw_for_page(
    run: RunData, wanted: WantedPlot, *, key: bool = False, only_data: bool = False
) -> PageFigure | None:
    """Return one plot for the page, None when the run holds no data for it."""
    width = KEY_WIDTH if key and wanted.plot.narrows else WIDTH
    wide = draw_plot(run, wanted, width, only_data=only_data)
    if wide is None:
        return None
    html, ratio = wide.html, TALL + 1
    if wide.sketch and wanted.plot.narrows:
        narrow = draw_plot(run, wanted, PHONE_WIDTH, suffix="-narrow")
        if narrow is not None and narrow.sketch:
            html = f'<div class="on-wide">{html}</div><div class="on-phone">{narrow.html}</div>'
            ratio = narrow.ratio
    elif not wide.table:
        html = f'<div class="scroll">{html}</div>'
    return PageFigure(
        wanted.file_name,
        wanted.plot.name,
        str(wanted.options["title"]),
        "" if only_data and wide.table else wanted.plot.caption(),
        html,
        key,
        ratio > TALL,
        wide.ratio > LONG or wide.table,
        wide.table,
    )


def draw_plot(
    run: RunData,
    wanted: WantedPlot,
    width: float = WIDTH,
    suffix: str = "",
    *,
    only_data: bool = False,
) -> Drawing | None:
    """Return one plot drawn ``width`` inches wide, None when the run holds no data for it.

    ``suffix`` ends the names of what its parts refer to.
    """
    title = str(wanted.options["title"])
    with sketching(width):
        try:
            drawn = wanted.plot.draw(run, wanted.options)
            if drawn is None:
                return None
            if isinstance(drawn, Table):
                table = drawn.only_data() if only_data else drawn
                return Drawing(table_html(table, title), table=True)
            if isinstance(drawn, SketchFigure):
                name = re.sub(r"[^A-Za-z0-9]", "-", wanted.file_name + suffix)
                svg = themed(drawn.to_svg(title, name))
                return Drawing(svg, _ratio(svg), sketch=True)
        except (
            AttributeError,
            TypeError,
            KeyError,
        ):  # a call of matplotlib's that a sketch does not know; another fault comes again below
            pass
    svg = inline_text(matplotlib_svg(run, wanted), title, wanted.file_name)
    return Drawing(svg, _ratio(svg))


def _ratio(svg: str) -> float:
    """Return how high a drawing is for its width."""
    found = _VIEW.search(svg)
    return float(found[2]) / float(found[1]) if found else 0.0


def matplotlib_svg(run: RunData, wanted: WantedPlot) -> str:
    """Return the plot as matplotlib writes it: those of others draw with all that it can do."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    with house_style(f"tcpexp-{wanted.file_name}"), StringIO() as text:
        figure: Any = wanted.plot.draw(run, wanted.options)
        FigureCanvasSVG(figure).print_svg(text, metadata={"Date": None, "Creator": None})  # type: ignore[no-untyped-call]
        return text.getvalue()
