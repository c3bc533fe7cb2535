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

from tcpexp.plots.kit.sketchaxes import SketchAxes
from tcpexp.plots.kit.svgparts import letters, point

POINTS_PER_INCH = 72


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

    def to_svg(self, title: str, name: str) -> str:
        """Return the figure as an element for an HTML page.

        ``title`` is its name for screen readers, ``name`` begins its identifiers.
        """
        width, height = self.points()
        drawn = "".join(axis.to_svg(f"{name}-{index}") for index, axis in enumerate(self.axes))
        head = self._suptitle
        if head is not None:
            drawn += letters(
                head.x * width,
                (1 - head.y) * height,
                head.text,
                size=head.fontsize,
                va=head.va,
                bold=True,
            )
        return (
            f'<svg viewBox="0 0 {point(width, height)}" role="img" '
            f'aria-label="{escape(title, quote=True)}" '
            f"style=\"font-family: 'DejaVu Sans', Verdana, sans-serif\">{drawn}</svg>"
        )
