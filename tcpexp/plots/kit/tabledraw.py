"""A ``Table`` as a picture, for documents that take no HTML."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcpexp.plots.kit.lettering import text_inches, wrapped
from tcpexp.plots.kit.look import GRID, INK, SHADE, SOFT_INK
from tcpexp.plots.kit.style import WIDTH
from tcpexp.plots.kit.table import Column

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tcpexp.plots.kit.table import Column, Part, Row, Table
    from tcpexp.views.packets import PacketLink

MARGIN, GAP = 0.3, 0.24
#: Heights in inches: one line of text, and the space around the lines of a row.
LINE, PADDING = 0.15, 0.07
POINTS = 8.0
#: No column of words is made narrower than this, inches.
NARROWEST = 1.0
PACKETS = "packets"


@dataclass(frozen=True)
class _Line:
    """What is drawn at one height: the lines of text of each cell."""

    cells: tuple[tuple[str, ...], ...]
    shaded: bool = False

    @property
    def height(self) -> float:
        return max((len(cell) for cell in self.cells), default=1) * LINE + PADDING


def draw_table(table: Table, title: str) -> Figure:
    """Return the table as a figure as high as it needs to be; long texts are wrapped."""
    from matplotlib.figure import Figure

    parts = [
        _Layout(part, [drawn for drawn in table.parts if drawn.columns == part.columns])
        for part in table.parts
    ]
    notes = [
        line for text in (table.note,) if text for line in wrapped(text, WIDTH - 2 * MARGIN, POINTS)
    ]
    height = 0.5 + sum(part.height for part in parts) + len(notes) * LINE + (0.1 if notes else 0.0)
    figure = Figure(figsize=(WIDTH, height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, WIDTH)
    axes.set_ylim(height, 0)
    figure.suptitle(
        title,
        x=MARGIN / WIDTH,
        y=1 - 0.08 / height,
        ha="left",
        va="top",
        fontsize=11,
        fontweight="bold",
    )
    y = 0.4
    for part in parts:
        y = part.draw(axes, y)
    _write(axes, MARGIN, y + LINE / 2, notes, SOFT_INK)
    return figure


class _Layout:
    """Where the cells of one part stand.

    ``alike`` are the parts with the same columns, which get the same widths.
    """

    def __init__(self, part: Part, alike: list[Part]) -> None:
        linked = any(row.packets for alike_part in alike for row in alike_part.rows)
        self.columns: tuple[Column, ...] = (*part.columns, *((Column(PACKETS),) if linked else ()))
        texts = [row_texts(row, linked) for row in part.rows]
        self.widths = column_widths(
            self.columns,
            [row_texts(row, linked) for alike_part in alike for row in alike_part.rows],
        )
        self.title = wrapped(part.title, WIDTH - 2 * MARGIN, POINTS) if part.title else []
        note = " ".join(
            text
            for text in (part.note, f"Packets: {links_text(part.packets)}." if part.packets else "")
            if text
        )
        self.note = wrapped(note, WIDTH - 2 * MARGIN, POINTS) if note else []
        self.head = _Line(
            tuple(
                tuple(wrapped(column.heading, width, POINTS))
                for column, width in zip(self.columns, self.widths, strict=True)
            )
        )
        self.lines = [
            _Line(
                tuple(
                    tuple(wrapped(text, width, POINTS))
                    for text, width in zip(cells, self.widths, strict=True)
                ),
                row.shaded,
            )
            for cells, row in zip(texts, part.rows, strict=True)
        ]

    @property
    def height(self) -> float:
        """Inches from the top of the title to the space below the note."""
        text = len(self.title) + len(self.note)
        return (
            text * LINE + 0.08 + self.head.height + sum(line.height for line in self.lines) + 0.22
        )

    def draw(self, axes: Axes, y: float) -> float:
        """Draw the part from ``y`` inches downwards and return where the next one begins."""
        end = y + self.height
        _write(axes, MARGIN, y + LINE / 2, self.title, SOFT_INK, bold=True)
        y += len(self.title) * LINE + 0.04
        self._draw_line(axes, y, self.head, SOFT_INK)
        y += self.head.height
        right = MARGIN + sum(self.widths) + GAP * (len(self.widths) - 1)
        axes.plot([MARGIN, right], [y, y], color=SOFT_INK, linewidth=0.8)
        for line in self.lines:
            if line.shaded:
                axes.fill_between(
                    [MARGIN - 0.06, right + 0.06],
                    y,
                    y + line.height,
                    color=SHADE,
                    linewidth=0,
                    zorder=0,
                )
            self._draw_line(axes, y, line, INK)
            y += line.height
            axes.plot([MARGIN, right], [y, y], color=GRID, linewidth=0.5)
        _write(axes, MARGIN, y + 0.04 + LINE / 2, self.note, SOFT_INK)
        return end

    def _draw_line(self, axes: Axes, y: float, line: _Line, color: str) -> None:
        x = MARGIN
        for column, width, cell in zip(self.columns, self.widths, line.cells, strict=True):
            place = x + width if column.align == "right" else x
            _write(axes, place, y + PADDING / 2 + LINE / 2, list(cell), color, align=column.align)
            x += width + GAP


def row_texts(row: Row, linked: bool) -> tuple[str, ...]:
    """Return the cells' texts, with the packets as a last one when the part has such a column."""
    return (*row.cells, *((links_text(row.packets),) if linked else ()))


def links_text(packets: tuple[PacketLink, ...]) -> str:
    """Return ``h1-eth0 #7, h2-eth0 #6``, to be wrapped between packets only."""
    return ", ".join(f"{packet.capture}\u00a0#{packet.number}" for packet in packets)


def column_widths(columns: tuple[Column, ...], texts: list[tuple[str, ...]]) -> list[float]:
    """Return widths in inches: what each column's longest text needs.

    Columns of words are narrowed until all fit, where it costs the fewest lines.
    """
    widths = [
        max(
            [_longest_word(column.heading), *(text_inches(cells[index], POINTS) for cells in texts)]
        )
        + 0.02
        for index, column in enumerate(columns)
    ]
    room = WIDTH - 2 * MARGIN - GAP * (len(columns) - 1)
    for index, column in enumerate(columns):  # a heading stands on one line where there is room
        wider = max(widths[index], text_inches(column.heading, POINTS) + 0.02)
        if sum(widths) - widths[index] + wider <= room:
            widths[index] = wider
    words = [index for index, column in enumerate(columns) if column.align == "left"]
    needed = [[text_inches(text, POINTS) for text in cells] for cells in texts]
    while sum(widths) > room:
        wide = [index for index in words if widths[index] > NARROWEST]
        if not wide:
            break
        step = min(sum(widths) - room, 0.15) + 1e-6
        cheapest = min(
            wide,
            key=lambda index: (
                _lines(needed, [*widths[:index], widths[index] - step, *widths[index + 1 :]]),
                -widths[index],
            ),
        )
        widths[cheapest] = max(NARROWEST, widths[cheapest] - step)
    return widths


def _lines(needed: list[list[float]], widths: list[float]) -> int:
    """Return about how many lines of text all rows take, when each text needs so many inches on one
    line.
    """
    return sum(
        max(-int(-cell // width) for cell, width in zip(cells, widths, strict=True))
        for cells in needed
    )


def _longest_word(text: str) -> float:
    return max((text_inches(word, POINTS) for word in text.split(" ")), default=0.0)


def _write(
    axes: Axes,
    x: float,
    y: float,
    lines: list[str],
    color: str,
    *,
    align: str = "left",
    bold: bool = False,
) -> None:
    for index, line in enumerate(lines):
        weight = "bold" if bold else "normal"
        axes.text(
            x,
            y + index * LINE,
            line.replace("$", r"\$"),
            ha=align,
            va="center",
            fontsize=POINTS,
            color=color,
            fontweight=weight,
        )
