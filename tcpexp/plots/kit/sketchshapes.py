"""Filled shapes, texts and arrows of a sketch; most methods are named and meant as matplotlib's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from tcpexp.plots.kit.look import INK, PAPER
from tcpexp.plots.kit.sketchspace import Box, Frame, Space, floats
from tcpexp.plots.kit.svgparts import (
    arrow_head,
    dashes,
    letters,
    line_path,
    looks,
    point,
    rectangle,
    straight,
    stroke,
    text_box,
)


class Shapes(Space):
    """Draws bars, areas, boxes, arrows and texts."""

    def barh(
        self,
        y: float,
        width: float,
        *,
        left: float,
        height: float,
        color: str,
        hatch: str = "",
        edgecolor: str = PAPER,
        linewidth: float = 0.6,
        zorder: float = 1.0,
    ) -> None:
        """Draw a level bar around ``y``."""
        self.broken_barh(
            [(left, width)],
            (y - height / 2, height),
            facecolor=color,
            hatch=hatch,
            edgecolor=edgecolor,
            linewidth=linewidth,
            zorder=zorder,
        )

    def broken_barh(
        self,
        ranges: Sequence[tuple[float, float]],
        span: tuple[float, float],
        *,
        facecolor: str,
        transform: Frame = "data",
        hatch: str = "",
        edgecolor: str | None = None,
        linewidth: float = 0.0,
        alpha: float | None = None,
        zorder: float = 1.0,
    ) -> None:
        """Draw bars of one height: begins and widths along x; lower edge and height along y."""
        if transform == "data":
            self.dataLim.take(
                [value for start, width in ranges for value in (start, start + width)],
                [span[0], sum(span)],
            )
        shapes = [
            ([a, a + w, a + w, a], [span[0], span[0], sum(span), sum(span)]) for a, w in ranges
        ]
        self.polygons(
            shapes,
            facecolor,
            hatch=hatch,
            edgecolor=edgecolor,
            linewidth=linewidth,
            alpha=alpha,
            zorder=zorder,
            transform=transform,
        )

    def stackplot(
        self,
        xs: Any,
        bands: Sequence[Any],
        *,
        colors: Sequence[str],
        alpha: float,
        edgecolor: str,
        linewidth: float,
    ) -> None:
        """Draw areas one upon the other."""
        x = floats(xs)
        below = [0.0] * len(x)
        for band, color in zip(bands, colors, strict=True):
            above = [a + b for a, b in zip(below, floats(band), strict=True)]
            self.dataLim.take(x, [*below, *above])
            self.polygons(
                [([*x, *x[::-1]], [*above, *below[::-1]])],
                color,
                edgecolor=edgecolor,
                linewidth=linewidth,
                alpha=alpha,
                zorder=1.0,
            )
            below = above

    def polygons(
        self,
        shapes: Sequence[tuple[Sequence[float], Sequence[float]]],
        facecolor: str,
        *,
        hatch: str = "",
        edgecolor: str | None = None,
        linewidth: float = 0.0,
        alpha: float | None = None,
        zorder: float = 1.0,
        transform: Frame = "data",
        dash: Any = "-",
    ) -> None:
        """Fill closed shapes, given by their corners' x and y. Not a call of matplotlib's."""

        def draw() -> str:
            path = "".join(line_path(self._pixels(x, y, transform)) + "z" for x, y in shapes)
            edge = edgecolor if linewidth else None
            look = looks(
                fill=facecolor,
                stroke=edge,
                stroke_width=float(linewidth) if edge else None,
                stroke_dasharray=dashes(dash, linewidth),
                opacity=alpha,
            )
            text = f'<path d="{path}"{look}/>'
            if hatch:
                text += f'<path d="{path}" fill="url(#{self._hatch(hatch)})"/>'
            return self._clipped(text)

        self._items.append((zorder, draw))

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        transform: Frame = "data",
        ha: str = "left",
        va: str = "baseline",
        fontsize: float = 9.0,
        color: str = INK,
        fontweight: str = "normal",
        style: str = "normal",
        rotation: float = 0.0,
        rotation_mode: str | None = None,
        bbox: dict[str, Any] | None = None,
        zorder: float = 3.0,
        clip_on: bool = False,
        linespacing: float = 1.2,
    ) -> None:
        """Write a text; a ``bbox`` is a box behind it, or paper around turned letters."""
        around = bbox is not None and bbox.get("alpha", 1.0) > 0
        bold = fontweight == "bold"

        def draw() -> str:
            across, down = self._pixels([float(x)], [float(y)], transform)[0]
            behind = (
                text_box((across, down), text, fontsize, ha, va, bold, bbox or {})
                if around and not rotation
                else ""
            )
            return behind + letters(
                across,
                down,
                text,
                size=fontsize,
                color=color,
                ha=ha,
                va=va,
                bold=bold,
                italic=style == "italic",
                turn=rotation,
                halo=around and bool(rotation),
                spacing=linespacing,
            )

        self._items.append((zorder, draw))

    def annotate(
        self,
        text: Literal[""],
        *,
        xy: tuple[float, float],
        xytext: tuple[float, float],
        arrowprops: dict[str, Any],
    ) -> None:
        """Draw a straight arrow from ``xytext`` to ``xy``."""
        color, width, scale = (
            arrowprops["color"],
            arrowprops["linewidth"],
            arrowprops.get("mutation_scale", 10),
        )

        def draw() -> str:
            (x0, y0), (x1, y1) = self._pixels([xytext[0], xy[0]], [xytext[1], xy[1]])
            line = straight(x0, y0, x1, y1, color, width)
            return (
                line
                if arrowprops["arrowstyle"] == "-"
                else line + arrow_head(x1, y1, x0, y0, scale, color)
            )

        self._items.append((3.0, draw))

    def curve(
        self,
        start: tuple[float, float],
        end: tuple[float, float],
        bend: float,
        *,
        color: str,
        linewidth: float,
        scale: float,
        zorder: float,
    ) -> None:
        """Draw a bent arrow, as matplotlib's connection style ``arc3`` bends it.

        Not a call of matplotlib's.
        """

        def draw() -> str:
            (x0, y0), (x1, y1) = self._pixels([start[0], end[0]], [start[1], end[1]])
            middle = (x0 + x1) / 2 - bend * (y1 - y0), (y0 + y1) / 2 + bend * (x1 - x0)
            path = f'<path d="M{point(x0, y0)}Q{point(*middle)} {point(x1, y1)}"'
            return f"{path}{stroke(color, linewidth)}/>" + arrow_head(x1, y1, *middle, scale, color)

        self._items.append((zorder, draw))

    def box(
        self, place: Box, *, facecolor: str, edgecolor: str, linewidth: float, zorder: float
    ) -> None:
        """Draw a box with round corners, given as data. Not a call of matplotlib's."""

        def draw() -> str:
            (x0, y0), (x1, y1) = self._pixels(
                [place[0], place[0] + place[2]], [place[1], place[1] + place[3]]
            )
            size = rectangle(min(x0, x1), min(y0, y1), abs(x1 - x0), abs(y1 - y0))
            look = looks(fill=facecolor, stroke=edgecolor, stroke_width=float(linewidth))
            return f'<rect {size} rx="6"{look}/>'

        self._items.append((zorder, draw))
