"""Heat maps and throughput/delay ellipses of a study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcpexp.late import numpy as np
from tcpexp.late import polars as pl
from tcpexp.plots.kit.look import INK, PAPER, SOFT_INK, series_of
from tcpexp.plots.kit.shapes import draw_ellipse
from tcpexp.plots.tradeoff import LEAST_POINTS, ellipse_of
from tcpexp.spec.study import Ellipses, HeatMap
from tcpexp.studies.figurewords import interval_of, label_of, ordered, scale_of, written

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tcpexp.studies.study import Study

#: Yellow to blue, its lightness falls evenly; readable with any common colour vision, and in print.
COLOURS = "cividis"


def draw_heat_map(
    axes: Axes, study: Study, runs: pl.DataFrame, entry: HeatMap, everything: pl.DataFrame
) -> None:
    """Draw one field per pair of values; all panels share one colour scale.

    Each field says its mean and, below it, half its interval's width. A field without a finished
    run is hatched. One of which runs are missing says how many there are.
    """
    from matplotlib.patches import Rectangle

    divisor, _ = scale_of(study, entry.value)
    xs, ys = ordered(study, everything, entry.x), ordered(study, everything, entry.y)
    field = np.full((len(ys), len(xs)), np.nan)
    words: dict[tuple[int, int], str] = {}
    for (x, y), rows in runs.group_by(entry.x, entry.y, maintain_order=True):
        interval = interval_of(rows, entry.value)
        at = ys.index(y), xs.index(x)
        if interval is not None:
            field[at] = interval.mean / divisor
            words[at] = field_words(
                interval.mean / divisor,
                None if interval.low is None else interval.half_width / divisor,
                interval.count,
                rows.height,
            )
    low, high = _limits(everything, entry, divisor)
    image = axes.imshow(
        field,
        origin="lower" if everything.schema[entry.y] == pl.Float64() else "upper",
        aspect="auto",
        cmap=COLOURS,
        vmin=low,
        vmax=high,
    )
    for row in range(len(ys)):
        for column in range(len(xs)):
            if (row, column) in words:
                colour = readable_on(image.cmap(image.norm(field[row, column])))
                axes.text(
                    column,
                    row,
                    words[row, column],
                    ha="center",
                    va="center",
                    fontsize=7.5,
                    linespacing=1.05,
                    color=colour,
                )
            else:
                axes.add_patch(
                    Rectangle(
                        (column - 0.5, row - 0.5),
                        1,
                        1,
                        facecolor=PAPER,
                        edgecolor=SOFT_INK,
                        hatch="///",
                        linewidth=0,
                    )
                )
    axes.set_xticks(range(len(xs)), [written(study, entry.x, value) for value in xs])
    axes.set_yticks(range(len(ys)), [written(study, entry.y, value) for value in ys])
    axes.set_xlabel(label_of(study, entry.x))
    axes.set_ylabel(label_of(study, entry.y))
    axes.grid(False)


def field_words(mean: float, half: float | None, count: int, planned: int) -> str:
    """Return what a field says: ``93.1``, with its interval ``93.1\n± 0.4``, and with missing runs
    ``93.1\n2 of 3``.
    """
    first = f"{mean:.3g}" if abs(mean) < 1000 else f"{mean:,.0f}"
    if count < planned:
        return f"{first}\n{count} of {planned}"
    return first if half is None else f"{first}\n± {half:.2g}"


def _limits(everything: pl.DataFrame, entry: HeatMap, divisor: float) -> tuple[float, float]:
    """Return the ends of the colour scale, those of all panels' means."""
    fields = sorted({entry.x, entry.y, entry.panels or entry.x})
    done = everything.filter(pl.col("status") == "complete")
    means = (
        done.group_by(fields).agg(pl.col(entry.value).mean())[entry.value].drop_nulls() / divisor
    )
    return (float(means.min()), float(means.max())) if len(means) else (0.0, 1.0)  # type: ignore[arg-type]


def readable_on(colour: Any) -> str:
    """Return whichever of white and ink has the larger contrast with ``colour`` (red, green, blue
    from 0 to 1), as WCAG 2 counts it.
    """
    from matplotlib.colors import to_rgb

    ground = _luminance(colour)
    white, ink = (
        (max(light, ground) + 0.05) / (min(light, ground) + 0.05)
        for light in (_luminance(to_rgb(PAPER)), _luminance(to_rgb(INK)))
    )
    return PAPER if white > ink else INK


def _luminance(colour: Any) -> float:
    """Return the relative luminance of a colour in sRGB, 0 to 1."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour[:3]
    )
    return float(0.2126 * red + 0.7152 * green + 0.0722 * blue)


def draw_ellipses(
    axes: Axes, study: Study, runs: pl.DataFrame, entry: Ellipses, everything: pl.DataFrame
) -> None:
    """Draw a point per run, the mean, and one standard deviation around it along the directions in
    which the runs vary.
    """
    (dx, _), (dy, _) = scale_of(study, entry.x), scale_of(study, entry.y)
    values = ordered(study, everything, entry.by)
    for value, look in zip(values, series_of(str(value) for value in values).values(), strict=True):
        group = runs.filter(pl.col(entry.by) == value, pl.col("status") == "complete").drop_nulls(
            [entry.x, entry.y]
        )
        if group.height == 0:
            continue
        x, y = group[entry.x].to_numpy() / dx, group[entry.y].to_numpy() / dy
        axes.scatter(
            x,
            y,
            color=look.color,
            marker=look.marker,
            s=20,
            alpha=0.75,
            linewidth=0,
            label=written(study, entry.by, value),
            zorder=3,
        )
        axes.plot(
            [x.mean()], [y.mean()], color=look.color, marker="+", markersize=9, markeredgewidth=1.4
        )
        if group.height >= LEAST_POINTS and x.std() > 0 and y.std() > 0:
            draw_ellipse(axes, *ellipse_of(x, y), look)
    axes.set_xlabel(label_of(study, entry.x))
    axes.set_ylabel(label_of(study, entry.y))
    axes.tick_params(colors=SOFT_INK)
    axes.margins(0.08)
