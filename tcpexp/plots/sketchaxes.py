"""The axes of a :class:`tcpexp.plots.sketch.SketchFigure`: they take note of what is drawn and write it once their limits are known."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from tcpexp.plots.sketchlegend import Handle, SketchLegend
from tcpexp.plots.style import INK, PALETTE, PAPER, SOFT_INK
from tcpexp.plots.svgparts import (
    STROKED,
    arrow_head,
    dashes,
    hatch,
    letters,
    line_path,
    looks,
    marker_path,
    number,
    rectangle,
    straight,
    stroke,
    text_box,
)
from tcpexp.plots.ticks import tick_labels, ticks

#: How the numbers of a place are meant: both are data, both are parts of the axes, or only y is.
Frame = Literal["data", "axes", "xaxis"]
Box = tuple[float, float, float, float]
MARGIN = 0.05


@dataclass
class Limits:
    """The smallest and largest values that were drawn; x0 > x1 when there are none."""

    x0: float = math.inf
    x1: float = -math.inf
    y0: float = math.inf
    y1: float = -math.inf

    def take(self, xs: Sequence[float] = (), ys: Sequence[float] = ()) -> None:
        """Widen them by values that may hold NaN."""
        for low, high, values in (("x0", "x1", xs), ("y0", "y1", ys)):
            known = [each for each in values if not math.isnan(each)]
            if known:
                setattr(self, low, min(getattr(self, low), *known))
                setattr(self, high, max(getattr(self, high), *known))

    def update_from_data_y(self, values: Sequence[float], ignore: bool) -> None:
        """Widen them by values of y."""
        self.take(ys=values)

    def frozen(self) -> Limits:
        """Return a copy."""
        return replace(self)

    def set(self, other: Limits) -> None:
        """Become ``other``."""
        self.__dict__.update(other.__dict__)


@dataclass(frozen=True)
class Place:
    """A part of the figure, as matplotlib's ``Bbox`` has it."""

    x0: float
    y0: float
    width: float
    height: float


@dataclass
class _Axis:
    """One axis: its limits as set, its ticks as set, its title."""

    limits: tuple[float, float] | None = None
    low: float | None = None
    places: list[float] | None = None
    labels: list[str] | None = None
    size: float = 9.0
    bold: bool = False
    title: str = ""
    whole: bool = False
    grid: bool = True
    labelled: bool = True
    tick_length: float = 3.5


class SketchAxes:
    """One pair of axes. Methods are named and meant as matplotlib's."""

    def __init__(
        self, figure_points: Callable[[], tuple[float, float]], box: Box, index: int
    ) -> None:
        self._figure = figure_points
        self._place = Place(*box)
        self._items: list[tuple[float, Callable[[], str]]] = []
        self._defs: list[str] = []
        self._legend: SketchLegend | None = None
        self._title: tuple[str, dict[str, Any]] | None = None
        self._frame = True
        self._x, self._y = _Axis(), _Axis()
        self._name = ""
        self._colors = 0
        self.handles: list[Handle] = []
        self.dataLim = Limits()
        self.transAxes: Frame = "axes"

    # ------------------------------------------------------------------------------------------------- axes

    def get_xaxis_transform(self) -> Frame:
        """Return how to say that x is data and y a part of the axes."""
        return "xaxis"

    def get_position(self) -> Place:
        """Return where the axes stand."""
        return self._place

    def set_position(self, box: Box) -> None:
        """Move them."""
        self._place = Place(*box)

    def set_axis_off(self) -> None:
        """Leave out frame, ticks and grid."""
        self._frame = False

    def set_xlim(self, left: Any = None, right: float | None = None) -> None:
        """Set the limits of x; a left one alone leaves the right one to the data."""
        self._limit(self._x, left, right)

    def set_ylim(self, bottom: Any = None, top: float | None = None) -> None:
        """Set the limits of y, as :meth:`set_xlim`; the first may be the larger."""
        self._limit(self._y, bottom, top)

    @staticmethod
    def _limit(axis: _Axis, low: Any, high: float | None) -> None:
        if isinstance(low, tuple):
            low, high = low
        if high is None:
            axis.low = float(low)
        else:
            axis.limits = (float(low), float(high))

    def get_ylim(self) -> tuple[float, float]:
        """Return the limits of y."""
        return self._limits(self._y)

    def set(self, *, xlim: tuple[float, float], ylim: tuple[float, float], ylabel: str) -> None:
        """Set several things."""
        self.set_xlim(xlim)
        self.set_ylim(ylim)
        self.set_ylabel(ylabel)

    def set_xlabel(self, text: str) -> None:
        """Write below the axis of x."""
        self._x.title = text

    def set_ylabel(self, text: str) -> None:
        """Write beside the axis of y."""
        self._y.title = text

    def set_yticks(
        self,
        places: Iterable[float],
        labels: Sequence[str],
        fontsize: float = 9.0,
        fontweight: str = "normal",
    ) -> None:
        """Set the ticks of y and their labels."""
        self._y.places, self._y.labels = [float(each) for each in places], list(labels)
        self._y.size, self._y.bold = fontsize, fontweight == "bold"

    def tick_params(
        self, axis: str = "x", *, labelbottom: bool | None = None, length: float | None = None
    ) -> None:
        """Say whether x is labelled, and how long ticks are, in points."""
        chosen = self._y if axis == "y" else self._x
        if labelbottom is not None:
            self._x.labelled = labelbottom
        if length is not None:
            chosen.tick_length = length

    def whole_numbers(self) -> None:
        """Let y show whole numbers only."""
        self._y.whole = True

    def grid(self, *, visible: bool, axis: str = "both") -> None:
        """Show or hide the lines of the grid."""
        for name, each in (("x", self._x), ("y", self._y)):
            if axis in ("both", name):
                each.grid = visible

    def set_title(
        self,
        text: str,
        *,
        loc: str,
        color: str,
        fontsize: float,
        pad: float,
        zorder: float,
        bbox: Any = None,
    ) -> None:
        """Write a title at the upper left."""
        self._title = (text, {"color": color, "size": fontsize, "pad": pad})

    def get_title(self, loc: str) -> str:
        """Return the title."""
        return self._title[0] if self._title else ""

    def get_legend_handles_labels(self) -> tuple[list[Handle], list[str]]:
        """Return what has a label."""
        return self.handles, [each.label for each in self.handles]

    def legend(
        self,
        *,
        handles: list[Handle],
        ncols: int,
        columnspacing: float = 1.6,
        fontsize: float = 8.5,
        **_: Any,
    ) -> None:
        """Put a legend over the axes, at the right."""
        self._legend = SketchLegend(handles, ncols, fontsize)

    def get_legend(self) -> SketchLegend | None:
        """Return the legend."""
        return self._legend

    # ---------------------------------------------------------------------------------------------- drawing

    def plot(
        self, xs: Any, ys: Any, *, color: str | None = None, linestyle: Any = "-", linewidth: float = 1.4, marker: str | None = None,
        markersize: float = 6.0, markerfacecolor: str | None = None, markeredgecolor: str | None = None, markeredgewidth: float = 1.0,
        markevery: tuple[int, int] | None = None, fillstyle: str = "full", label: str | None = None, drawstyle: str = "default",
        alpha: float | None = None, zorder: float = 2.0, transform: Frame = "data", clip_on: bool = True, solid_capstyle: str | None = None,
        scalex: bool = True, scaley: bool = True, rasterized: bool = False,
    ) -> None:  # fmt: skip
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

    def barh(
        self, y: float, width: float, *, left: float, height: float, color: str, hatch: str = "", edgecolor: str = PAPER,
        linewidth: float = 0.6, zorder: float = 1.0,
    ) -> None:  # fmt: skip
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
        self, ranges: Sequence[tuple[float, float]], span: tuple[float, float], *, facecolor: str, transform: Frame = "data", hatch: str = "",
        edgecolor: str | None = None, linewidth: float = 0.0, alpha: float | None = None, zorder: float = 1.0,
    ) -> None:  # fmt: skip
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
        self, shapes: Sequence[tuple[Sequence[float], Sequence[float]]], facecolor: str, *, hatch: str = "", edgecolor: str | None = None,
        linewidth: float = 0.0, alpha: float | None = None, zorder: float = 1.0, transform: Frame = "data", dash: Any = "-",
    ) -> None:  # fmt: skip
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
        self, x: float, y: float, text: str, *, transform: Frame = "data", ha: str = "left", va: str = "baseline", fontsize: float = 9.0,
        color: str = INK, fontweight: str = "normal", style: str = "normal", rotation: float = 0.0, rotation_mode: str | None = None,
        bbox: dict[str, Any] | None = None, zorder: float = 3.0, clip_on: bool = False, linespacing: float = 1.2,
    ) -> None:  # fmt: skip
        """Write a text; a ``bbox`` is a box behind it, behind a turned text paper around the letters."""
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
                across, down, text, size=fontsize, color=color, ha=ha, va=va, bold=bold, italic=style == "italic", turn=rotation,
                halo=around and bool(rotation), spacing=linespacing,
            )  # fmt: skip

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
        """Draw a bent arrow, as matplotlib's connection style ``arc3`` bends it. Not a call of matplotlib's."""

        def draw() -> str:
            (x0, y0), (x1, y1) = self._pixels([start[0], end[0]], [start[1], end[1]])
            middle = (x0 + x1) / 2 - bend * (y1 - y0), (y0 + y1) / 2 + bend * (x1 - x0)
            path = f'<path d="M{number(x0)} {number(y0)}Q{number(middle[0])} {number(middle[1])} {number(x1)} {number(y1)}"'
            return f"{path}{stroke(color, linewidth)}/>" + arrow_head(x1, y1, *middle, scale, color)

        self._items.append((zorder, draw))

    def box(
        self, place: Box, *, facecolor: str, edgecolor: str, linewidth: float, zorder: float
    ) -> None:
        """Draw a box with round corners: x, y, width, height as data. Not a call of matplotlib's."""

        def draw() -> str:
            (x0, y0), (x1, y1) = self._pixels(
                [place[0], place[0] + place[2]], [place[1], place[1] + place[3]]
            )
            size = rectangle(min(x0, x1), min(y0, y1), abs(x1 - x0), abs(y1 - y0))
            return f'<rect {size} rx="6"{looks(fill=facecolor, stroke=edgecolor, stroke_width=float(linewidth))}/>'

        self._items.append((zorder, draw))

    # ---------------------------------------------------------------------------------------------- writing

    def to_svg(self, name: str) -> str:
        """Return everything that was drawn; ``name`` begins the identifiers."""
        self._name = name
        back, front = self._frame_svg() if self._frame else ("", "")
        drawn = "".join(draw() for _, draw in sorted(self._items, key=lambda each: each[0]))
        left, top, right, bottom = self._edges()
        if self._title:
            text, look = self._title
            front += letters(
                left, top - look["pad"], text, size=look["size"], color=look["color"], halo=True
            )
        if self._legend is not None:
            front += self._legend.to_svg(right, top, self._hatch)
        place = rectangle(left, top, right - left, bottom - top)
        clip = f'<clipPath id="{name}-clip"><rect {place}/></clipPath>'
        return f"<defs>{clip}{''.join(self._defs)}</defs>{back}{drawn}{front}"

    def _edges(self) -> Box:
        """Return left, top, right and bottom in points from the figure's upper left."""
        width, height = self._figure()
        place = self._place
        return (
            place.x0 * width,
            (1 - place.y0 - place.height) * height,
            (place.x0 + place.width) * width,
            (1 - place.y0) * height,
        )

    def _limits(self, axis: _Axis) -> tuple[float, float]:
        if axis.limits is not None:
            return axis.limits
        low, high = (
            (self.dataLim.x0, self.dataLim.x1)
            if axis is self._x
            else (self.dataLim.y0, self.dataLim.y1)
        )
        if low > high:
            low, high = 0.0, 1.0
        margin = (high - low) * MARGIN or 0.5
        return (low - margin if axis.low is None else axis.low), high + margin

    def _pixels(
        self, xs: Sequence[float], ys: Sequence[float], transform: Frame = "data"
    ) -> list[tuple[float, float]]:
        """Return points of the figure."""
        left, top, right, bottom = self._edges()
        x0, x1 = (0.0, 1.0) if transform == "axes" else self._limits(self._x)
        y0, y1 = (0.0, 1.0) if transform != "data" else self._limits(self._y)
        across, up = (right - left) / ((x1 - x0) or 1.0), (top - bottom) / ((y1 - y0) or 1.0)
        return [
            (left + (x - x0) * across, bottom + (y - y0) * up) for x, y in zip(xs, ys, strict=True)
        ]

    def _clipped(self, svg: str) -> str:
        return f'<g clip-path="url(#{self._name}-clip)">{svg}</g>' if svg else ""

    def _hatch(self, kind: str) -> str:
        """Return the name of a hatch's pattern, which is defined on its first use."""
        name = f"{self._name}-h{ord(kind[0])}"
        if not any(f'"{name}"' in each for each in self._defs):
            self._defs.append(hatch(kind, name))
        return name

    def _frame_svg(self) -> tuple[str, str]:
        """Return the grid, which lies behind all, and the frame with its ticks and titles."""
        left, top, right, bottom = self._edges()
        (x0, x1), (y0, y1) = self._limits(self._x), self._limits(self._y)
        x_places = ticks(min(x0, x1), max(x0, x1), max(1, min(9, int((right - left) / 27))))
        y_places = self._y.places
        if y_places is None:
            y_places = ticks(
                min(y0, y1),
                max(y0, y1),
                max(1, min(9, int((bottom - top) / 18))),
                whole=self._y.whole,
            )
        y_labels = self._y.labels if self._y.labels is not None else tick_labels(y_places)
        columns = [place[0] for place in self._pixels(x_places, [y0] * len(x_places))]
        rows = [place[1] for place in self._pixels([x0] * len(y_places), y_places)]
        back = (
            "".join(straight(each, top, each, bottom) for each in columns) if self._x.grid else ""
        )
        back += "".join(straight(left, each, right, each) for each in rows) if self._y.grid else ""
        front = straight(left, top, left, bottom, SOFT_INK, 0.7) + straight(
            left, bottom, right, bottom, SOFT_INK, 0.7
        )
        front += "".join(
            straight(each, bottom, each, bottom + self._x.tick_length, SOFT_INK, 0.7)
            for each in columns
        )
        front += (
            "".join(
                straight(left - self._y.tick_length, each, left, each, SOFT_INK, 0.7)
                for each in rows
            )
            if self._y.tick_length
            else ""
        )
        if self._x.labelled:
            front += "".join(
                letters(at, bottom + 6, text, ha="center", va="top")
                for at, text in zip(columns, tick_labels(x_places), strict=True)
            )
        size, bold = self._y.size, self._y.bold
        front += "".join(
            letters(left - 7, at, text, size=size, ha="right", va="center", bold=bold)
            for at, text in zip(rows, y_labels, strict=True)
        )
        if self._x.title:
            front += letters((left + right) / 2, bottom + 20, self._x.title, ha="center", va="top")
        if self._y.title:
            widest = max((len(each) for each in y_labels), default=0) * size * 0.62
            front += letters(
                left - 12 - widest, (top + bottom) / 2, self._y.title, ha="center", turn=90
            )
        return back, front


def floats(values: Any) -> list[float]:
    """Return numbers of any kind of sequence as floats, NaN for null."""
    listed = (
        values.to_list()
        if hasattr(values, "to_list")
        else values.tolist()
        if hasattr(values, "tolist")
        else list(values)
    )
    return [math.nan if each is None else float(each) for each in listed]


def spread(values: Any, count: int) -> list[float]:
    """Return ``count`` floats: of a sequence its own, of a number this one so many times."""
    return [float(values)] * count if isinstance(values, int | float) else floats(values)
