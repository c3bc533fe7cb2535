"""Lines and markers of a sketch; methods are named and meant as matplotlib's."""

from __future__ import annotations

import math
from typing import Any

from tcpexp.plots.kit.look import PALETTE
from tcpexp.plots.kit.sketchlegend import Handle
from tcpexp.plots.kit.sketchspace import Frame, Space, floats, spread
from tcpexp.plots.kit.svgparts import (
    STROKED,
    dashes,
    line_path,
    looks,
    marker_path,
    number,
    straight,
    stroke,
)


class Lines(Space):
    """Draws lines and markers, and keeps what has a label for the legend."""

    handles: list[Handle]
    _colors = 0

    def plot(
        self,
        xs: Any,
        ys: Any,
        *,
        color: str | None = None,
        linestyle: Any = "-",
        linewidth: float = 1.4,
        marker: str | None = None,
        markersize: float = 6.0,
        markerfacecolor: str | None = None,
        markeredgecolor: str | None = None,
        markeredgewidth: float = 1.0,
        markevery: tuple[int, int] | None = None,
        fillstyle: str = "full",
        label: str | None = None,
        drawstyle: str = "default",
        alpha: float | None = None,
        zorder: float = 2.0,
        transform: Frame = "data",
        clip_on: bool = True,
        solid_capstyle: str | None = None,
        scalex: bool = True,
        scaley: bool = True,
        rasterized: bool = False,
    ) -> None:
        """Draw a line through points, or a marker at each."""
        x, y = floats(xs), floats(ys)
        if color is None:
            color = PALETTE[self._colors % len(PALETTE)]
            self._colors += 1
        if transform == "data":
            self.dataLim.take(x, y)
        solid = linestyle != "none"
        dash = dashes(linestyle, linewidth) if solid else None
        filled = "none" if fillstyle == "none" or marker in STROKED else markerfacecolor or color
        edge = markeredgecolor or color
        if label:
            shown = Handle(
                label,
                color,
                linewidth if solid else 0.0,
                dash,
                marker,
                min(markersize, 6.0),
                filled,
                edge,
                markeredgewidth,
            )
            self.handles.append(shown)
        steps = drawstyle == "steps-post"

        def draw() -> str:
            places = self._pixels(x, y, transform)
            text = ""
            if solid:
                line = stroke(color, linewidth, dash, alpha)
                text = f'<path d="{line_path(places, steps=steps)}"{line}/>'
            if marker:
                chosen = places if markevery is None else places[markevery[0] :: markevery[1]]
                outline = looks(
                    fill=filled, stroke=edge, stroke_width=float(markeredgewidth), opacity=alpha
                )
                text += f'<path d="{marker_path(marker, chosen, markersize / 2)}"{outline}/>'
            return self._clipped(text) if clip_on and transform == "data" else text

        self._items.append((zorder, draw))

    def scatter(
        self,
        xs: Any,
        ys: Any,
        *,
        color: str,
        marker: str,
        s: float,
        alpha: float,
        linewidth: float,
        label: str,
    ) -> None:
        """Draw a marker of ``s`` square points at each point."""
        size = math.sqrt(s)
        self.plot(
            xs,
            ys,
            color=color,
            linestyle="none",
            marker=marker,
            markersize=size,
            alpha=alpha,
            markeredgewidth=linewidth,
            label=label,
        )

    def vlines(
        self,
        xs: Any,
        lows: Any,
        highs: Any,
        *,
        color: str,
        linewidth: float = 1.4,
        label: str | None = None,
    ) -> None:
        """Draw a vertical line at each x, from a low to a high."""
        x = floats(xs)
        low, high = spread(lows, len(x)), spread(highs, len(x))
        self.dataLim.take(x, [*low, *high])
        if label:
            self.handles.append(Handle(label, color, linewidth))

        def draw() -> str:
            pairs = zip(self._pixels(x, low), self._pixels(x, high), strict=True)
            path = "".join(
                f"M{number(bottom[0])} {number(bottom[1])}V{number(top[1])}"
                for bottom, top in pairs
            )
            return self._clipped(f'<path d="{path}"{stroke(color, linewidth)}/>')

        self._items.append((2.0, draw))

    def axhline(
        self,
        y: float,
        *,
        color: str,
        linewidth: float = 1.4,
        linestyle: Any = "-",
        label: str | None = None,
    ) -> None:
        """Draw a level line across the axes."""
        self.dataLim.take(ys=[float(y)])
        dash = dashes(linestyle, linewidth)
        if label:
            self.handles.append(Handle(label, color, linewidth, dash))

        def draw() -> str:
            left, _, right, _ = self._edges()
            height = self._pixels([0.0], [float(y)])[0][1]
            return self._clipped(straight(left, height, right, height, color, linewidth, dash))

        self._items.append((2.0, draw))

    def axvline(
        self, x: float, *, color: str, linewidth: float, linestyle: Any = "-", zorder: float = 2.0
    ) -> None:
        """Draw an upright line across the axes."""
        self.dataLim.take(xs=[float(x)])

        def draw() -> str:
            _, top, _, bottom = self._edges()
            across = self._pixels([float(x)], [0.0])[0][0]
            return self._clipped(
                straight(
                    across, top, across, bottom, color, linewidth, dashes(linestyle, linewidth)
                )
            )

        self._items.append((zorder, draw))
