"""The axes of a sketch: limits, ticks, titles and legend around what is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tcpexp.plots.kit.lettering import wrapped
from tcpexp.plots.kit.look import SOFT_INK
from tcpexp.plots.kit.sketchlegend import Handle, SketchLegend
from tcpexp.plots.kit.sketchlines import Lines
from tcpexp.plots.kit.sketchshapes import Shapes
from tcpexp.plots.kit.sketchspace import Axis, Box, BoxPosition, Frame
from tcpexp.plots.kit.svgparts import letters, rectangle, straight, text_points
from tcpexp.plots.kit.ticks import tick_labels, ticks

#: A legend stays so many points away from the figure's left edge.
FROM_EDGE = 4.0


class SketchAxes(Lines, Shapes):
    """One pair of axes. Methods are named and meant as matplotlib's."""

    def __init__(self, figure_points: Callable[[], tuple[float, float]], box: Box) -> None:
        super().__init__(figure_points, box)
        self._legend: SketchLegend | None = None
        self._title: tuple[str, dict[str, Any]] | None = None
        self._frame = True
        self.handles: list[Handle] = []
        self.transAxes: Frame = "axes"

    def get_xaxis_transform(self) -> Frame:
        """Return how to say that x is data and y a part of the axes."""
        return "xaxis"

    def get_position(self) -> BoxPosition:
        """Return where the axes stand."""
        return self._place

    def set_position(self, box: Box) -> None:
        """Move them."""
        self._place = BoxPosition(*box)

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
    def _limit(axis: Axis, low: Any, high: float | None) -> None:
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
        self._y.places, self._y.labels = [float(place) for place in places], list(labels)
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
        for name, ruled in (("x", self._x), ("y", self._y)):
            if axis in ("both", name):
                ruled.grid = visible

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
        return self.handles, [handle.label for handle in self.handles]

    def legend(
        self,
        *,
        handles: list[Handle],
        ncols: int,
        columnspacing: float = 1.6,
        fontsize: float = 8.5,
        **_: Any,
    ) -> None:
        """Put a legend over the axes, at the right, in as many columns as fit."""
        self._legend = SketchLegend(handles, ncols, fontsize)
        self._legend.fit(self._edges()[2] - FROM_EDGE)

    def get_legend(self) -> SketchLegend | None:
        """Return the legend."""
        return self._legend

    def points_above(self) -> float:
        """Return how much room the title and the legend take over the axes, in points."""
        left = self._edges()[0]
        lines = self._title_lines()
        height = 12.0 * len(lines)
        if self._legend is not None:
            title = max((text_points(line, self._title_size()) for line in lines), default=0.0)
            self._legend.raised = len(lines) if left + title > self.legend_left() - 4 else 0
            height = max(height, self._legend.height())
        return height

    def legend_left(self) -> float:
        """Return where the legend begins, in points from the figure's left edge."""
        right = self._edges()[2]
        return right - self._legend.width() if self._legend is not None else right

    def _title_lines(self) -> list[str]:
        """Return the title in lines that the figure has room for."""
        if self._title is None:
            return []
        room = (self._figure()[0] - self._edges()[0] - FROM_EDGE) / 72
        return wrapped(self._title[0], room, self._title_size())

    def _title_size(self) -> float:
        return float(self._title[1]["size"]) if self._title else 0.0

    def move_up(self, points: float, old: float) -> None:
        """Move the axes by ``points`` in a figure that was ``old`` high and grew by as many."""
        place = self._place
        new = old + points
        self._place = BoxPosition(
            place.x0, (place.y0 * old + points) / new, place.width, place.height * old / new
        )

    def keep_down(self, points: float, old: float) -> None:
        """Keep the axes' distance from the lower edge in a figure that grew by ``points``."""
        self.move_up(points, old)
        place, new = self._place, old + points
        self._place = BoxPosition(place.x0, place.y0 - points / new, place.width, place.height)

    def edges(self) -> Box:
        """Return left, top, right and bottom in points from the figure's upper left."""
        return self._edges()

    @property
    def points_below(self) -> float:
        """How much room the numbers below take, in points."""
        return 20.0 if self._frame and self._x.labelled else 2.0

    def to_svg(self, name: str) -> str:
        """Return everything that was drawn; ``name`` begins the identifiers."""
        self._name = name
        back, front = self._frame_svg() if self._frame else ("", "")
        drawn = "".join(draw() for _, draw in sorted(self._items, key=lambda item: item[0]))
        left, top, right, bottom = self._edges()
        if self._title:
            look = self._title[1]
            text = "\n".join(self._title_lines())
            front += letters(
                left, top - look["pad"], text, size=look["size"], color=look["color"], halo=True
            )
        if self._legend is not None:
            front += self._legend.to_svg(right, top, self._hatch)
        place = rectangle(left, top, right - left, bottom - top)
        clip = f'<clipPath id="{name}-clip"><rect {place}/></clipPath>'
        return f"<defs>{clip}{''.join(self._defs)}</defs>{back}{drawn}{front}"

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
            "".join(straight(column, top, column, bottom) for column in columns)
            if self._x.grid
            else ""
        )
        back += "".join(straight(left, row, right, row) for row in rows) if self._y.grid else ""
        front = straight(left, top, left, bottom, SOFT_INK, 0.7) + straight(
            left, bottom, right, bottom, SOFT_INK, 0.7
        )
        front += "".join(
            straight(column, bottom, column, bottom + self._x.tick_length, SOFT_INK, 0.7)
            for column in columns
        )
        front += (
            "".join(
                straight(left - self._y.tick_length, row, left, row, SOFT_INK, 0.7) for row in rows
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
            letters(
                left - 7,
                at,
                "\n".join(wrapped(text, (left - 9) / 72, size)),
                size=size,
                ha="right",
                va="center",
                bold=bold,
                spacing=1.1,
            )
            for at, text in zip(rows, y_labels, strict=True)
        )
        if self._x.title:
            lines = wrapped(self._x.title, self._figure()[0] / 72 - 0.1, 9.0)
            half = max(text_points(line, 9.0) for line in lines) / 2
            middle = max(min((left + right) / 2, self._figure()[0] - half - 2), half + 2)
            front += letters(middle, bottom + 20, "\n".join(lines), ha="center", va="top")
        if self._y.title:
            widest = max((len(y_label) for y_label in y_labels), default=0) * size * 0.62
            front += letters(
                left - 12 - widest, (top + bottom) / 2, self._y.title, ha="center", turn=90
            )
        return back, front
