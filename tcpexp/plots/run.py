"""Draw a run's figures and list them in ``figures/index.json``."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpexp.errors import SpecError
from tcpexp.plots import BUILTIN
from tcpexp.plots.base import Plot, load_plot
from tcpexp.registry import suggest

if TYPE_CHECKING:
    from tcpexp.store.rundata import RunData


@dataclass(frozen=True)
class PlottedFigure:
    """A figure on disk. ``svg`` and ``png`` are relative to the run directory."""

    name: str
    title: str
    caption: str
    svg: str
    png: str


@dataclass(frozen=True)
class WantedPlot:
    """A plot to draw: the file's name, the plot, its complete options."""

    file_name: str
    plot: Plot
    options: dict[str, Any]


def plot_run(run: RunData, extra: Mapping[str, type[Plot]] | None = None) -> list[PlottedFigure]:
    """Draw the plots that the spec names, or all that have data, into ``figures/``; return them in order.

    ``extra`` are plots of others by name (a Python file beside the spec, an installed package). A plot without data leaves no
    file. Figures of an earlier call are removed. Raises ``SpecError`` for an unknown plot or option.
    """
    wanted = wanted_plots(run, extra or {})
    folder = Path(run.path) / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    for old in [*folder.glob("*.svg"), *folder.glob("*.png"), *folder.glob("index.json")]:
        old.unlink()
    figures = [figure for each in wanted if (figure := draw_one(run, each, folder)) is not None]
    text = json.dumps([asdict(figure) for figure in figures], indent=1, ensure_ascii=False)
    (folder / "index.json").write_text(text + "\n", encoding="utf-8")
    return figures


def wanted_plots(run: RunData, extra: Mapping[str, type[Plot]]) -> list[WantedPlot]:
    """Return what is to be drawn, with resolved options; the same plot asked for twice gets numbered file names."""
    asked = [dict(each) if isinstance(each, Mapping) else {"name": each} for each in run.plan.plots]
    wanted: list[WantedPlot] = []
    for given in asked or [{"name": name} for name in [*BUILTIN, *extra]]:
        plot = plot_class(str(given.get("name", "")), extra)
        if not asked and plot.on_demand:
            continue
        count = sum(each.plot.name == plot.name for each in wanted)
        file_name = plot.name if count == 0 else f"{plot.name}-{count + 1}"
        wanted.append(WantedPlot(file_name, plot(), plot.resolve(given)))
    return wanted


def plot_class(name: str, extra: Mapping[str, type[Plot]]) -> type[Plot]:
    """Return the plot of that name; raises ``SpecError`` with a suggestion when there is none."""
    if name in extra:
        return extra[name]
    if name not in BUILTIN:
        raise SpecError(f"unknown plot '{name}'", hint=suggest(name, [*BUILTIN, *extra]))
    return load_plot(BUILTIN[name])


def draw_one(run: RunData, wanted: WantedPlot, folder: Path) -> PlottedFigure | None:
    """Draw one plot and save it; None when the run holds no data for it."""
    os.environ.setdefault("MPLBACKEND", "agg")
    from tcpexp.plots.save import save_figure
    from tcpexp.plots.style import house_style

    with house_style(f"tcpexp-{wanted.file_name}"):
        figure = wanted.plot.draw(run, wanted.options)
        if figure is None:
            return None
        svg, png = save_figure(figure, folder, wanted.file_name)
    title = str(wanted.options["title"])
    base = folder.parent
    return PlottedFigure(
        wanted.file_name, title, wanted.plot.caption(), svg.relative_to(base).as_posix(), png.relative_to(base).as_posix()
    )
