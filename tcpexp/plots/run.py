"""Draw a run's figures and list them in ``figures/index.json``."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpexp.errors import TcpexpError
from tcpexp.plots.base import Plot

if TYPE_CHECKING:
    from tcpexp.catalogue import Catalogue
    from tcpexp.plots.helper import DrawingHelper
    from tcpexp.store.rundata import RunData

INDEX = "figures/index.json"


@dataclass(frozen=True)
class PlottedFigure:
    """A figure on disk. ``svg``, ``png`` and ``table`` (JSON, of a plot that is a table) are relative to the run directory."""

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


def plot_run(run: RunData, catalogue: Catalogue | None = None, helper: DrawingHelper | None = None) -> list[PlottedFigure]:
    """Draw the plots that the spec names, or all that have data, into ``figures/``; return them in order.

    ``catalogue`` knows the plots by name (by default the plan's: built-in, installed, and those that came beside the spec).
    Figures of an earlier call are removed. A plot that the spec names and that has no data, or whose drawing fails, is listed
    with the reason in ``figures/index.json`` and costs the others nothing. ``helper`` is a second process that draws some of them; it
    knows the plan's plots only, and is closed. Raises ``SpecError`` for an unknown plot or option.
    """
    if catalogue is None:
        from tcpexp.catalogue import catalogue_for

        catalogue = catalogue_for(run.plan)
    wanted = wanted_plots(run, catalogue)
    folder = Path(run.path) / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    for old in [*folder.glob("*.svg"), *folder.glob("*.png"), *folder.glob("*.table.json")]:
        old.unlink()
    figures: list[PlottedFigure] = []
    left_out: list[LeftOut] = []
    outcomes = [draw_one(run, each, folder) for each in wanted] if helper is None else draw_together(run, wanted, folder, helper)
    for outcome in outcomes:
        if isinstance(outcome, PlottedFigure):
            figures.append(outcome)
        elif run.plan.plots or outcome.reason != NO_DATA:
            left_out.append(outcome)
    index = {"figures": [asdict(each) for each in figures], "left_out": [asdict(each) for each in left_out]}
    path = Path(run.path) / INDEX
    path.write_text(json.dumps(index, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return figures


def wanted_plots(run: RunData, catalogue: Catalogue) -> list[WantedPlot]:
    """Return what is to be drawn, with resolved options; the same plot asked for twice gets numbered file names."""
    asked = [_entry(each) for each in run.plan.plots]
    wanted: list[WantedPlot] = []
    for name, given in asked or [(name, {}) for name in default_order(catalogue)]:
        plot = catalogue.plot(name)
        if not asked and plot.on_demand:
            continue
        count = sum(each.plot.name == plot.name for each in wanted)
        file_name = plot.name if count == 0 else f"{plot.name}-{count + 1}"
        wanted.append(WantedPlot(file_name, plot(), plot.resolve(given)))
    return wanted


def default_order(catalogue: Catalogue) -> list[str]:
    """Return the names of all plots: ours in the order of a report, then those of others."""
    from tcpexp.plots import BUILTIN

    return [*BUILTIN, *(name for name in catalogue.plots.names() if name not in BUILTIN)]


NO_DATA = "the run holds no data for it"


def draw_one(run: RunData, wanted: WantedPlot, folder: Path) -> PlottedFigure | LeftOut:
    """Draw one plot and save it, or say why it was left out."""
    from tcpexp.plots.save import save_figure
    from tcpexp.plots.style import house_style
    from tcpexp.plots.table import Table
    from tcpexp.plots.tabledraw import draw_table

    name, title = wanted.file_name, str(wanted.options["title"])
    with house_style(f"tcpexp-{name}"):
        try:
            drawn = wanted.plot.draw(run, wanted.options)
            figure = draw_table(drawn, title) if isinstance(drawn, Table) else drawn
        except TcpexpError:
            raise
        except Exception as error:  # a plot may be another's program, and one bad figure must not cost the report
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


def draw_together(run: RunData, wanted: Sequence[WantedPlot], folder: Path, helper: DrawingHelper) -> list[PlottedFigure | LeftOut]:
    """Draw here and in the helper: each takes the next figure when it is done with one. What the helper cannot draw is drawn here."""
    todo, undone = deque(wanted), deque[WantedPlot]()
    outcomes: dict[str, PlottedFigure | LeftOut] = {}
    waiting = threading.Event()

    def let_draw() -> None:
        ready = helper.wait_until_ready()
        while ready and (each := _next(todo)):
            waiting.set()
            outcome = helper.draw(run.path, each.file_name)
            waiting.clear()
            if outcome is None:
                undone.append(each)
            else:
                outcomes[each.file_name] = outcome

    thread = threading.Thread(target=let_draw)
    thread.start()
    try:
        while each := _next(todo):
            outcomes[each.file_name] = draw_one(run, each, folder)
        if not waiting.is_set():  # it has nothing in hand, or is still starting
            helper.close()
        thread.join()
    finally:
        helper.close()
        thread.join()
    for each in undone:
        outcomes[each.file_name] = draw_one(run, each, folder)
    return [outcomes[each.file_name] for each in wanted]


def _next(todo: deque[WantedPlot]) -> WantedPlot | None:
    """Take the next one of a queue from which another thread takes too."""
    try:
        return todo.popleft()
    except IndexError:
        return None


def _entry(raw: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return name and options of one entry of ``RunPlan.plots``: ``{"ladder": {"packets": 20}}``."""
    ((name, options),) = raw.items()
    return name, dict(options or {})
