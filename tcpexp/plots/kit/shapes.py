"""Shapes for which matplotlib needs classes of its own, on its axes or on a sketch's."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tcpexp.late import numpy as np
from tcpexp.plots.kit.sketchlegend import Handle
from tcpexp.plots.kit.style import is_sketch

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from tcpexp.plots.kit.look import Series

Point = tuple[float, float]
#: Corners of an ellipse in a sketch.
CORNERS = 72


def legend_patch(
    axes: Axes, label: str, color: str, hatch: str, edge: str, linewidth: float = 1.0
) -> Any:
    """Return a legend's entry: a filled rectangle, hatched where ``hatch`` is not empty."""
    if is_sketch(axes):
        return Handle(label, color, patch=True, hatch=hatch)
    from matplotlib.patches import Patch

    return Patch(facecolor=color, hatch=hatch, edgecolor=edge, linewidth=linewidth, label=label)


def draw_box(
    axes: Axes, place: tuple[float, float, float, float], face: str, edge: str, linewidth: float
) -> None:
    """Draw a box with round corners; ``place`` is x, y, width and height."""
    if is_sketch(axes):
        axes.box(place, facecolor=face, edgecolor=edge, linewidth=linewidth, zorder=3)  # type: ignore[attr-defined]
        return
    from matplotlib.patches import FancyBboxPatch

    x, y, width, height = place
    look: dict[str, Any] = {
        "facecolor": face,
        "edgecolor": edge,
        "linewidth": linewidth,
        "zorder": 3,
    }
    axes.add_patch(
        FancyBboxPatch((x, y), width, height, boxstyle="round,pad=0,rounding_size=0.06", **look)
    )


def draw_curve(
    axes: Axes, start: Point, end: Point, bend: float, color: str, linewidth: float
) -> None:
    """Draw an arrow that bends to its right, by half of ``bend`` times its length."""
    if is_sketch(axes):
        axes.curve(start, end, bend, color=color, linewidth=linewidth, scale=11, zorder=2)  # type: ignore[attr-defined]
        return
    from matplotlib.patches import FancyArrowPatch

    look: dict[str, Any] = {
        "arrowstyle": "-|>",
        "mutation_scale": 11,
        "linewidth": linewidth,
        "color": color,
        "shrinkA": 1,
        "shrinkB": 1,
        "zorder": 2,
    }
    axes.add_patch(FancyArrowPatch(start, end, connectionstyle=f"arc3,rad={bend}", **look))


def draw_ellipse(
    axes: Axes, center: Point, width: float, height: float, angle: float, look: Series
) -> None:
    """Draw the outline of an ellipse whose ``width`` lies ``angle`` degrees from the axis of x."""
    if is_sketch(axes):
        turn = math.radians(angle)
        steps = [2 * math.pi * index / CORNERS for index in range(CORNERS)]
        along = [(width / 2 * math.cos(step), height / 2 * math.sin(step)) for step in steps]
        xs = [center[0] + a * math.cos(turn) - b * math.sin(turn) for a, b in along]
        ys = [center[1] + a * math.sin(turn) + b * math.cos(turn) for a, b in along]
        axes.polygons([(xs, ys)], "none", edgecolor=look.color, linewidth=1.3, dash=look.dash)  # type: ignore[attr-defined]
        return
    from matplotlib.patches import Ellipse

    axes.add_patch(
        Ellipse(
            center,
            width,
            height,
            angle=angle,
            facecolor="none",
            edgecolor=look.color,
            linestyle=look.dash,
            linewidth=1.3,
        )
    )


def draw_rectangles(
    axes: Axes, left: NDArray[Any], right: NDArray[Any], low: float, high: float, color: str
) -> None:
    """Fill rectangles of one height as one shape."""
    if is_sketch(axes):
        shapes = [
            ([a, b, b, a], [low, low, high, high])
            for a, b in zip(left.tolist(), right.tolist(), strict=True)
        ]
        axes.polygons(shapes, color)  # type: ignore[attr-defined]
        return
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    top, bottom = np.full_like(left, low), np.full_like(left, high)
    corners = np.stack(
        [left, bottom, left, top, right, top, right, bottom, left, bottom], axis=1
    ).reshape(-1, 2)
    codes = np.tile([Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY], len(left))
    axes.add_patch(PathPatch(Path(corners, codes), facecolor=color, linewidth=0))
