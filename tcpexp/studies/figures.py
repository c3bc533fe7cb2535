"""A study's figures: lines with intervals beside published values, heat maps, ellipses.

Small multiples of each.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpexp.late import polars as pl
from tcpexp.plots.kit.look import SOFT_INK
from tcpexp.plots.kit.save import save_figure
from tcpexp.plots.kit.style import WIDTH, house_style, panel_title
from tcpexp.spec.study import Ellipses, HeatMap, Lines
from tcpexp.studies.drawfields import draw_ellipses, draw_heat_map
from tcpexp.studies.drawlines import draw_lines
from tcpexp.studies.figurewords import (
    chosen_runs,
    label_of,
    missing_words,
    ordered,
    pooled_words,
    written,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tcpexp.batch.folder import StudyFolder
    from tcpexp.studies.study import Study

Drawn = Lines | HeatMap | Ellipses
#: Inches: a panel's height, a heat map's rows, and what its axis takes besides.
PANEL_HEIGHT, WIDE_PANEL_HEIGHT, ROW_HEIGHT, ROWS_MARGIN = 3.0, 3.9, 0.38, 1.0


@dataclass(frozen=True)
class StudyFigure:
    """A figure on disk: its name, heading and caption, and the SVG file."""

    name: str
    title: str
    caption: str
    svg: Path


def draw_figures(study: Study, runs: pl.DataFrame, folder: StudyFolder) -> list[StudyFigure]:
    """Draw every entry of ``figures:`` (a line plot of each measure over the first parameter when
    there is none) as SVG and PNG.

    ``runs`` are all runs, so that a figure can say which it lacks.
    """
    entries = wanted_figures(study)
    figures = []
    folder.figures.mkdir(parents=True, exist_ok=True)
    for number, entry in enumerate(entries, start=1):
        name = f"{number:02d}-{_kind(entry)}"
        with house_style(name):
            figure = draw(study, runs, entry)
            if figure is not None:
                svg, _ = save_figure(figure, folder.figures, name)
                figures.append(StudyFigure(name, title_of(entry), entry.caption, svg))
    return figures


def wanted_figures(study: Study) -> list[Drawn]:
    """Return the entries of ``figures:``, or the default ones when there are none."""
    return [entry.chosen() for entry in study.sweep.figures] or default_figures(study)


def default_figures(study: Study) -> list[Drawn]:
    """Return a line plot for each measure, over the first parameter, a line for each value of the
    second.
    """
    names = [name for name, parameter in study.sweep.parameters.items() if parameter.is_ is None]
    by = names[1] if len(names) > 1 else None
    return [Lines(x=names[0], y=measure, by=by) for measure in study.sweep.measures]


def _kind(entry: Drawn) -> str:
    return {Lines: "lines", HeatMap: "heat_map", Ellipses: "ellipses"}[type(entry)]


def title_of(entry: Drawn) -> str:
    """Return the figure's heading."""
    if entry.title:
        return entry.title
    if isinstance(entry, HeatMap):
        return f"{entry.value} over {entry.x} and {entry.y}"
    return f"{entry.y} {'over' if isinstance(entry, Lines) else 'against'} {entry.x}"


def draw(study: Study, runs: pl.DataFrame, entry: Drawn) -> Figure | None:
    """Return the figure, with a panel for each value of ``panels``; None without a finished run."""
    runs = chosen_runs(study, runs, entry.at)
    if runs.filter(pl.col("status") == "complete").height == 0:
        return None
    values = ordered(study, runs, entry.panels) if entry.panels is not None else [None]
    figure, grid = _grid(
        len(values),
        _panel_height(study, runs, entry, len(values)),
        shared=not isinstance(entry, HeatMap),
    )
    for axes, value in zip(grid, values, strict=True):
        panel_runs = (
            runs
            if value is None or entry.panels is None
            else runs.filter(pl.col(entry.panels) == value)
        )
        if entry.panels is not None:
            panel_title(
                axes, f"{label_of(study, entry.panels)}: {written(study, entry.panels, value)}"
            )
        _DRAW[type(entry)](axes, study, panel_runs, entry, runs)
    _head(figure, title_of(entry), _remark(study, runs, entry))
    if isinstance(entry, HeatMap):
        figure.colorbar(
            grid[0].images[0], ax=grid, label=label_of(study, entry.value), shrink=0.9, aspect=30
        )
    else:
        _legend(figure, grid)
    return figure


def _panel_height(study: Study, runs: pl.DataFrame, entry: Drawn, count: int) -> float:
    if isinstance(entry, HeatMap):
        return max(2.0, ROW_HEIGHT * len(ordered(study, runs, entry.y)) + ROWS_MARGIN)
    return WIDE_PANEL_HEIGHT if count == 1 else PANEL_HEIGHT


def _grid(count: int, height: float, *, shared: bool) -> tuple[Figure, list[Axes]]:
    """Return a figure with ``count`` axes, at most three in a row, each ``height`` inches high.

    With ``shared``, all have the same scales.
    """
    from matplotlib.figure import Figure

    columns = min(count, 3)
    rows = -(-count // columns)
    figure = Figure(figsize=(WIDTH, height * rows + 0.75), layout="constrained")
    axes = (
        figure.subplots(rows, columns, squeeze=False, sharex=shared, sharey=shared).ravel().tolist()
    )
    for unused in axes[count:]:
        unused.remove()
    for lowest in axes[max(count - columns, 0) : count]:
        lowest.tick_params(labelbottom=True)
    return figure, axes[:count]


def _remark(study: Study, runs: pl.DataFrame, entry: Drawn) -> str:
    """Return what a reader must know of the numbers: which parameters are thrown together, and
    which runs are missing.
    """
    if isinstance(entry, HeatMap):
        fixed: tuple[str | None, ...] = (entry.x, entry.y, entry.panels)
        measure = entry.value
    else:
        fixed = (entry.x if isinstance(entry, Lines) else None, entry.by, entry.panels)
        measure = entry.y
    pooled, missing = pooled_words(study, runs, fixed), missing_words(runs, measure)
    mark = " (hollow marks)" if isinstance(entry, Lines) else ""
    return ". ".join(
        part
        for part in (
            f"Taken together, without intervals: {pooled}" if pooled else "",
            f"{missing}{mark}" if missing else "",
        )
        if part
    )


def _head(figure: Figure, title: str, remark: str) -> None:
    """Write the heading at the upper left, and the remark at the lower left."""
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    if remark:
        figure.supxlabel(remark, x=0.01, ha="left", fontsize=7.5, style="italic", color=SOFT_INK)


def _legend(figure: Figure, grid: list[Axes]) -> None:
    """Put one legend for all panels below them, where it covers nothing."""
    named: dict[str, Any] = {}
    for axes in grid:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    if named:
        figure.legend(
            list(named.values()),
            list(named),
            loc="outside lower center",
            ncols=min(5, len(named)),
            columnspacing=1.6,
        )


_DRAW: dict[type, Any] = {Lines: draw_lines, HeatMap: draw_heat_map, Ellipses: draw_ellipses}
