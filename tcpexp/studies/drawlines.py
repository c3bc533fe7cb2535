"""Lines of a study: means with intervals over a parameter, and published values beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tcpexp.batch.measure import computed
from tcpexp.late import polars as pl
from tcpexp.plots.kit.look import INK, PAPER, Series, series_of
from tcpexp.spec.study import Lines
from tcpexp.studies.figurewords import interval_of, label_of, ordered, scale_of, written
from tcpexp.studies.statistics import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tcpexp.studies.study import Study

CURVE_DASHES: tuple[Any, ...] = ((0, (1, 1.2)), (0, (4, 1, 1, 1)))
#: With more values than this, an axis of numbers marks some of them only.
MOST_TICKS = 9
#: (x, mean and interval, whether all of its runs are there)
#: A logarithmic axis that spans more than this factor has numbers at the powers of ten only.
MANY_DECADES = 100
Point = tuple[float, Interval, bool]


def draw_lines(
    axes: Axes, study: Study, runs: pl.DataFrame, entry: Lines, everything: pl.DataFrame
) -> None:
    """Draw one panel; ``everything`` are the runs of all panels, so that all have the same places
    and looks.
    """
    divisor, _ = scale_of(study, entry.y)
    values = ordered(study, everything, entry.x)
    numeric = runs.schema[entry.x] == pl.Float64() and not (
        "x" in entry.log and any(value <= 0 for value in values)
    )
    places = {value: value if numeric else float(index) for index, value in enumerate(values)}
    groups = ordered(study, everything, entry.by) if entry.by is not None else [None]
    looks = list(series_of(str(group) for group in groups).values())
    log_x, log_y = "x" in entry.log and numeric, "y" in entry.log
    axes.set_xscale("log" if log_x else "linear")
    axes.set_yscale("log" if log_y else "linear")
    for value, look in zip(groups, looks, strict=True):
        group_runs = (
            runs if value is None or entry.by is None else runs.filter(pl.col(entry.by) == value)
        )
        name = (
            "measured"
            if value is None or entry.by is None
            else f"{label_of(study, entry.by)} {written(study, entry.by, value)}"
        )
        _draw_series(axes, _points(group_runs, entry, places), look, name, divisor)
        _draw_curves(axes, study, group_runs, entry, places, look, divisor, named=look is looks[0])
    for reference in entry.reference:
        if reference.points:
            xs, ys = zip(*reference.points, strict=True)
            heights = [y / divisor for y in ys]
            axes.plot(
                xs,
                heights,
                linestyle="none",
                marker="x",
                markersize=9,
                markeredgewidth=1.8,
                color=INK,
                label=reference.label,
                zorder=4,
            )
    _name_axes(axes, study, entry, places, numeric, log_x)
    if log_y:
        name_decades(axes)
    else:
        _make_room(axes)


def _points(runs: pl.DataFrame, entry: Lines, places: dict[Any, float]) -> list[Point]:
    """Return the points of one line, sorted by x."""
    points = []
    for (value,), rows in runs.sort("run").group_by(entry.x, maintain_order=True):
        interval = interval_of(rows, entry.y)
        if interval is not None:
            points.append((places[value], interval, interval.count == rows.height))
    return sorted(points, key=lambda point: point[0])


def _draw_series(
    axes: Axes, points: Sequence[Point], look: Series, name: str, divisor: float
) -> None:
    """Draw the means, joined, with their intervals; a mean of which runs are missing is hollow."""
    xs, ys = [x for x, *_ in points], [interval.mean / divisor for _, interval, _ in points]
    axes.plot(
        xs,
        ys,
        color=look.color,
        linestyle=look.dash,
        marker=look.marker,
        markersize=4.5,
        label=name,
        zorder=3,
    )
    hollow = [(x, interval.mean / divisor) for x, interval, whole in points if not whole]
    if hollow:
        axes.plot(
            *zip(*hollow, strict=True),
            linestyle="none",
            marker=look.marker,
            markersize=6,
            markerfacecolor=PAPER,
            markeredgecolor=look.color,
            zorder=4,
        )
    bands = [
        (x, interval.low / divisor, interval.high / divisor)
        for x, interval, _ in points
        if interval.low is not None and interval.high is not None
    ]
    if bands:
        axes.fill_between(
            [x for x, *_ in bands],
            [low for _, low, _ in bands],
            [high for *_, high in bands],
            color=look.color,
            alpha=0.18,
            linewidth=0,
        )
        axes.vlines(
            [x for x, *_ in bands],
            [low for _, low, _ in bands],
            [high for *_, high in bands],
            color=look.color,
            linewidth=1.0,
        )


def _draw_curves(
    axes: Axes,
    study: Study,
    runs: pl.DataFrame,
    entry: Lines,
    places: dict[Any, float],
    look: Series,
    divisor: float,
    *,
    named: bool,
) -> None:
    """Draw each published curve at the combinations that were measured, joined by straight lines.

    Once where all lines have the same.
    """
    for number, reference in enumerate(entry.reference):
        if reference.curve is None:
            continue
        rows = runs.unique("cell", keep="first").sort(entry.x).iter_rows(named=True)
        points = [
            (places[row[entry.x]], value)
            for row in rows
            if (value := computed(reference.curve, row)) is not None
        ]
        follows_group = entry.by is not None and follows(study, reference.names(), entry.by)
        if not follows_group and not named:
            continue
        axes.plot(
            [x for x, _ in points],
            [y / divisor for _, y in points],
            color=look.color if follows_group else INK,
            linewidth=1.0,
            linestyle=CURVE_DASHES[number % 2],
            label=reference.label if named else None,
            zorder=2,
        )


def _make_room(axes: Axes) -> None:
    """Begin a linear axis at 0, or below where there is something, with room at both ends.

    Panels that share it only widen it.
    """
    bottom, top = axes.get_ylim()
    least, most = float(axes.dataLim.y0), float(axes.dataLim.y1)
    if math.isfinite(least) and math.isfinite(most):
        room = 0.05 * (max(most, 0.0) - min(least, 0.0))
        bottom, top = min(bottom, least - room if least < 0 else 0.0), max(top, most + room)
    axes.set_ylim(min(bottom, 0.0), top)


def follows(study: Study, names: frozenset[str], by: str) -> bool:
    """Return whether an expression of ``names`` can differ along the parameter ``by``: it names it,
    or something computed from it, or measured.
    """
    for name in names:
        measure, parameter = study.sweep.measures.get(name), study.sweep.parameters.get(name)
        if name == by or (measure is not None and measure.is_ is None):
            return True
        # not what it sets: that may name the parameter itself
        expression = parameter.expression() if parameter is not None else None
        if follows(
            study,
            (
                measure.names()
                if measure is not None
                else expression.names
                if expression is not None
                else frozenset()
            ),
            by,
        ):
            return True
    return False


def name_decades(axes: Axes) -> None:
    """Write numbers on a logarithmic axis.

    A short axis has them on every mark, a longer one on 1, 2 and 5 of each decade, a long one on
    the decades.
    """
    low, high = axes.get_ylim()
    decades = math.log10(high / low)
    wanted = range(1, 10) if decades < 1 else (1, 2, 5) if decades < 2.5 else (1,)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(
        lambda x, _: f"{x:g}" if round(x / 10 ** math.floor(math.log10(x) + 1e-9)) in wanted else ""
    )


def _name_axes(
    axes: Axes, study: Study, entry: Lines, places: dict[Any, float], numeric: bool, log: bool
) -> None:
    """Name the axes, and mark the values as the spec writes them; of many, some."""
    from matplotlib.ticker import NullFormatter, NullLocator

    axes.set_xlabel(label_of(study, entry.x))
    axes.set_ylabel(label_of(study, entry.y))
    step = 1 if not numeric else -(-len(places) // MOST_TICKS)
    marked = dict(list(places.items())[::step])
    axes.set_xticks(list(marked.values()), [written(study, entry.x, value) for value in marked])
    axes.xaxis.set_minor_locator(NullLocator())
    if log:
        axes.xaxis.set_minor_formatter(NullFormatter())
    low, high = axes.get_ylim()
    if axes.get_yscale() == "log" and high > MANY_DECADES * low:
        axes.yaxis.set_minor_formatter(NullFormatter())
