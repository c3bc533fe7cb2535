"""The legend of a sketch: a line or two over the axes, right-aligned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tcpexp.plots.kit.svgparts import letters, looks, marker_path, number, straight, text_points

ROW, SAMPLE, GAP = 12.2, 22.0, 13.0


@dataclass(frozen=True)
class Handle:
    """One entry: a line (``width`` above 0), a marker, or a ``patch`` that may be hatched."""

    label: str
    color: str
    width: float = 0.0
    dash: str | None = None
    marker: str | None = None
    size: float = 6.0
    fill: str = "none"
    edge: str = "none"
    edge_width: float = 1.0
    patch: bool = False
    hatch: str = ""

    def to_svg(self, x: float, y: float, pattern: Callable[[str], str]) -> str:
        """Return the sample, ``SAMPLE`` points wide, around the height ``y``."""
        if self.patch:
            place = f'x="{number(x)}" y="{number(y - 4)}" width="{number(SAMPLE)}" height="8"'
            whole = f"<rect {place}{looks(fill=self.color)}/>"
            return whole + (
                f'<rect {place} fill="url(#{pattern(self.hatch)})"/>' if self.hatch else ""
            )
        line = (
            straight(x, y, x + SAMPLE, y, self.color, self.width, self.dash) if self.width else ""
        )
        if not self.marker:
            return line
        path = marker_path(self.marker, [(x + SAMPLE / 2, y)], self.size / 2)
        outline = looks(fill=self.fill, stroke=self.edge, stroke_width=float(self.edge_width))
        return f'{line}<path d="{path}"{outline}/>'


class SketchLegend:
    """Entries in rows of at most ``columns``."""

    def __init__(self, handles: list[Handle], columns: int, size: float) -> None:
        self.handles, self._ncols, self.size = handles, columns, size
        #: By how many rows it is raised above the axes' title, which it would else cover.
        self.raised = 0

    def get_texts(self) -> list[str]:
        """Return the labels."""
        return [handle.label for handle in self.handles]

    def fit(self, points: float) -> None:
        """Use fewer columns until the legend is not wider than ``points``."""
        while self._ncols > 1 and self.width() > points:
            self._ncols -= 1

    def _rows(self) -> list[list[Handle]]:
        starts = range(0, len(self.handles), self._ncols)
        return [self.handles[start : start + self._ncols] for start in starts]

    def _widths(self) -> list[float]:
        rows = self._rows()
        return [
            max(text_points(row[column].label, self.size) for row in rows if column < len(row))
            for column in range(len(rows[0]))
        ]

    def width(self) -> float:
        """Return how wide the legend is, in points."""
        widths = self._widths()
        return sum(widths) + len(widths) * (SAMPLE + 5) + (len(widths) - 1) * GAP

    def height(self) -> float:
        """Return how far it reaches above its lower edge, in points."""
        return (len(self._rows()) + self.raised) * ROW + 2

    def to_svg(self, right: float, bottom: float, pattern: Callable[[str], str]) -> str:
        """Return the legend; its lower right corner is given."""
        rows, widths = self._rows(), self._widths()
        left = right - self.width()
        bottom -= ROW * self.raised
        parts = []
        for index, row in enumerate(rows):
            y = bottom - 6 - (len(rows) - 1 - index) * ROW
            x = left
            for handle, width in zip(row, widths, strict=False):
                parts.append(
                    handle.to_svg(x, y, pattern)
                    + letters(
                        x + SAMPLE + 5, y, handle.label, size=self.size, va="center", halo=True
                    )
                )
                x += SAMPLE + 5 + width + GAP
        return "".join(parts)
