"""A study's figures: lines with intervals beside published values, heat maps, ellipses; small multiples of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpexp.plots.style import INK, PAPER, SOFT_INK, WIDTH, Series, house_style, legend, panel_title, series_of
from tcpexp.spec.study import Ellipses, HeatMap, Lines
from tcpexp.sweep.measure import computed
from tcpexp.sweep.statistics import Interval, mean_interval

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tcpexp.sweep.folder import StudyFolder
    from tcpexp.sweep.study import Study

Drawn = Lines | HeatMap | Ellipses


@dataclass(frozen=True)
class StudyFigure:
    """A figure on disk: its name, heading and caption, and the SVG file."""

    name: str
    title: str
    caption: str
    svg: Path


def draw_figures(study: Study, runs: pl.DataFrame, folder: StudyFolder) -> list[StudyFigure]:
    """Draw every entry of ``figures:`` (a line plot of each measure over the first parameter when there is none) as SVG and PNG."""
    import polars as pl

    from tcpexp.plots.save import save_figure

    done = runs.filter(pl.col("status") == "complete")
    entries = [entry.chosen() for entry in study.sweep.figures] or default_figures(study)
    found = []
    folder.figures.mkdir(parents=True, exist_ok=True)
    for number, entry in enumerate(entries, start=1):
        name = f"{number:02d}-{_kind(entry)}"
        with house_style(name):
            figure = draw(study, done, entry)
            if figure is not None:
                svg, _ = save_figure(figure, folder.figures, name)
                found.append(StudyFigure(name, title_of(entry), entry.caption, svg))
    return found


def default_figures(study: Study) -> list[Drawn]:
    """Return a line plot for each measure, over the first parameter, a line for each value of the second."""
    names = [name for name, each in study.sweep.parameters.items() if each.is_ is None]
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
    import polars as pl

    if runs.height == 0:
        return None
    values = ordered(study, runs, entry.panels) if entry.panels is not None else [None]
    figure, grid = _grid(len(values), title_of(entry))
    for axes, value in zip(grid, values, strict=True):
        own = runs if value is None or entry.panels is None else runs.filter(pl.col(entry.panels) == value)
        if entry.panels is not None:
            panel_title(axes, f"{label_of(study, entry.panels)}: {written(study, entry.panels, value)}")
        _DRAW[type(entry)](axes, study, own, entry, runs)
    return figure


def _grid(count: int, title: str) -> tuple[Figure, list[Axes]]:
    """Return a figure with ``count`` axes, at most three in a row, and the title above them."""
    from matplotlib.figure import Figure

    columns = min(count, 3)
    rows = -(-count // columns)
    height = (3.9 if columns == 1 else 3.0) * rows + 0.55
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    axes = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for unused in axes[count:]:
        unused.remove()
    return figure, axes[:count]


# ---------------------------------------------------------------------------------------------------------- words


def ordered(study: Study, runs: pl.DataFrame, name: str) -> list[Any]:
    """Return the values of a parameter that ``runs`` have: numbers by size, words in the spec's order."""
    present = set(runs[name].to_list())
    if all(isinstance(value, float) for value in present):
        return sorted(present)
    return list(dict.fromkeys(str(cell.written[name]) for cell in study.cells if str(cell.written[name]) in present))


def written(study: Study, name: str, value: Any) -> str:
    """Return a parameter's value as the spec writes it."""
    return next((str(cell.written[name]) for cell in study.cells if value in (cell.values[name], str(cell.written[name]))), str(value))


def label_of(study: Study, name: str) -> str:
    """Return the words for an axis: the label of a parameter or measure, with its unit."""
    if name in study.sweep.parameters:
        return study.sweep.parameters[name].label or name
    measure = study.sweep.measures[name]
    _, unit = scale_of(study, name)
    return f"{measure.label or name}{f' ({unit})' if unit else ''}"


def scale_of(study: Study, name: str) -> tuple[float, str]:
    """Return what the numbers of a measure are divided by to be drawn, and the unit then: bit/s are drawn in Mbit/s."""
    measure = study.sweep.measures.get(name)
    if measure is None:
        return 1.0, ""
    return (1e6, "Mbit/s") if measure.unit == "bit/s" else (1.0, measure.unit)


# ---------------------------------------------------------------------------------------------------------- lines


def _draw_lines(axes: Axes, study: Study, runs: pl.DataFrame, entry: Lines, everything: pl.DataFrame) -> None:
    import polars as pl

    divisor, _ = scale_of(study, entry.y)
    numeric = runs.schema[entry.x] == pl.Float64()
    places = {value: value if numeric else float(index) for index, value in enumerate(ordered(study, everything, entry.x))}
    groups = ordered(study, everything, entry.by) if entry.by is not None else [None]
    looks = list(series_of(str(each) for each in groups).values())
    log_x, log_y = "x" in entry.log and numeric, "y" in entry.log
    axes.set_xscale("log" if log_x else "linear")
    axes.set_yscale("log" if log_y else "linear")
    for value, look in zip(groups, looks, strict=True):
        own = runs if value is None or entry.by is None else runs.filter(pl.col(entry.by) == value)
        points = _means(own, entry.x, entry.y)
        name = "measured" if value is None or entry.by is None else f"{label_of(study, entry.by)} {written(study, entry.by, value)}"
        _draw_series(axes, [(places[x], interval) for x, interval in points], look, name, divisor)
        _draw_curves(axes, study, own, entry, places, look, divisor, named=look is looks[0])
    for reference in entry.reference:
        if reference.points:
            xs, ys = zip(*reference.points, strict=True)
            heights = [y / divisor for y in ys]
            axes.plot(xs, heights, linestyle="none", marker="x", markersize=9, markeredgewidth=1.8, color=INK, label=reference.label, zorder=4)
    _finish(axes, study, entry, places, numeric, log_x)
    if not log_y:
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))


def _means(runs: pl.DataFrame, x: str, y: str) -> list[tuple[Any, Interval]]:
    """Return (x, mean and interval) over all runs with that x, sorted by x."""
    found = []
    for (value,), rows in runs.drop_nulls(y).sort(x, "run").group_by(x, maintain_order=True):
        interval = mean_interval(rows[y].to_list())
        if interval is not None:
            found.append((value, interval))
    return found


def _draw_series(axes: Axes, points: Sequence[tuple[float, Interval]], look: Series, name: str, divisor: float) -> None:
    xs = [x for x, _ in points]
    axes.plot(xs, [each.mean / divisor for _, each in points], color=look.color, linestyle=look.dash, marker=look.marker, markersize=4.5, label=name, zorder=3)
    bands = [(x, each.low / divisor, each.high / divisor) for x, each in points if each.low is not None and each.high is not None]
    if bands:
        axes.fill_between([x for x, *_ in bands], [low for _, low, _ in bands], [high for *_, high in bands], color=look.color, alpha=0.18, linewidth=0)
        axes.vlines([x for x, *_ in bands], [low for _, low, _ in bands], [high for *_, high in bands], color=look.color, linewidth=1.0)


def _draw_curves(axes: Axes, study: Study, runs: pl.DataFrame, entry: Lines, places: dict[Any, float], look: Series, divisor: float, *, named: bool) -> None:
    """Draw each published curve at the combinations that were measured, joined by straight lines."""
    for number, reference in enumerate(entry.reference):
        if reference.curve is None:
            continue
        rows = runs.unique("cell", keep="first").sort(entry.x).iter_rows(named=True)
        found = [(places[row[entry.x]], value) for row in rows if (value := computed(reference.curve, row)) is not None]
        color = INK if entry.by is None else look.color
        axes.plot([x for x, _ in found], [y / divisor for _, y in found], color=color, linewidth=1.0, linestyle=((0, (1, 1.2)), (0, (4, 1, 1, 1)))[number % 2],
                  label=reference.label if named else None, zorder=2)  # fmt: skip


def _finish(axes: Axes, study: Study, entry: Lines, places: dict[Any, float], numeric: bool, log: bool) -> None:
    """Name the axes; where a parameter has few values, mark just those, as the spec writes them."""
    from matplotlib.ticker import NullFormatter, NullLocator

    axes.set_xlabel(label_of(study, entry.x))
    axes.set_ylabel(label_of(study, entry.y))
    if not numeric or len(places) <= 9:
        axes.set_xticks(list(places.values()), [written(study, entry.x, value) for value in places])
        axes.xaxis.set_minor_locator(NullLocator())
    elif log:
        axes.xaxis.set_minor_formatter(NullFormatter())
    if "y" in entry.log:
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("{x:g}")
    if entry.panels is None:
        legend(axes, columns=4)
    else:  # the place above a panel is its title's
        axes.legend(loc="best")


# ------------------------------------------------------------------------------------------- heat maps and ellipses


def _draw_heat_map(axes: Axes, study: Study, runs: pl.DataFrame, entry: HeatMap, everything: pl.DataFrame) -> None:
    """Draw one field per pair of values; all panels share one colour scale, and each field says its number."""
    import numpy as np
    import polars as pl

    divisor, _ = scale_of(study, entry.value)
    xs, ys = ordered(study, everything, entry.x), ordered(study, everything, entry.y)
    means = {(row[0], row[1]): row[2] / divisor for row in runs.group_by(entry.x, entry.y).agg(pl.col(entry.value).mean()).iter_rows() if row[2] is not None}
    fields = sorted({entry.x, entry.y, entry.panels or entry.x})
    every = everything.group_by(fields).agg(pl.col(entry.value).mean())[entry.value].drop_nulls() / divisor
    field = np.array([[means.get((x, y), np.nan) for x in xs] for y in ys], dtype=float)
    low, high = (float(every.min()), float(every.max())) if len(every) else (0.0, 1.0)  # type: ignore[arg-type]
    image = axes.imshow(field, origin="lower", aspect="auto", cmap="cividis", vmin=low, vmax=high)
    for row in range(len(ys)):
        for column in range(len(xs)):
            value = field[row, column]
            words = "–" if np.isnan(value) else f"{value:.3g}"
            dark = not np.isnan(value) and value < (low + high) / 2
            axes.text(column, row, words, ha="center", va="center", fontsize=8, color=PAPER if dark else INK)
    axes.set_xticks(range(len(xs)), [written(study, entry.x, value) for value in xs])
    axes.set_yticks(range(len(ys)), [written(study, entry.y, value) for value in ys])
    axes.set_xlabel(label_of(study, entry.x))
    axes.set_ylabel(label_of(study, entry.y))
    axes.grid(False)
    axes.figure.colorbar(image, ax=axes, label=label_of(study, entry.value), shrink=0.9)


def _draw_ellipses(axes: Axes, study: Study, runs: pl.DataFrame, entry: Ellipses, everything: pl.DataFrame) -> None:
    """Draw a point per run, the mean, and one standard deviation around it along the directions in which the runs vary."""
    import polars as pl

    from tcpexp.plots.tradeoff import LEAST_POINTS, ellipse_of

    (dx, _), (dy, _) = scale_of(study, entry.x), scale_of(study, entry.y)
    values = ordered(study, everything, entry.by)
    for value, look in zip(values, series_of(str(each) for each in values).values(), strict=True):
        own = runs.filter(pl.col(entry.by) == value).drop_nulls([entry.x, entry.y])
        if own.height == 0:
            continue
        x, y = own[entry.x].to_numpy() / dx, own[entry.y].to_numpy() / dy
        axes.scatter(x, y, color=look.color, marker=look.marker, s=14, alpha=0.55, linewidth=0, label=written(study, entry.by, value))
        axes.plot([x.mean()], [y.mean()], color=look.color, marker="+", markersize=10, markeredgewidth=2)
        if own.height >= LEAST_POINTS and x.std() > 0 and y.std() > 0:
            axes.add_patch(ellipse_of(x, y, look))
    axes.set_xlabel(label_of(study, entry.x))
    axes.set_ylabel(label_of(study, entry.y))
    axes.tick_params(colors=SOFT_INK)
    legend(axes)


_DRAW: dict[type, Any] = {Lines: _draw_lines, HeatMap: _draw_heat_map, Ellipses: _draw_ellipses}
