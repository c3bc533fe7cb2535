"""A figure that writes SVG itself: the part of matplotlib's calls that our plots use.

For a report's page, where starting matplotlib would cost more than the run. A plot draws on what
:func:`tcpexp.plots.kit.style.panels` or :func:`tcpexp.plots.kit.style.new_figure` gives it, and
that is one of these inside ``with sketching():``. A call that is not known here raises
``AttributeError`` or ``TypeError``: whoever asked for the sketch then has the plot drawn by
matplotlib.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from itertools import pairwise

from tcpexp.plots.kit.lettering import wrapped
from tcpexp.plots.kit.sketchaxes import SketchAxes
from tcpexp.plots.kit.svgparts import letters, number, point, text_points

POINTS_PER_INCH = 72
#: How much wider bold letters are.
BOLD = 1.12


@dataclass
class Title:
    """A figure's title: a place in parts of the figure, from its lower left."""

    text: str
    x: float
    y: float
    va: str = "top"
    fontsize: float = 11.0

    def set_y(self, y: float) -> None:
        """Move it."""
        self.y = y


@dataclass
class SketchFigure:
    """A figure of ``figsize`` inches.

    Places on it are parts of its width and height, from the lower left.
    """

    figsize: tuple[float, float]
    axes: list[SketchAxes] = field(default_factory=list)
    _suptitle: Title | None = None

    def add_axes(self, box: tuple[float, float, float, float]) -> SketchAxes:
        """Return new axes: left, bottom, width, height."""
        self.axes.append(SketchAxes(self.points, tuple(box)))  # type: ignore[arg-type]
        return self.axes[-1]

    def points(self) -> tuple[float, float]:
        """Return width and height in points."""
        return self.figsize[0] * POINTS_PER_INCH, self.figsize[1] * POINTS_PER_INCH

    def get_size_inches(self) -> tuple[float, float]:
        """Return width and height."""
        return self.figsize

    def set_size_inches(self, width: float, height: float) -> None:
        """Change width and height; what stands on it keeps its place in parts."""
        self.figsize = (width, height)

    def suptitle(
        self,
        text: str,
        *,
        x: float,
        y: float,
        ha: str = "left",
        va: str = "top",
        fontsize: float = 11,
        fontweight: str = "bold",
    ) -> None:
        """Write the title; it is bold and begins at ``x``."""
        self._suptitle = Title(text, x, y, va, fontsize)

    def _make_room(self) -> None:
        """Move axes apart where the title and the legend of the lower ones have no room, and the
        uppermost down where its legend would cover the figure's title.
        """
        self._keep_title_free()
        for index, (upper, lower) in enumerate(pairwise(self.axes), 1):
            gap = lower.edges()[1] - upper.edges()[3]
            missing = lower.points_above() + upper.points_below - gap
            if missing <= 0 or gap < 0:
                continue
            self._grow(missing, self.axes[:index], self.axes[index:])

    def _keep_title_free(self) -> None:
        head = self._suptitle
        if head is None or not self.axes:
            return
        width, height = self.points()
        first = self.axes[0]
        above = first.points_above()
        title_right = head.x * width + text_points(head.text, head.fontsize, bold=True)
        missing = (1 - head.y) * height + head.fontsize * 1.4 + above - first.edges()[1]
        if above and missing > 0 and (title_right > first.legend_left() - 6):
            self._grow(missing, [], self.axes)

    def _grow(self, points: float, up: list[SketchAxes], kept: list[SketchAxes]) -> None:
        """Make the figure taller: axes that move up with its upper edge, and those that do not."""
        old = self.figsize[1] * POINTS_PER_INCH
        for axis in up:
            axis.move_up(points, old)
        for axis in kept:
            axis.keep_down(points, old)
        if self._suptitle is not None:
            self._suptitle.set_y(1 - (1 - self._suptitle.y) * old / (old + points))
        self.figsize = (self.figsize[0], (old + points) / POINTS_PER_INCH)

    def to_svg(self, title: str, name: str) -> str:
        """Return the figure as an element for an HTML page.

        ``title`` is its name for screen readers, ``name`` begins its identifiers.
        """
        self._make_room()
        width, height = self.points()
        drawn = "".join(axis.to_svg(f"{name}-{index}") for index, axis in enumerate(self.axes))
        head, more = self._suptitle, 0.0
        if head is not None:
            room = (1 - head.x) * width / POINTS_PER_INCH
            lines = wrapped(head.text, room / BOLD, head.fontsize)
            more = (len(lines) - 1) * head.fontsize * 1.2
            drawn += letters(
                head.x * width,
                (1 - head.y) * height - more,
                "\n".join(lines),
                size=head.fontsize,
                va=head.va,
                bold=True,
            )
        view = f"0 {number(-more)} {point(width, height + more)}"
        return (
            f'<svg viewBox="{view}" role="img" '
            f'aria-label="{escape(title, quote=True)}" '
            f"style=\"font-family: 'DejaVu Sans', Verdana, sans-serif\">{drawn}</svg>"
        )
