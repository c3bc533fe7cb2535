"""Action marks: thin vertical lines at the moments when something was done, with labels that never
overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcpexp.plots.kit.lettering import FONT_POINTS, text_inches
from tcpexp.plots.kit.look import INK, PAPER, SOFT_INK
from tcpexp.plots.kit.style import add_head_room, is_sketch
from tcpexp.views.marks import action_marks
from tcpexp.views.spans import active_span, shown_span

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tcpexp.plots.base import Options
    from tcpexp.store.rundata import RunData

ROW_INCHES = 0.15
MAX_ROWS = 4
LONGEST = 40


@dataclass(frozen=True)
class PlacedLabel:
    """A label with its row (0 is next to the axes) and its left edge and width in inches from the
    axes' left edge.
    """

    text: str
    row: int
    left: float
    width: float
    anchor: float


def draw_marks(
    figure: Figure, axes: Sequence[Axes], run: RunData, options: Options, *, whole: bool = False
) -> None:
    """Draw the marks on ``axes`` (the first is the uppermost) and add room for their labels on top
    of the figure.

    ``whole`` as in ``time_limits``.
    """
    span_of = shown_span if whole else active_span
    start, end = span_of(run, options.get("between"))
    marks = [mark for mark in action_marks(run) if start <= mark.t_ns <= end]
    if not marks:
        add_head_room(figure, _occupied(axes[0]))
        return
    for axis in axes:
        for mark in marks:
            axis.axvline(
                mark.t_ns / 1e9, color=SOFT_INK, linewidth=0.7, linestyle=(0, (4, 2)), zorder=1.5
            )
    inches = axes[0].get_position().width * figure.get_size_inches()[0]
    placed = place_labels(
        [((m.t_ns - start) / (end - start) * inches, m.label) for m in marks], inches
    )
    rows = 1 + max(label.row for label in placed)
    legend_room = _occupied(axes[0])
    add_head_room(figure, rows * ROW_INCHES + 0.06 + legend_room)
    height = axes[0].get_position().height * figure.get_size_inches()[1]
    for label in placed:
        bottom = 1 + (legend_room + 0.05 + label.row * ROW_INCHES) / height
        axes[0].plot(
            [label.anchor / inches] * 2,
            [1, bottom + 0.1 / height],
            transform=axes[0].transAxes,
            clip_on=False,
            color=SOFT_INK,
            linewidth=0.7,
            linestyle=(0, (4, 2)),
            zorder=1.5,
            scalex=False,
            scaley=False,
        )
        axes[0].text(
            label.left / inches,
            bottom,
            label.text,
            transform=axes[0].transAxes,
            fontsize=FONT_POINTS,
            color=INK,
            ha="left",
            va="bottom",
            clip_on=False,
            bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 0.6},
        )


def _occupied(axes: Axes) -> float:
    """Return how many inches the legend or the panel's title take over ``axes``."""
    if is_sketch(axes):
        points: float = axes.points_above()  # type: ignore[attr-defined]
        return points / 72 + 0.03 if points else 0.0
    legend = axes.get_legend()
    if legend is None:
        return 0.2 if axes.get_title(loc="left") else 0.0
    rows: int = -(-len(legend.get_texts()) // max(int(legend._ncols), 1))  # type: ignore[attr-defined]
    return 0.03 + 0.17 * float(rows)


def place_labels(wanted: Sequence[tuple[float, str]], inches: float) -> list[PlacedLabel]:
    """Return where each label goes on a strip of ``inches`` width, from left to right.

    ``wanted`` holds positions (inches) and texts in order. Labels at nearly the same place are
    joined. A label goes to the lowest row in which it meets no other and lies above the lines of
    the marks that it passes over; what fits in none of ``MAX_ROWS`` rows is counted (``+n``) by the
    label to its right.
    """
    placed: list[PlacedLabel] = []
    left_out: dict[int, int] = {}
    for anchor, text in reversed(_joined(wanted, inches)):
        width = text_inches(text)
        left = max(0.0, min(anchor + 0.04, inches - width))
        right = left + width + 0.1
        under = max((other.row + 1 for other in placed if left <= other.anchor <= right), default=0)
        taken = {
            other.row
            for other in placed
            if other.left < right and left < other.left + other.width + 0.1
        }
        row = next((row for row in range(under, MAX_ROWS) if row not in taken), None)
        if row is None:
            left_out[len(placed) - 1] = left_out.get(len(placed) - 1, 0) + 1
        else:
            placed.append(PlacedLabel(text, row, left, width, anchor))
    return [_with_count(label, left_out.get(index, 0)) for index, label in enumerate(placed)][::-1]


def _joined(wanted: Sequence[tuple[float, str]], inches: float) -> list[tuple[float, str]]:
    groups: list[tuple[float, list[str]]] = []
    for anchor, text in wanted:
        short = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
        if groups and anchor - groups[-1][0] < 0.03:
            if short not in groups[-1][1]:
                groups[-1][1].append(short)
        else:
            groups.append((anchor, [short]))
    return [(anchor, _one_label(texts, inches)) for anchor, texts in groups]


def _one_label(texts: list[str], inches: float) -> str:
    """Return the label of marks at one place: two texts where both fit, else the first."""
    both = " · ".join(texts)
    if len(texts) == 2 and text_inches(both) <= inches:
        return both
    more = f" +{len(texts) - 1}" if len(texts) > 1 else ""
    first = texts[0]
    while len(first) > 1 and text_inches(first + more) > inches:
        first = first.removesuffix("…")[:-1] + "…"
    return first + more


def _with_count(label: PlacedLabel, more: int) -> PlacedLabel:
    if not more:
        return label
    return PlacedLabel(f"{label.text} +{more}", label.row, label.left, label.width, label.anchor)
