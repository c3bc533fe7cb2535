"""Draw a run's figures as files, for documents, and list them in ``figures/index.json``: SVG and
PNG, by matplotlib.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpexp.catalogue import catalogue_for
from tcpexp.errors import TcpexpError
from tcpexp.plots import BUILTIN
from tcpexp.plots.base import Plot
from tcpexp.plots.kit.save import save_figure
from tcpexp.plots.kit.style import house_style
from tcpexp.plots.kit.table import Table
from tcpexp.plots.kit.tabledraw import draw_table
from tcpexp.plots.kit.writing import fallback_families

if TYPE_CHECKING:
    from tcpexp.catalogue import Catalogue
    from tcpexp.store.rundata import RunData

INDEX = "figures/index.json"


@dataclass(frozen=True)
class PlottedFigure:
    """A figure on disk. ``svg``, ``png`` and ``table`` (JSON, of a plot that is a table) are
    relative to the run directory.
    """

    name: str
    title: str
    caption: str
    svg: str
    png: str
    table: str | None = None


@dataclass(frozen=True)
class LeftOut:
    """A plot that the spec names and that was not drawn, and why."""

    name: str
    title: str
    reason: str


@dataclass(frozen=True)
class WantedPlot:
    """A plot to draw: the file's name, the plot, its complete options."""

    file_name: str
    plot: Plot
    options: dict[str, Any]


def plot_run(run: RunData, catalogue: Catalogue | None = None) -> list[PlottedFigure]:
    """Draw the plots that the spec names, or all that have data, into ``figures/``; return them in
    order.

    ``catalogue`` knows the plots by name (by default the plan's: built-in, installed, and those
    that came beside the spec). Figures of an earlier call are removed. A plot that the spec names
    and that has no data, or whose drawing fails, is listed with the reason in
    ``figures/index.json`` and costs the others nothing. Raises ``SpecError`` for an unknown plot or
    option.
    """
    if catalogue is None:
        catalogue = catalogue_for(run.plan)
    wanted = wanted_plots(run, catalogue)
    folder = Path(run.path) / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    for old in [*folder.glob("*.svg"), *folder.glob("*.png"), *folder.glob("*.table.json")]:
        old.unlink()
    figures: list[PlottedFigure] = []
    left_out: list[LeftOut] = []
    for outcome in (draw_one(run, plot, folder) for plot in wanted):
        if isinstance(outcome, PlottedFigure):
            figures.append(outcome)
        elif run.plan.plots or outcome.reason != NO_DATA:
            left_out.append(outcome)
    index = {
        "figures": [asdict(figure) for figure in figures],
        "left_out": [asdict(entry) for entry in left_out],
    }
    path = Path(run.path) / INDEX
    path.write_text(json.dumps(index, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return figures


def wanted_plots(run: RunData, catalogue: Catalogue) -> list[WantedPlot]:
    """Return what is to be drawn, with resolved options.

    The same plot asked for twice gets numbered file names.
    """
    asked = [_entry(plot) for plot in run.plan.plots]
    wanted: list[WantedPlot] = []
    for name, given in asked or [(name, {}) for name in default_order(catalogue)]:
        plot = catalogue.plots.get(name)
        if not asked and plot.on_demand:
            continue
        count = sum(other.plot.name == plot.name for other in wanted)
        file_name = plot.name if count == 0 else f"{plot.name}-{count + 1}"
        wanted.append(WantedPlot(file_name, plot(), plot.resolve(given)))
    return wanted


def default_order(catalogue: Catalogue) -> list[str]:
    """Return the names of all plots: ours in the order of a report, then those of others."""
    return [*BUILTIN, *(name for name in catalogue.plots.names() if name not in BUILTIN)]


def figure_texts(run: RunData) -> list[str]:
    """Return the texts of the spec that figures may show: titles, and the words of actions."""
    plan = run.plan
    titles = [
        str(options.get("title", "")) for entry in plan.plots for options in [_entry(entry)[1]]
    ]
    return [plan.title, *titles, *(step.label for step in (*plan.setup, *plan.steps))]


NO_DATA = "the run holds no data for it"


def draw_one(run: RunData, wanted: WantedPlot, folder: Path) -> PlottedFigure | LeftOut:
    """Draw one plot and save it, or say why it was left out."""
    name, title = wanted.file_name, str(wanted.options["title"])
    with house_style(f"tcpexp-{name}", fallback_families(figure_texts(run))):
        try:
            drawn = wanted.plot.draw(run, wanted.options)
            figure = draw_table(drawn, title) if isinstance(drawn, Table) else drawn
        except TcpexpError:
            raise
        except Exception as error:
            # a plot may be another's program, and one bad figure must not cost the report
            return LeftOut(name, title, f"drawing it failed: {type(error).__name__}: {error}")
        if figure is None:
            return LeftOut(name, title, NO_DATA)
        svg, png = save_figure(figure, folder, name)
    table_name = None
    if isinstance(drawn, Table):
        table_name = f"{folder.name}/{name}.table.json"
        (folder.parent / table_name).write_text(drawn.to_json(), encoding="utf-8")
    svg_name, png_name = (path.relative_to(folder.parent).as_posix() for path in (svg, png))
    return PlottedFigure(name, title, wanted.plot.caption(), svg_name, png_name, table_name)


def _entry(raw: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return name and options of an entry of ``RunPlan.plots``: ``{"ladder": {"packets": 20}}``."""
    ((name, options),) = raw.items()
    return name, dict(options or {})
